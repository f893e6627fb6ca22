//! From where a call came, where proxies stand before us: each adds the peer it saw to the end of `X-Forwarded-For`, and
//! whoever calls may have written anything before that.

use actix_web::http::header::HeaderMap;
use ipnet::IpNet;
use std::net::IpAddr;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The last address that is none of our own proxies': the peer, or what the proxies before it say.
pub fn source_address(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let is_proxy = |address: IpAddr| proxies.iter().any(|network| network.contains(&address));
    let mut source = peer.to_canonical();
    // Also what is no text: a line that were left out would hide what a proxy has added to it.
    let lines: Vec<_> = headers.get_all(FORWARDED_FOR).map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    let mut told = lines.iter().rev().flat_map(|line| line.rsplit(','));
    while is_proxy(source) {
        // What can't be read ends what can be trusted.
        let Some(before) = told.next().and_then(|text| text.trim().parse::<IpAddr>().ok()) else { break };
        source = before.to_canonical();
    }
    source
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    #[test]
    fn what_our_proxies_say_is_believed_and_nothing_else() {
        let check = |peer: &str, lines: &[&str], expected: &str| {
            let proxies = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
            let mut headers = HeaderMap::new();
            for line in lines {
                headers
                    .append(HeaderName::from_static(FORWARDED_FOR), HeaderValue::from_bytes(line.as_bytes()).unwrap());
            }
            let found = source_address(peer.parse().unwrap(), &headers, &proxies);
            assert_eq!(found.to_string(), expected, "{peer} {lines:?}");
        };
        check("192.0.2.1", &[], "192.0.2.1");
        check("192.0.2.1", &["198.51.100.1"], "192.0.2.1");
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &["198.51.100.1"], "198.51.100.1");
        check("::ffff:10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1");
        // What the caller wrote stands before what our proxies add.
        check("10.0.0.1", &["203.0.113.7, 198.51.100.1"], "198.51.100.1");
        check("10.0.0.1", &["203.0.113.7", "198.51.100.1"], "198.51.100.1");
        check("10.0.0.1", &["198.51.100.1, 10.0.0.2", "fd00::1"], "198.51.100.1");
        check("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3");
        check("10.0.0.1", &["198.51.100.1, unknown"], "10.0.0.1");
        check("10.0.0.1", &["unknown, 10.0.0.2"], "10.0.0.2");
        check("10.0.0.1", &["198.51.100.1,"], "10.0.0.1");
        check("10.0.0.1", &["é, 198.51.100.1"], "198.51.100.1");
        check("10.0.0.1", &["203.0.113.7", "é"], "10.0.0.1");
    }
}
