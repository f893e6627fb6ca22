//! Where a project's work may connect to, as an operator configures it.

use super::address::{Destination, Host, read_name};
use super::{DestinationError, ranges};
use ipnet::IpNet;
use operation::ProjectId;
use serde::Deserialize;
use std::net::IpAddr;
use std::num::NonZeroU16;

/// What is allowed; nothing else is. A list of entries, each with `projects`, `ports` and one of
///
/// - `host`, a name (`redis.example.com`) or all names below one (`*.example.com`): they may be named, and may lead to
///   public addresses;
/// - `network` (`10.1.0.0/16`): its addresses may be named, and names that are allowed by `host` may lead to them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct AllowedDestinations(Vec<Entry>);

#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "EntryText")]
struct Entry {
    projects: Vec<ProjectId>,
    ports: Vec<NonZeroU16>,
    target: Target,
}

#[derive(Debug, Clone)]
enum Target {
    Name(String),
    /// A name with a dot before it.
    NamesBelow(String),
    Network(IpNet),
}

/// An entry as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryText {
    projects: Vec<ProjectId>,
    ports: Vec<NonZeroU16>,
    host: Option<String>,
    network: Option<IpNet>,
}

impl TryFrom<EntryText> for Entry {
    type Error = &'static str;

    fn try_from(EntryText { projects, ports, host, network }: EntryText) -> Result<Self, &'static str> {
        if projects.is_empty() || ports.is_empty() {
            return Err("a destination needs projects and ports: an empty list allows nothing");
        }
        let target = match (host, network) {
            (Some(host), None) => names(&host)?,
            (None, Some(network)) if network != network.trunc() => {
                return Err("a network ends in zeros after its prefix: 10.1.0.0/16, not 10.1.2.3/16");
            }
            (None, Some(network)) if ranges::is_written_as_ipv6(&network) => {
                return Err("a network of IPv4 is written as IPv4: 10.1.0.0/16, not ::ffff:10.1.0.0/112");
            }
            (None, Some(network)) => Target::Network(network),
            (Some(_), Some(_)) | (None, None) => return Err("a destination needs host or network, one of them"),
        };
        Ok(Self { projects, ports, target })
    }
}

fn names(host: &str) -> Result<Target, &'static str> {
    let (wildcard, name) = host.strip_prefix("*.").map_or((false, host), |name| (true, name));
    let name = read_name(name).map_err(|_| "a host is a name or *.name; addresses are allowed by network")?;
    Ok(if wildcard { Target::NamesBelow(format!(".{name}")) } else { Target::Name(name) })
}

impl AllowedDestinations {
    /// Whether the project may name the destination. An address is judged by that; a name's addresses are not known
    /// yet, and [`resolve`](super::resolve) judges them.
    ///
    /// # Errors
    /// [`DestinationError::NotAllowed`].
    pub fn check(&self, project: &ProjectId, destination: &Destination) -> Result<(), DestinationError> {
        let allowed = match destination.host() {
            Host::Name(name) => self.targets(project, destination).any(|target| target.is_named(name)),
            Host::Address(address) => self.permits(project, destination, *address),
        };
        if allowed { Ok(()) } else { Err(DestinationError::NotAllowed) }
    }

    /// Whether the destination, which passed [`check`](Self::check) if it is a name, may be this address.
    pub(super) fn permits(&self, project: &ProjectId, destination: &Destination, address: IpAddr) -> bool {
        let is_name = matches!(destination.host(), Host::Name(_));
        ranges::readings(address).into_iter().all(|reading| {
            (is_name && ranges::is_public(reading))
                || self.targets(project, destination).any(|target| target.opens(reading))
        })
    }

    fn targets(&self, project: &ProjectId, destination: &Destination) -> impl Iterator<Item = &Target> {
        self.0
            .iter()
            .filter(|entry| entry.projects.contains(project) && entry.ports.contains(&destination.port()))
            .map(|entry| &entry.target)
    }
}

impl Target {
    fn is_named(&self, name: &str) -> bool {
        match self {
            Self::Name(one) => one == name,
            Self::NamesBelow(end) => name.ends_with(end),
            Self::Network(_) => false,
        }
    }

    fn opens(&self, address: IpAddr) -> bool {
        match self {
            Self::Network(network) => ranges::opens(network, address),
            Self::Name(_) | Self::NamesBelow(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"
        [[list]]
        projects = ["p", "q"]
        host = "Redis.example.com"
        ports = [6379, 6380]
        [[list]]
        projects = ["p"]
        host = "*.mail.example"
        ports = [25]
        [[list]]
        projects = ["p"]
        network = "10.1.0.0/16"
        ports = [6379]
    "#;

    fn read(toml: &str) -> Result<AllowedDestinations, String> {
        #[derive(Deserialize)]
        struct File {
            list: AllowedDestinations,
        }
        toml::from_str::<File>(toml).map(|file| file.list).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn what_no_entry_allows_is_refused() {
        let list = read(LIST).unwrap();
        let check = |project: &str, destination: &str, expected: bool| {
            let (project, destination) = (project.parse().unwrap(), destination.parse().unwrap());
            assert_eq!(list.check(&project, &destination).is_ok(), expected, "{project:?} {destination}");
            assert!(AllowedDestinations::default().check(&project, &destination).is_err());
        };
        check("p", "redis.example.com:6379", true);
        check("q", "REDIS.example.com:6380", true);
        for (project, destination) in [
            ("r", "redis.example.com:6379"),
            ("p", "redis.example.com:25"),
            ("p", "redis.example.co:6379"),
            ("p", "a.redis.example.com:6379"),
            ("p", "aredis.example.com:6379"),
            ("p", "example.com:6379"),
        ] {
            check(project, destination, false);
        }
        check("p", "a.mail.example:25", true);
        check("p", "a.b.mail.example:25", true);
        for destination in ["mail.example:25", "amail.example:25", "a.mail.example:6379", "a.mail.example.b:25"] {
            check("p", destination, false);
        }
        check("p", "10.1.255.255:6379", true);
        for (project, destination) in [("q", "10.1.0.1:6379"), ("p", "10.1.0.1:25"), ("p", "10.2.0.0:6379")] {
            check(project, destination, false);
        }
        // A host allows names alone: an address that a name might lead to is not thereby allowed.
        check("p", "8.8.8.8:6379", false);
    }

    #[test]
    fn an_entry_says_what_it_allows() {
        let check = |entry: &str, expected: &str| {
            let found = read(&format!("list = [{{ {entry} }}]")).err().unwrap_or_default();
            assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{entry}: {found:?}");
        };
        let target = |target: &str, expected: &str| {
            check(&format!("projects = [\"p\"], ports = [1], {target}"), expected);
        };
        for fine in ["host = \"*.a\"", "network = \"0.0.0.0/0\"", "network = \"10.0.0.1/32\"", "network = \"::/0\""] {
            target(fine, "");
        }
        target("host = \"a\", network = \"10.0.0.0/8\"", "one of them");
        target("host = \"a\", nets = 1", "unknown field `nets`");
        target("network = \"10.0.0.1\"", "invalid");
        target("network = \"10.1.2.3/16\"", "ends in zeros");
        for (bits, network) in
            [(96, "::ffff:0:0"), (104, "::ffff:10.0.0.0"), (96, "64:ff9b::"), (128, "64:ff9b::a00:1")]
        {
            target(&format!("network = \"{network}/{bits}\""), "written as IPv4");
        }
        for host in ["", "*", "*.", "**.a", "a.*", "*a.b", "a_b", "a.", "10.0.0.1", "*.1", "[::1]", "a:1", "a b", "é"]
        {
            target(&format!("host = \"{host}\""), "a host is a name");
        }
        check("projects = [\"p\"], ports = [1]", "one of them");
        check("projects = [\"p\"], host = \"a\"", "missing field `ports`");
        check("ports = [1], host = \"a\"", "missing field `projects`");
        check("projects = [], ports = [1], host = \"a\"", "allows nothing");
        check("projects = [\"p\"], ports = [], host = \"a\"", "allows nothing");
        check("projects = [\"p\"], ports = [0], host = \"a\"", "nonzero");
        check("projects = [\"p\"], ports = [65536], host = \"a\"", "nonzero");
    }
}
