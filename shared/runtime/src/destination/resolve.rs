//! From a destination to a connection: one lookup, a judgement of every address, and a connection to what was judged.

use super::{AllowedDestinations, Destination, DestinationError, Host, ranges};
use operation::ProjectId;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// The addresses of a destination, at least one, each of which may be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked(Vec<SocketAddr>);

impl Checked {
    /// The addresses, in the order in which the resolver gave them. They may be internal: no user is told them.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.0
    }

    /// Whether one of them is public: others may be on the way to it.
    pub fn is_public(&self) -> bool {
        self.0.iter().any(|address| ranges::is_public(address.ip()))
    }
}

/// Looks a name up with the system's resolver.
///
/// # Errors
/// What the resolver says.
pub async fn system_dns(name: String) -> io::Result<Vec<IpAddr>> {
    Ok(lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
}

/// Finds the addresses of a destination that the project may reach. `lookup` is called at most once, and for names
/// alone; it has `limit` to answer. One address that may not be reached refuses them all, since a name that leads to
/// such a one is either not what the operator meant, or somebody's attempt.
///
/// # Errors
/// [`DestinationError`].
pub async fn resolve<F>(
    destination: &Destination,
    project: &ProjectId,
    allowed: &AllowedDestinations,
    limit: Duration,
    lookup: impl FnOnce(String) -> F,
) -> Result<Checked, DestinationError>
where
    F: Future<Output = io::Result<Vec<IpAddr>>>,
{
    allowed.check(project, destination)?;
    let found = match destination.host() {
        Host::Address(address) => Ok(vec![*address]),
        Host::Name(name) => timeout(limit, lookup(name.clone())).await.unwrap_or_else(|late| Err(late.into())),
    };
    let found = found.map_err(DestinationError::Unresolved)?;
    if found.is_empty() {
        return Err(DestinationError::Unresolved(io::ErrorKind::NotFound.into()));
    }
    if !found.iter().all(|address| allowed.permits(project, destination, *address)) {
        return Err(DestinationError::Forbidden);
    }
    Ok(Checked(found.into_iter().map(|address| canonical(address, destination.port().get())).collect()))
}

/// Connects to the first address that accepts. Each has its share of `limit`, so that one that says nothing does not
/// use up the time of those behind it.
///
/// # Errors
/// [`DestinationError`].
pub async fn connect(checked: &Checked, limit: Duration) -> Result<TcpStream, DestinationError> {
    let share = limit / u32::try_from(checked.0.len()).unwrap_or(u32::MAX).max(1);
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for address in &checked.0 {
        match timeout(share, TcpStream::connect(*address)).await.unwrap_or_else(|late| Err(late.into())) {
            Ok(stream) => return verified(stream, checked),
            Err(error) => failure = error,
        }
    }
    Err(DestinationError::Unconnected(failure))
}

/// Kernels connect some addresses to others, such as 0.0.0.0 to this machine.
fn verified(stream: TcpStream, checked: &Checked) -> Result<TcpStream, DestinationError> {
    let peer = stream.peer_addr().map_err(DestinationError::Unconnected)?;
    if checked.0.contains(&canonical(peer.ip(), peer.port())) { Ok(stream) } else { Err(DestinationError::Forbidden) }
}

/// IPv4-mapped addresses become IPv4, and zones are dropped: equal addresses are written alike.
fn canonical(address: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(address.to_canonical(), port)
}

#[cfg(test)]
mod tests {
    use super::super::corpus::resolved;
    use super::*;
    use std::cell::Cell;
    use std::error::Error;
    use std::future::{pending, ready};
    use std::time::Instant;
    use tokio::net::{TcpListener, TcpSocket};

    const LIMIT: Duration = Duration::from_secs(10);
    const SOON: Duration = Duration::from_millis(100);

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn kind(error: &DestinationError) -> Option<io::ErrorKind> {
        error.source().and_then(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind)
    }

    #[tokio::test]
    async fn one_bad_address_refuses_all() {
        let check = async |networks: &[&str], answer: &[&str], expected: Result<&[&str], &str>| {
            let checked = resolved("redis.test:6379", networks, |_| ready(Ok(ips(answer)))).await;
            let told = checked.as_ref().map_err(DestinationError::reason);
            let told = told.map(|checked| checked.addresses().iter().map(ToString::to_string).collect::<Vec<_>>());
            let public = checked.as_ref().is_ok_and(Checked::is_public);
            assert_eq!(public, expected.is_ok(), "one of them is, wherever all are allowed: {answer:?}");
            assert_eq!(told, expected.map(|all| all.iter().map(|&one| one.to_owned()).collect()), "{answer:?}");
        };
        check(&[], &["8.8.8.8", "2606:4700::1"], Ok(&["8.8.8.8:6379", "[2606:4700::1]:6379"])).await;
        check(&[], &["::ffff:8.8.8.8"], Ok(&["8.8.8.8:6379"])).await;
        check(&[], &["10.1.2.3"], Err("DESTINATION_FORBIDDEN")).await;
        check(&[], &["8.8.8.8", "10.1.2.3"], Err("DESTINATION_FORBIDDEN")).await;
        check(&[], &["10.1.2.3", "8.8.8.8"], Err("DESTINATION_FORBIDDEN")).await;
        check(&["10.1.0.0/16"], &["8.8.8.8", "10.1.2.3"], Ok(&["8.8.8.8:6379", "10.1.2.3:6379"])).await;
        check(&["10.1.0.0/16"], &["10.1.2.3", "10.2.2.3"], Err("DESTINATION_FORBIDDEN")).await;
        check(&["0.0.0.0/0", "::/0"], &["8.8.8.8", "::1"], Err("DESTINATION_FORBIDDEN")).await;
        check(&["0.0.0.0/0"], &[], Err("DESTINATION_UNRESOLVED")).await;
        let inside = resolved("redis.test:6379", &["10.1.0.0/16"], |_| ready(Ok(ips(&["10.1.2.3"])))).await.unwrap();
        assert!(!inside.is_public());
    }

    #[tokio::test]
    async fn a_resolver_fails_or_takes_too_long() {
        let failing = |_| ready(Err(io::Error::other("10.9.9.9 does not answer")));
        let failed = resolved("redis.test:1", &[], failing).await.unwrap_err();
        assert_eq!(failed.to_string(), "the destination cannot be resolved");
        let started = Instant::now();
        let late = resolved("redis.test:1", &[], |_| pending()).await.unwrap_err();
        assert_eq!((late.reason(), kind(&late)), ("DESTINATION_UNRESOLVED", Some(io::ErrorKind::TimedOut)));
        assert!(started.elapsed() < LIMIT);
        let answers = system_dns("localhost".to_owned()).await.unwrap();
        assert!(!answers.is_empty() && answers.iter().all(IpAddr::is_loopback), "{answers:?}");
    }

    /// Whoever is not allowed learns nothing of our resolver, and addresses need none.
    #[tokio::test]
    async fn nothing_is_looked_up_but_allowed_names() {
        let check = async |destination: &str, expected: Result<(), &str>, times: usize| {
            let asked = Cell::new(0);
            let lookup = |_| {
                asked.set(asked.get() + 1);
                ready(Ok(ips(&["8.8.8.8"])))
            };
            let told = resolved(destination, &["10.1.0.0/16", "8.0.0.0/8"], lookup).await;
            assert_eq!(told.map(drop).map_err(|error| error.reason()), expected, "{destination}");
            assert_eq!(asked.get(), times, "{destination}");
        };
        check("redis.test:6379", Ok(()), 1).await;
        check("other.test:6379", Err("DESTINATION_NOT_ALLOWED"), 0).await;
        check("10.1.2.3:6379", Ok(()), 0).await;
        check("10.2.2.3:6379", Err("DESTINATION_NOT_ALLOWED"), 0).await;
    }

    /// A resolver that answers with an allowed address first, and with others ever after.
    #[tokio::test]
    async fn a_name_that_moves_is_not_followed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        let asked = Cell::new(0);
        let moving = |_| {
            asked.set(asked.get() + 1);
            ready(Ok(ips(&[if asked.get() == 1 { "127.0.0.1" } else { "127.0.0.2" }])))
        };
        let name = format!("redis.test:{}", here.port());
        let checked = resolved(&name, &["127.0.0.1/32"], moving).await.unwrap();
        let stream = connect(&checked, LIMIT).await.unwrap();
        assert_eq!((asked.get(), stream.peer_addr().unwrap()), (1, here));
        // The next attempt asks again, and judges again.
        let moved = resolved(&name, &["127.0.0.1/32"], moving).await.unwrap_err();
        assert_eq!((asked.get(), moved.reason()), (2, "DESTINATION_FORBIDDEN"));
    }

    /// In a task that may move between threads, as work does.
    #[tokio::test]
    async fn this_machine_is_reached_where_the_operator_means_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let check = async |host: &str, network: &'static str, expected: Result<u16, &str>| {
            let destination = format!("{host}:{port}");
            let task =
                tokio::spawn(
                    async move { connect(&resolved(&destination, &[network], system_dns).await?, LIMIT).await },
                );
            let told = task.await.unwrap().map(|stream| stream.peer_addr().unwrap().port());
            assert_eq!(told.map_err(|error| error.reason()), expected, "{host} by {network}");
        };
        check("127.0.0.1", "127.0.0.0/8", Ok(port)).await;
        check("[::ffff:127.0.0.1]", "127.0.0.0/8", Ok(port)).await;
        check("127.0.0.1", "0.0.0.0/0", Err("DESTINATION_NOT_ALLOWED")).await;
        // Linux takes us to 127.0.0.1, which nobody allowed.
        check("0.0.0.0", "0.0.0.0/8", Err("DESTINATION_FORBIDDEN")).await;
    }

    /// A listener whose queue is full drops what comes, as a firewall does.
    #[tokio::test]
    async fn addresses_are_tried_in_order_and_not_for_ever() {
        let full = TcpSocket::new_v4().unwrap();
        full.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let full = full.listen(1).unwrap();
        let silent = full.local_addr().unwrap();
        let _waiting = (TcpStream::connect(silent).await.unwrap(), TcpStream::connect(silent).await.unwrap());
        let at = |last: u8| SocketAddr::new([127, 0, 0, last].into(), silent.port());
        let _live = (TcpListener::bind(at(2)).await.unwrap(), TcpListener::bind(at(3)).await.unwrap());
        let check = async |addresses: &[SocketAddr], limit: Duration, expected: Result<SocketAddr, io::ErrorKind>| {
            let told = connect(&Checked(addresses.to_vec()), limit).await;
            let told = told.map(|stream| stream.peer_addr().unwrap()).map_err(|error| kind(&error).unwrap());
            assert_eq!(told, expected, "{addresses:?}");
        };
        check(&[at(2), at(3)], LIMIT, Ok(at(2))).await;
        check(&[at(4), at(3)], LIMIT, Ok(at(3))).await;
        check(&[at(4)], LIMIT, Err(io::ErrorKind::ConnectionRefused)).await;
        check(&[silent, at(3)], 10 * SOON, Ok(at(3))).await;
        let started = Instant::now();
        check(&[silent; 20], 10 * SOON, Err(io::ErrorKind::TimedOut)).await;
        assert!(started.elapsed() < LIMIT);
    }
}
