//! From a JID's domain to a TCP connection (RFC 6120 §3.2).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::sleep;

use super::config::{CLIENT_PORT, ConnectConfig, DIRECT_TLS_PORT, TlsMode};
use super::deadline::Deadline;
use super::dns::{self, Target};
use super::error::{ConnectError, Stage};
use super::step::Origin;

/// After this long the next address is tried beside the one that has not answered (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);

/// Addresses of one host that are tried.
const ADDRESS_LIMIT: usize = 8;

/// An open connection.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) stream: TcpStream,
    pub(super) address: SocketAddr,
}

/// The account's servers, the best first, and who named them; never none.
pub(super) async fn targets(
    config: &ConnectConfig,
    deadline: Deadline,
) -> Result<(Vec<Target>, Origin), ConnectError> {
    match &config.server {
        Some((host, port)) => {
            let port = port.unwrap_or(CLIENT_PORT);
            let target = Target {
                host: bare_host(host)?,
                port,
                direct: port == DIRECT_TLS_PORT,
            };
            Ok((vec![target], Origin::Configured))
        }
        None => {
            let tls = config.tls == TlsMode::Required;
            let targets = dns::targets(config.jid.domain().as_str(), tls);
            deadline.run(Stage::Resolving, targets).await?
        }
    }
}

/// Connects to one of them.
pub(super) async fn open(
    config: &ConnectConfig,
    Target { host, port, .. }: &Target,
    deadline: Deadline,
) -> Result<Opened, ConnectError> {
    let (host, port) = (host.clone(), *port);
    let addresses = match deadline.run(Stage::Resolving, lookup(&host, port)).await? {
        Ok(addresses) => addresses,
        Err(source) => return Err(ConnectError::Resolve { host, source }),
    };
    let (allowed, refused) = sort_out(config, addresses);
    if allowed.is_empty() {
        return Err(match refused {
            Some(address) => ConnectError::TlsOffRefused { address },
            None => ConnectError::Resolve {
                host,
                source: io::Error::new(io::ErrorKind::NotFound, "it has none"),
            },
        });
    }
    deadline
        .run(Stage::Connecting, race(&allowed))
        .await?
        .map_err(|source| ConnectError::Tcp { host, port, source })
}

/// A host's addresses, as this system finds and sorts them (its hosts file counts too), IPv6 and IPv4
/// in turn.
async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let mut addresses = interleaved(lookup_host((host, port)).await?);
    addresses.truncate(ADDRESS_LIMIT);
    Ok(addresses)
}

/// The families in turn, beginning with that of the first (RFC 8305 §4): where one of them leads
/// nowhere, the second attempt is by the other.
fn interleaved(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses = addresses.peekable();
    let six_first = addresses.peek().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.partition(|address| address.is_ipv6() == six_first);
    let mut mixed = Vec::with_capacity(first.len() + second.len());
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return mixed;
        }
        mixed.extend(pair.into_iter().flatten());
    }
}

/// Without TLS only this machine's own addresses will do, unless the user knows better. The rest are
/// not even connected to. Returns one of those as well.
fn sort_out(
    config: &ConnectConfig,
    addresses: Vec<SocketAddr>,
) -> (Vec<SocketAddr>, Option<SocketAddr>) {
    if config.tls == TlsMode::Required || config.insecure {
        return (addresses, None);
    }
    let (allowed, refused): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.ip().to_canonical().is_loopback());
    (allowed, refused.first().copied())
}

/// Connects to the first address that takes it, each a little later than the one before.
async fn race(addresses: &[SocketAddr]) -> io::Result<Opened> {
    let mut waiting = addresses.iter().copied();
    let mut trying = FuturesUnordered::new();
    let mut error = io::Error::from(io::ErrorKind::AddrNotAvailable);
    if let Some(address) = waiting.next() {
        trying.push(connect(address));
    }
    while !trying.is_empty() {
        tokio::select! {
            Some(result) = trying.next() => match result {
                Ok(opened) => return Ok(opened),
                Err(failure) => error = failure,
            },
            () = sleep(STAGGER), if waiting.len() > 0 => {}
        }
        if let Some(address) = waiting.next() {
            trying.push(connect(address));
        }
    }
    Err(error)
}

async fn connect(address: SocketAddr) -> io::Result<Opened> {
    let stream = TcpStream::connect(address).await?;
    // Stanzas are small and each is wanted at once.
    stream.set_nodelay(true)?;
    Ok(Opened { stream, address })
}

/// A domain as DNS and certificates have it.
pub(super) fn ascii(domain: &str) -> Result<String, ConnectError> {
    let ascii = idna::domain_to_ascii(domain)
        .ok()
        .filter(|ascii| !ascii.is_empty());
    ascii.ok_or_else(|| ConnectError::Domain {
        domain: domain.to_owned(),
    })
}

/// A host as a user wrote it, as the system's resolver wants it.
fn bare_host(host: &str) -> Result<String, ConnectError> {
    let bare = bare(host);
    if bare.parse::<IpAddr>().is_ok() {
        Ok(bare.to_owned())
    } else {
        ascii(bare)
    }
}

/// An address without the brackets that IPv6 wears in URIs and JIDs.
pub(super) fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmpp_parsers::jid::BareJid;

    #[test]
    fn the_two_families_are_tried_in_turn() {
        let mixed = |list: &[&str]| {
            let addresses = list
                .iter()
                .map(|ip| SocketAddr::new(ip.parse().unwrap(), 1));
            interleaved(addresses)
                .iter()
                .map(|address| address.ip().to_string())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(
            mixed(&["2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1"]),
            "2001:db8::1 192.0.2.1 2001:db8::2 2001:db8::3"
        );
        assert_eq!(
            mixed(&["192.0.2.1", "192.0.2.2", "2001:db8::1"]),
            "192.0.2.1 2001:db8::1 192.0.2.2"
        );
        assert_eq!(mixed(&[]), "");
    }

    #[test]
    fn hosts_are_taken_as_users_write_them() {
        assert_eq!(bare_host("[::1]").unwrap(), "::1");
        assert_eq!(
            bare_host("münchen.example").unwrap(),
            "xn--mnchen-3ya.example"
        );
        assert!(bare_host("").is_err());
    }

    #[test]
    fn without_tls_only_loopback_addresses_are_left() {
        let mut config = ConnectConfig::new(BareJid::new("me@im.test").unwrap(), "x");
        config.tls = TlsMode::Off;
        let loopback: Vec<SocketAddr> = ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.2]:1"]
            .map(|a| a.parse().unwrap())
            .into();
        let other: SocketAddr = "192.0.2.1:1".parse().unwrap();
        let all: Vec<_> = [other].into_iter().chain(loopback.clone()).collect();
        assert_eq!(sort_out(&config, all.clone()), (loopback, Some(other)));
        config.insecure = true;
        assert_eq!(sort_out(&config, all.clone()), (all.clone(), None));
        config.insecure = false;
        config.tls = TlsMode::Required;
        assert_eq!(sort_out(&config, all.clone()), (all, None));
    }

    #[tokio::test]
    async fn the_first_address_that_takes_the_connection_wins() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alive = listener.local_addr().unwrap();
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let dead = gone.local_addr().unwrap();
        drop(gone);
        assert_eq!(race(&[dead, alive]).await.unwrap().address, alive);
        assert_eq!(
            race(&[dead]).await.unwrap_err().kind(),
            io::ErrorKind::ConnectionRefused
        );
        assert!(race(&[]).await.is_err());
    }

    /// A listener whose queue is full: further connections wait, as they do for a host behind a
    /// firewall that drops packets.
    #[cfg(target_os = "linux")]
    fn black_hole(any: SocketAddr) -> (socket2::Socket, Vec<socket2::Socket>, SocketAddr) {
        use socket2::{Domain, Socket, Type};
        let family = Domain::for_address(any);
        let listener = Socket::new(family, Type::STREAM, None).unwrap();
        listener.bind(&any.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let waiting = (0..4).map(|_| {
            let socket = Socket::new(family, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address);
            socket
        });
        let waiting = waiting.collect();
        (listener, waiting, address.as_socket().unwrap())
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn an_address_that_is_silent_holds_the_next_one_up_for_a_quarter_of_a_second() {
        let (_listener, _waiting, silent) = black_hole("127.0.0.1:0".parse().unwrap());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alive = listener.local_addr().unwrap();
        let begun = std::time::Instant::now();
        assert_eq!(race(&[silent, alive]).await.unwrap().address, alive);
        let took = begun.elapsed();
        assert!(took >= STAGGER && took < Duration::from_secs(2), "{took:?}");
    }

    /// A network whose IPv6 leads nowhere, at its worst: all addresses of that family are silent.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_host_whose_ipv6_addresses_are_silent_is_reached_by_ipv4_at_once() {
        let any = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 0));
        if std::net::TcpListener::bind(any).is_err() {
            assert!(std::env::var_os("CI").is_none(), "CI has IPv6");
            return;
        }
        let holes = [black_hole(any), black_hole(any), black_hole(any)];
        let silent = holes.iter().map(|(_, _, address)| *address);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alive = listener.local_addr().unwrap();
        let order = interleaved(silent.chain([alive]));
        let begun = std::time::Instant::now();
        assert_eq!(race(&order).await.unwrap().address, alive);
        let took = begun.elapsed();
        // Not behind all of them.
        assert!(took >= STAGGER && took < 3 * STAGGER, "{took:?}");
    }
}
