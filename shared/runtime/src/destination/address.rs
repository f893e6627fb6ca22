//! What a user may write: one spelling of each host, so that no two readers of it disagree about what it is.

use super::DestinationError;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;
use std::str::FromStr;

const HOST_AND_PORT: &str = "host:port";
const PORT: &str = "a port from 1 to 65535, in decimal";
const HOST: &str = "a name, an IPv4 address, or an IPv6 address in brackets, and a port once";
const PLAIN_IPV4: &str = "an IPv4 address as four decimal numbers, since the host ends in a number";
const LABELS: &str = "a name of labels of 1 to 63 letters, digits and inner hyphens, without a dot at its end";
const LENGTH: &str = "a name of at most 253 characters";

/// A host as a user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A DNS name in lower case, without a dot at its end.
    Name(String),
    /// An address.
    Address(IpAddr),
}

/// A host and a port of it: `redis.example.com:6379`, `192.0.2.1:25` or `[2001:db8::1]:443`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    host: Host,
    port: NonZeroU16,
}

impl Destination {
    /// Takes a host and a port that were given apart; a port may be any number that JSON can hold.
    ///
    /// # Errors
    /// [`DestinationError::Malformed`].
    pub fn new(host: &str, port: i64) -> Result<Self, DestinationError> {
        let host = read_host(host).map_err(malformed)?;
        let port = u16::try_from(port).ok().and_then(NonZeroU16::new).ok_or(PORT).map_err(malformed)?;
        Ok(Self { host, port })
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> NonZeroU16 {
        self.port
    }
}

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, DestinationError> {
        // First, so that a user, a path or a zone is called by its name and not taken for a bad port.
        check_characters(text).map_err(malformed)?;
        let (host, port) = text.rsplit_once(':').ok_or(HOST_AND_PORT).map_err(malformed)?;
        Self::new(host, read_port(port).ok_or(PORT).map_err(malformed)?)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

fn malformed(expected: &'static str) -> DestinationError {
    DestinationError::Malformed { expected }
}

/// Without zeros before it. Signs do not matter: a plus stands in no text that gets here, and below 1 is no port.
fn read_port(text: &str) -> Option<i64> {
    text.parse().ok().filter(|_| !text.starts_with('0'))
}

fn read_host(text: &str) -> Result<Host, &'static str> {
    check_characters(text)?;
    if let Some(address) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return Ok(Host::Address(IpAddr::V6(address.parse::<Ipv6Addr>().map_err(|_| HOST)?)));
    }
    if text.contains([':', '[', ']']) {
        return Err(HOST);
    }
    if ends_in_a_number(text) {
        return Ok(Host::Address(IpAddr::V4(text.parse::<Ipv4Addr>().map_err(|_| PLAIN_IPV4)?)));
    }
    read_name(text).map(Host::Name)
}

/// What no host and no port holds, by what may be the matter.
fn check_characters(text: &str) -> Result<(), &'static str> {
    let expected = |character: char| match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' | ':' | '[' | ']' => None,
        '@' => Some("host:port alone, without user or password"),
        '/' | '\\' | '?' | '#' => Some("host:port alone, without scheme, path or query"),
        '%' => Some("no percent sign: neither escapes nor zones are taken"),
        '\0'..='\x20' | '\x7f' => Some("no white space or control characters"),
        '\u{80}'.. => Some("ASCII alone: an international name is written with xn--"),
        _ => Some("letters, digits, hyphens and dots alone"),
    };
    text.chars().find_map(expected).map_or(Ok(()), Err)
}

/// Whether resolvers and browsers might take it for an address, like `127.1`, `0x7f.1` or `2130706433`: the rule
/// "ends in a number" of the WHATWG's URL standard, and what looks like a hexadecimal number besides.
fn ends_in_a_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    let decimal = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
    decimal || last.starts_with("0x") || last.starts_with("0X")
}

/// A host name by RFC 1123, in lower case. Names with underscores are those of records, not of hosts.
pub(super) fn read_name(text: &str) -> Result<String, &'static str> {
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.len() > 253 {
        Err(LENGTH)
    } else if !text.split('.').all(fits) || ends_in_a_number(text) {
        Err(LABELS)
    } else {
        Ok(text.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_and_a_port_may_come_apart() {
        let check = |host: &str, port: i64, expected: Result<&str, &str>| match (Destination::new(host, port), expected)
        {
            (Ok(found), Ok(expected)) => assert_eq!(found.to_string(), expected),
            (Err(DestinationError::Malformed { expected: found }), Err(expected)) => assert_eq!(found, expected),
            (found, _) => panic!("{host:?} {port}: {found:?}"),
        };
        check("Redis.Example.com", 6379, Ok("redis.example.com:6379"));
        check("192.0.2.1", 1, Ok("192.0.2.1:1"));
        check("[2001:DB8:0::1]", 65535, Ok("[2001:db8::1]:65535"));
        for port in [0, -1, 65536, 65536 + 80, i64::MAX, i64::MIN] {
            check("example.com", port, Err(PORT));
        }
        for host in ["example.com:80", "2001:db8::1", "[2001:db8::1", "2001:db8::1]", "[[::1]]", "[::1]:80", "[]"] {
            check(host, 80, Err(HOST));
        }
        check("a@example.com", 80, Err("host:port alone, without user or password"));
        check("example.com\r\nQUIT", 80, Err("no white space or control characters"));
    }

    #[test]
    fn labels_and_names_have_a_length() {
        let label = "a".repeat(63);
        let name = |last: usize| format!("{label}.{label}.{label}.{}", "b".repeat(last));
        for (host, expected) in [
            (name(61), Ok(())),
            (name(62), Err(LENGTH)),
            (label.clone(), Ok(())),
            (format!("{label}a.com"), Err(LABELS)),
            ("a.".repeat(10_000), Err(LENGTH)),
        ] {
            assert_eq!(read_name(&host).map(drop), expected, "{} characters", host.len());
        }
    }

    #[test]
    fn no_message_repeats_what_may_be_a_password() {
        for text in ["redis://me:canary@example.com:6379", "me:canary@example.com:6379", "canary", "example.com:canary"]
        {
            let error = text.parse::<Destination>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        }
    }

    proptest::proptest! {
        /// Whatever is taken has one spelling, which is read back as the same, and holds nothing but what hosts hold.
        #[test]
        fn what_is_taken_has_one_spelling(text in "(\\[?[a-fA-F0-9x:.-]{1,12}\\]?|\\PC{1,8}):[0-9]{1,5}") {
            if let Ok(destination) = text.parse::<Destination>() {
                let shown = destination.to_string();
                proptest::prop_assert_eq!(shown.parse::<Destination>().unwrap(), destination);
                let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b':' | b'[' | b']');
                proptest::prop_assert!(shown.bytes().all(plain), "{shown:?}");
            }
        }
    }
}
