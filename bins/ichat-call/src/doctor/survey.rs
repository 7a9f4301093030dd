//! Reflectors and relays, all asked at once from the port of calls.

mod work;

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use ichat_endpoint::Credentials;
use ichat_ice::RelayFailure;
use ichat_ice::gather::ReflectorProtocol;
use ichat_xmpp::extdisco::{ExternalService, ServiceKind, Transport};
use tokio::net::lookup_host;
use tokio::time::timeout;

use super::network::Network;
use super::questions::{Questions, RelayQuestion};
use crate::servers::HostPort;
use work::Work;

/// How long a name may take.
const RESOLVE: Duration = Duration::from_millis(1500);

/// Services of the server's that are asked.
const SERVICES: usize = 8;

/// Who named a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// An option.
    Option,
    /// The account's server.
    Server,
}

/// What a reflector saw of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sight {
    pub(super) local: SocketAddr,
    pub(super) server: SocketAddr,
    /// Nothing if it did not answer.
    pub(super) mapped: Option<(SocketAddr, Duration)>,
}

/// Why a server was not asked, for people.
pub(super) type NotAsked = String;

/// A reflector that was asked.
#[derive(Debug, Clone)]
pub(super) struct Reflected {
    pub(super) place: HostPort,
    pub(super) protocol: ReflectorProtocol,
    pub(super) source: Source,
    /// It is the STUN side of a relay, which is told of elsewhere.
    pub(super) of_relay: bool,
    pub(super) sights: Result<Vec<Sight>, NotAsked>,
}

/// A relay that was asked.
#[derive(Debug, Clone)]
pub(super) struct Relayed {
    pub(super) place: HostPort,
    pub(super) source: Source,
    pub(super) outcome: Result<Loan, NotAsked>,
}

/// What a relay said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Loan {
    /// The address that it lends.
    pub(super) relayed: Option<SocketAddr>,
    pub(super) failure: Option<RelayFailure>,
    /// Whether it relays between us and a peer; `None` if it said nothing to that.
    pub(super) permitted: Option<bool>,
    /// Whether what we sent to ourselves through it came back.
    pub(super) returned: bool,
}

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    network: Option<Network>,
    /// Relays whose credentials the account's server has to tell.
    waiting: Vec<HostPort>,
    pub(super) reflected: Vec<Reflected>,
    pub(super) relayed: Vec<Relayed>,
}

impl Findings {
    fn knows(&self, place: &HostPort) -> bool {
        self.reflected.iter().any(|known| known.place == *place)
    }
}

/// Asks the servers that options name.
pub(super) async fn begin(network: Option<Network>, questions: Questions) -> Findings {
    let reflectors = [
        (ReflectorProtocol::Snatmap, questions.snatmap),
        (ReflectorProtocol::Stun, questions.stun),
    ];
    let reflectors = reflectors
        .into_iter()
        .flat_map(|(protocol, places)| places.into_iter().map(move |place| (protocol, place)));
    let findings = Findings {
        network,
        waiting: questions.turn_of_server,
        ..Findings::default()
    };
    ask(
        findings,
        reflectors.collect(),
        questions.turn,
        Source::Option,
    )
    .await
}

/// Asks those that the account's server names besides.
pub(super) async fn go_on(mut findings: Findings, services: &[ExternalService]) -> Findings {
    let over_udp = services
        .iter()
        .filter(|service| service.transport == Transport::Udp)
        .take(SERVICES);
    let (mut reflectors, mut relays) = (Vec::new(), Vec::new());
    for service in over_udp {
        let place = HostPort {
            host: service.host.clone(),
            port: service.port,
        };
        match (&service.kind, service.credentials(SystemTime::now())) {
            (ServiceKind::Stun, _) if !findings.knows(&place) => {
                reflectors.push((ReflectorProtocol::Stun, place));
            }
            (ServiceKind::Turn, Some((username, password))) => relays.push(RelayQuestion {
                server: place,
                credentials: Ok(Credentials {
                    username: username.to_owned(),
                    password: password.to_owned().into(),
                }),
            }),
            (
                ServiceKind::Stun
                | ServiceKind::Turn
                | ServiceKind::Stuns
                | ServiceKind::Turns
                | ServiceKind::Other(_),
                _,
            ) => {}
        }
    }
    for place in std::mem::take(&mut findings.waiting) {
        if !relays
            .iter()
            .any(|relay: &RelayQuestion| relay.server == place)
        {
            let why = "the account's server tells no user name and password for it";
            findings.relayed.push(Relayed {
                place,
                source: Source::Option,
                outcome: Err(why.to_owned()),
            });
        }
    }
    if reflectors.is_empty() && relays.is_empty() {
        return findings;
    }
    ask(findings, reflectors, relays, Source::Server).await
}

async fn ask(
    mut findings: Findings,
    reflectors: Vec<(ReflectorProtocol, HostPort)>,
    relays: Vec<RelayQuestion>,
    source: Source,
) -> Findings {
    let mut names: Vec<HostPort> = reflectors.iter().map(|(_, place)| place.clone()).collect();
    names.extend(relays.iter().map(|relay| relay.server.clone()));
    let mut addresses = resolve(names).await.into_iter();
    let Some(network) = &mut findings.network else {
        let nowhere = || "there is no port to ask from".to_owned();
        let reflected = reflectors.into_iter().map(|(protocol, place)| Reflected {
            place,
            protocol,
            source,
            of_relay: false,
            sights: Err(nowhere()),
        });
        findings.reflected.extend(reflected);
        findings
            .relayed
            .extend(relays.into_iter().map(|relay| Relayed {
                place: relay.server,
                source,
                outcome: Err(nowhere()),
            }));
        return findings;
    };
    let now = Instant::now();
    let mut work = Work::default();
    let (mut asked, mut borrowed) = (Vec::new(), Vec::new());
    for (protocol, place) in reflectors {
        let found = addresses.next().unwrap_or_else(|| Ok(Vec::new()));
        asked.push((
            place,
            protocol,
            false,
            work.reflect(network, now, protocol, found),
        ));
    }
    for relay in relays {
        let found = addresses.next().unwrap_or_else(|| Ok(Vec::new()));
        borrowed.push((
            relay.server.clone(),
            work.borrow_from(network, now, &relay, &found),
        ));
        let range = work.reflect(network, now, ReflectorProtocol::Stun, found);
        asked.push((relay.server, ReflectorProtocol::Stun, true, range));
    }
    work.run(network).await;
    for (place, protocol, of_relay, range) in asked {
        let sights = range.map(|range| work.sights.get(range).unwrap_or_default().to_vec());
        findings.reflected.push(Reflected {
            place,
            protocol,
            source,
            of_relay,
            sights,
        });
    }
    for (place, index) in borrowed {
        let loan = |index: usize| work.relays.get(index).map(|borrowing| borrowing.loan);
        let outcome = index.and_then(|index| loan(index).ok_or_else(String::new));
        findings.relayed.push(Relayed {
            place,
            source,
            outcome,
        });
    }
    findings
}

/// The addresses of each, or why there are none; all are looked up at once.
async fn resolve(places: Vec<HostPort>) -> Vec<Result<Vec<SocketAddr>, NotAsked>> {
    let lookups: Vec<_> = places
        .into_iter()
        .map(|place| {
            tokio::spawn(async move {
                let found = timeout(RESOLVE, lookup_host((place.host.as_str(), place.port))).await;
                match found {
                    Ok(Ok(addresses)) => Ok(addresses.collect::<Vec<SocketAddr>>()),
                    Ok(Err(error)) => Err(format!("its address cannot be found: {error}")),
                    Err(_) => Err("looking up its address took too long".to_owned()),
                }
            })
        })
        .collect();
    let mut all = Vec::with_capacity(lookups.len());
    for lookup in lookups {
        let found = lookup.await;
        all.push(found.unwrap_or_else(|error| Err(error.to_string())));
    }
    all
}
