//! Which addresses are anybody's, and which an operator must have meant.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

/// Networks that are not public unicast. No network of an operator opens one of them unless it lies wholly inside it:
/// who allows 0.0.0.0/0 means the internet, and who allows 127.0.0.0/8 means this machine. Where one lies in another,
/// the inner one counts: who allows all link-local addresses does not mean the cloud's metadata.
///
/// After IANA's special-purpose registries (RFC 6890).
static GUARDED: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    let networks = [
        // Unspecified, which Linux connects to this machine, and this machine.
        "0.0.0.0/8 ::/128 127.0.0.0/8 ::1/128",
        // Private, shared by carriers and clouds (RFC 6598), site-local.
        "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 fc00::/7 fec0::/10",
        // Link-local.
        "169.254.0.0/16 fe80::/10",
        // What hands out metadata and credentials to machines: of most clouds; AWS, with its ECS and EKS; Google;
        // Azure, public by its looks; Oracle; Alibaba; Tencent, Scaleway, Linode.
        "169.254.169.254/32 fd00:ec2::254/128 169.254.170.2/32 169.254.170.23/32 fd00:ec2::23/128 fd20:ce::254/128",
        "168.63.129.16/32 192.0.0.192/32 fd00:c1::a9fe:a9fe/128 100.100.100.200/32 fd00:100::100:200/128",
        "169.254.0.23/32 169.254.42.42/32 fd00:42::42/128 fd00:a9fe:a9fe::1/128 fe80::a9fe:a9fe/128",
        // Multicast, broadcast, reserved.
        "224.0.0.0/4 ff00::/8 255.255.255.255/32 240.0.0.0/4",
        // Documentation, benchmarks, protocols.
        "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20 198.18.0.0/15 192.0.0.0/24 2001::/23",
        // IPv4-compatible, IPv4-translated (RFC 2765), local NAT64 (RFC 8215), Teredo, 6to4 and its relays.
        "::/96 ::ffff:0:0:0/96 64:ff9b:1::/48 2001::/32 2002::/16 192.88.99.0/24",
        // All of IPv6 but 2000::/3, the only part that is given to anybody (RFC 4291).
        "::/3 4000::/2 8000::/1",
    ];
    let networks = networks.iter().flat_map(|line| line.split(' '));
    networks.map(|network| network.parse().expect("each is a network")).collect()
});

/// Ways to write an IPv4 address in 128 bits which are that address and nothing else: packets go to it.
static WRITTEN_AS_IPV6: LazyLock<[IpNet; 2]> =
    LazyLock::new(|| ["::ffff:0:0/96", "64:ff9b::/96"].map(|network| network.parse().expect("each is a network")));

/// Whether the address is public unicast.
pub(super) fn is_public(address: IpAddr) -> bool {
    guards(address).next().is_none()
}

/// Whether an operator who wrote the network means the address.
pub(super) fn opens(network: &IpNet, address: IpAddr) -> bool {
    network.contains(&address) && guards(address).all(|guard| guard.contains(network))
}

/// Whether the network is one of IPv4 that was written as one of IPv6. No address is ever judged as such.
pub(super) fn is_written_as_ipv6(network: &IpNet) -> bool {
    WRITTEN_AS_IPV6.iter().any(|ways| ways.contains(network))
}

fn guards(address: IpAddr) -> impl Iterator<Item = &'static IpNet> {
    GUARDED.iter().filter(move |guard| guard.contains(&address))
}

/// All that an address stands for. A packet to it may end up at any of these, so each must be allowed.
pub(super) fn readings(address: IpAddr) -> Vec<IpAddr> {
    let IpAddr::V6(v6) = address else { return vec![address] };
    let v4 = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    let mut all = match v6.segments() {
        // IPv4-mapped, and NAT64 by its well-known prefix, which DNS64 answers with for every IPv4 address.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => return vec![v4(high, low)],
        // Unspecified and loopback, which look like IPv4-compatible ones.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => return vec![address],
        // IPv4-compatible and IPv4-translated, local NAT64 with a prefix of 96 bits, 6to4.
        [0, 0, 0, 0, 0 | 0xffff, 0, high, low] | [0x64, 0xff9b, 1, _, 0, 0, high, low] | [0x2002, high, low, ..] => {
            vec![address, v4(high, low)]
        }
        // Other local NAT64: its gateway alone knows where in it the IPv4 address stands. So no entry opens it.
        [0x64, 0xff9b, 1, ..] => vec![address, v4(0, 0)],
        // Teredo: a server, and a client behind it with each bit flipped.
        [0x2001, 0, server_high, server_low, _, _, high, low] => {
            vec![address, v4(server_high, server_low), v4(!high, !low)]
        }
        _ => vec![address],
    };
    // ISATAP, below any prefix (RFC 5214).
    if let [_, _, _, _, 0 | 0x200, 0x5efe, high, low] = v6.segments() {
        all.push(v4(high, low));
    }
    all
}
