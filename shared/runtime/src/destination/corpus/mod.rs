//! Addresses and spellings, each with what becomes of it.

mod table;

use super::{AllowedDestinations, Checked, Destination, DestinationError, Host, resolve};
use ipnet::Ipv4Net;
use proptest::prelude::*;
use std::collections::HashMap;
use std::future::ready;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use table::{GUARDED, GUARDED_IPV4, MALFORMED, NAMES, OPENINGS, PUBLIC};

/// Allows the project `p` this port of `redis.test`, and of these networks.
fn allowing(port: u16, networks: &[&str]) -> AllowedDestinations {
    let targets = networks.iter().map(|network| format!("network = \"{network}\""));
    let entries = std::iter::once("host = \"redis.test\"".to_owned())
        .chain(targets)
        .map(|target| format!("{{ projects = [\"p\"], ports = [{port}], {target} }}"));
    let toml = format!("list = [{}]", entries.collect::<Vec<_>>().join(", "));
    toml::from_str::<HashMap<String, AllowedDestinations>>(&toml).unwrap().remove("list").unwrap()
}

fn may_name(networks: &[&str], address: IpAddr) -> bool {
    let destination = match address {
        IpAddr::V4(address) => format!("{address}:80"),
        IpAddr::V6(address) => format!("[{address}]:80"),
    };
    allowing(80, networks).check(&"p".parse().unwrap(), &destination.parse().unwrap()).is_ok()
}

/// Resolves a destination for the project `p`, which may reach `redis.test` and these networks by any port.
pub(super) async fn resolved<F: Future<Output = io::Result<Vec<IpAddr>>>>(
    destination: &str,
    networks: &[&str],
    lookup: impl FnOnce(String) -> F,
) -> Result<Checked, DestinationError> {
    let (destination, project): (Destination, _) = (destination.parse()?, "p".parse().unwrap());
    let allowed = allowing(destination.port().get(), networks);
    resolve(&destination, &project, &allowed, Duration::from_millis(100), lookup).await
}

fn may_lead_to(networks: &[&str], address: IpAddr) -> bool {
    let resolved = resolved("redis.test:80", networks, |_| ready(Ok(vec![address])));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let told = runtime.block_on(resolved).map(drop).map_err(|error| error.reason());
    assert!(matches!(told, Ok(()) | Err("DESTINATION_FORBIDDEN")), "{address}: {told:?}");
    told.is_ok()
}

#[test]
fn one_spelling_is_taken() {
    for &(text, expected) in MALFORMED {
        let error = text.parse::<Destination>().expect_err(text);
        assert!(matches!(error, DestinationError::Malformed { .. }), "{text:?}: {error}");
        assert!(error.to_string().contains(expected), "{text:?}: {error}");
    }
    for &(text, expected) in NAMES {
        let destination: Destination = text.parse().expect(text);
        assert!(matches!(destination.host(), Host::Name(_)), "{text}");
        assert_eq!(destination.to_string(), expected);
    }
}

#[test]
fn the_internet_is_open_and_nothing_else() {
    let check = |text: &str, expected: bool| {
        let address: IpAddr = text.parse().expect(text);
        assert_eq!(may_name(&["0.0.0.0/0", "::/0"], address), expected, "{text}, named");
        assert_eq!(may_lead_to(&[], address), expected, "{text}, found");
        assert_eq!(may_lead_to(&["0.0.0.0/0", "::/0"], address), expected, "{text}, found below all networks");
        assert!(!may_name(&[], address), "{text}, without a network");
    };
    for text in PUBLIC {
        check(text, true);
    }
    for text in GUARDED {
        check(text, false);
    }
}

#[test]
fn an_operator_must_mean_what_is_guarded() {
    for &(networks, text, expected) in OPENINGS {
        assert_eq!(may_name(networks, text.parse().expect(text)), expected, "{text} by {networks:?}");
    }
}

/// Every way known here to write an IPv4 address in 128 bits.
fn embeddings(address: Ipv4Addr) -> Vec<Ipv6Addr> {
    let bits = u128::from(u32::from(address));
    let at =
        |prefix: &str, shift: u32| Ipv6Addr::from(u128::from(prefix.parse::<Ipv6Addr>().unwrap()) | (bits << shift));
    let teredo = |prefix: &str| Ipv6Addr::from(u128::from(prefix.parse::<Ipv6Addr>().unwrap()) ^ bits);
    vec![
        address.to_ipv6_mapped(),
        at("64:ff9b::", 0),
        at("::", 0),
        at("::ffff:0:0:0", 0),
        at("64:ff9b:1::", 0),
        at("64:ff9b:1:fffe::", 0),
        at("2002::", 80),
        at("2002:0:0:1::1", 80),
        at("2001:0:0:0:0:0:f7f7:f7f7", 64),
        teredo("2001:0:808:808:0:0:ffff:ffff"),
        at("2606:4700::5efe:0:0", 0),
        at("2606:4700::200:5efe:0:0", 0),
    ]
}

/// The internet, and all that is IPv4 in a guise.
const OPEN: &[&str] =
    &["0.0.0.0/0", "::/0", "::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "2002::/16", "2001::/23", "2001::/32"];

proptest! {
    /// An IPv4 address that may not be reached may not be reached as IPv6 either, however widely IPv6 is opened.
    #[test]
    fn ipv6_is_no_way_around(network in proptest::sample::select(GUARDED_IPV4), host in any::<u32>()) {
        let network: Ipv4Net = network.parse().unwrap();
        let address = Ipv4Addr::from(u32::from(network.network()) | (host & u32::from(network.hostmask())));
        prop_assert!(!may_name(&["0.0.0.0/0"], address.into()) && !may_lead_to(&["0.0.0.0/0"], address.into()));
        for embedded in embeddings(address) {
            prop_assert!(!may_name(OPEN, embedded.into()) && !may_lead_to(OPEN, embedded.into()), "{embedded}");
        }
    }
}

/// The same ways lead to an address of the internet, so that it is the IPv4 address that is refused above.
#[test]
fn ipv6_is_a_way_to_the_internet() {
    for embedded in embeddings([8, 8, 8, 8].into()) {
        assert!(may_name(OPEN, embedded.into()), "{embedded}");
    }
}
