//! From a JID's domain to a TCP connection (RFC 6120 §3.2).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{sleep, timeout};

use super::config::{CLIENT_PORT, ConnectConfig, TlsMode};
use super::deadline::Deadline;
use super::error::{ConnectError, Stage};

/// How long an SRV query may take before the domain itself is tried. Networks that answer no SRV
/// queries at all exist.
const SRV_LIMIT: Duration = Duration::from_secs(4);

/// After this long the next address is tried beside the one that has not answered (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);

/// How long one target may take to accept a connection while there is another to try.
const TARGET_TIME: Duration = Duration::from_secs(5);

/// SRV records and addresses that are tried, of each.
const TARGET_LIMIT: usize = 8;

/// A host that may be the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) host: String,
    pub(super) port: u16,
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) stream: TcpStream,
    pub(super) address: SocketAddr,
}

/// Connects to the account's server: to the first of its targets that takes the connection.
pub(super) async fn open(
    config: &ConnectConfig,
    domain: &str,
    deadline: Deadline,
) -> Result<Opened, ConnectError> {
    let mut targets = match &config.server {
        Some((host, port)) => {
            vec![Target {
                host: bare_host(host)?,
                port: port.unwrap_or(CLIENT_PORT),
            }]
        }
        None => deadline.run(Stage::Resolving, service(domain)).await??,
    };
    targets.truncate(TARGET_LIMIT);
    let mut left = targets.len();
    let mut last = None;
    for Target { host, port } in targets {
        left -= 1;
        let addresses = match deadline.run(Stage::Resolving, lookup(&host, port)).await? {
            Ok(addresses) => addresses,
            Err(source) => {
                last = Some(ConnectError::Resolve { host, source });
                continue;
            }
        };
        let (allowed, refused) = sort_out(config, addresses);
        if allowed.is_empty() {
            last = Some(match refused {
                Some(address) => ConnectError::TlsOffRefused { address },
                None => ConnectError::Resolve {
                    host,
                    source: io::Error::new(io::ErrorKind::NotFound, "it has none"),
                },
            });
            continue;
        }
        let attempt = async {
            if left == 0 {
                return race(&allowed).await;
            }
            timeout(TARGET_TIME, race(&allowed))
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        };
        match deadline.run(Stage::Connecting, attempt).await? {
            Ok(opened) => return Ok(opened),
            Err(source) => last = Some(ConnectError::Tcp { host, port, source }),
        }
    }
    Err(last.unwrap_or_else(|| ConnectError::NoService {
        domain: domain.to_owned(),
    }))
}

/// A host's addresses, as this system finds them: its hosts file counts too.
async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(lookup_host((host, port))
        .await?
        .take(TARGET_LIMIT)
        .collect())
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

/// The domain's targets in the order of their SRV records; the domain itself if it has none.
async fn service(domain: &str) -> Result<Vec<Target>, ConnectError> {
    let itself = || {
        vec![Target {
            host: bare(domain).to_owned(),
            port: CLIENT_PORT,
        }]
    };
    let local = domain == "localhost" || domain.ends_with(".localhost");
    if local || bare(domain).parse::<IpAddr>().is_ok() {
        return Ok(itself());
    }
    let ascii = ascii(domain)?;
    let records = match timeout(SRV_LIMIT, query(&ascii)).await {
        Ok(records) => records,
        Err(_) => {
            tracing::debug!("no answer to the SRV query; trying the domain itself");
            Vec::new()
        }
    };
    if records.is_empty() {
        return Ok(vec![Target {
            host: ascii,
            port: CLIENT_PORT,
        }]);
    }
    let targets = in_order(records);
    if targets.is_empty() {
        return Err(ConnectError::NoService {
            domain: domain.to_owned(),
        });
    }
    Ok(targets)
}

/// One SRV record (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    priority: u16,
    weight: u16,
    target: Target,
}

/// Sorts SRV records by priority, and by weight where that is equal: a client needs no lot to share
/// load. The target `.` says that there is no such service.
fn in_order(mut records: Vec<Record>) -> Vec<Target> {
    records.sort_by_key(|record| (record.priority, u16::MAX - record.weight));
    records
        .into_iter()
        .map(|record| record.target)
        .filter(|target| !target.host.is_empty())
        .collect()
}

/// The SRV records of a domain; none too when DNS cannot be asked.
async fn query(ascii: &str) -> Vec<Record> {
    let resolver =
        TokioResolver::builder_tokio().and_then(hickory_resolver::ResolverBuilder::build);
    let resolver = match resolver {
        Ok(resolver) => resolver,
        Err(error) => {
            tracing::debug!(%error, "no resolver for SRV records");
            return Vec::new();
        }
    };
    let answer = match resolver
        .srv_lookup(format!("_xmpp-client._tcp.{ascii}."))
        .await
    {
        Ok(answer) => answer,
        Err(error) => {
            tracing::debug!(%error, "no SRV record");
            return Vec::new();
        }
    };
    let record = |data: &RData| {
        let RData::SRV(srv) = data else { return None };
        let host = srv.target.to_ascii();
        let host = host.strip_suffix('.').unwrap_or(&host).to_owned();
        let target = Target {
            host,
            port: srv.port,
        };
        Some(Record {
            priority: srv.priority,
            weight: srv.weight,
            target,
        })
    };
    answer
        .answers()
        .iter()
        .filter_map(|answer| record(&answer.data))
        .collect()
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

    fn record(priority: u16, weight: u16, host: &str) -> Record {
        let target = Target {
            host: host.into(),
            port: 5222,
        };
        Record {
            priority,
            weight,
            target,
        }
    }

    #[test]
    fn srv_records_are_tried_by_priority_and_then_weight() {
        let records = vec![record(20, 0, "c"), record(10, 5, "b"), record(10, 50, "a")];
        let hosts: Vec<_> = in_order(records)
            .into_iter()
            .map(|target| target.host)
            .collect();
        assert_eq!(hosts, ["a", "b", "c"]);
    }

    #[test]
    fn a_record_that_names_no_host_says_there_is_no_service() {
        assert!(in_order(vec![record(0, 0, "")]).is_empty());
    }

    #[tokio::test]
    async fn addresses_and_this_machine_need_no_dns() {
        for (domain, host) in [
            ("localhost", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]", "::1"),
        ] {
            let targets = service(domain).await.unwrap();
            assert_eq!(
                targets,
                [Target {
                    host: host.into(),
                    port: CLIENT_PORT
                }]
            );
        }
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
}
