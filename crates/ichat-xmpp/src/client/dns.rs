//! Which hosts serve a domain: its SRV records (RFC 2782, RFC 6120 §3.2, XEP-0368), in the order in
//! which they are to be tried.

use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;
use tokio::time::timeout;

use super::config::CLIENT_PORT;
use super::error::ConnectError;
use super::lot::Lot;
use super::step::{Origin, ServerHost};
use super::tcp::{ascii, bare};

/// How long SRV queries may take before the domain itself is tried. Networks that answer no SRV
/// queries at all exist.
const SRV_LIMIT: Duration = Duration::from_secs(4);

/// How long the second of two answers is waited for once the first has named a server.
const STRAGGLER_LIMIT: Duration = Duration::from_secs(1);

/// Records of one answer that are looked at.
const RECORD_LIMIT: usize = 64;

/// Hosts that are tried.
const TARGET_LIMIT: usize = 8;

/// A host that may be the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) host: String,
    pub(super) port: u16,
    /// TLS begins at once (XEP-0368), not by STARTTLS.
    pub(super) direct: bool,
}

impl Target {
    /// For whoever watches.
    pub(super) fn named(&self) -> ServerHost {
        ServerHost {
            host: self.host.clone(),
            port: self.port,
        }
    }
}

/// One SRV record.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    priority: u16,
    weight: u16,
    /// Its target is empty where it says that there is no such service.
    target: Target,
}

/// What a domain's records say.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Offer {
    /// These, the best first; at least one.
    Hosts(Vec<Target>),
    /// Nothing: the domain itself is the host.
    Unknown,
    /// That there is no XMPP here.
    None,
}

/// The hosts to try, the best first; never none. With `tls` those count as well on which TLS begins
/// at once.
pub(super) async fn targets(
    domain: &str,
    tls: bool,
) -> Result<(Vec<Target>, Origin), ConnectError> {
    let itself = |host: &str| {
        let target = Target {
            host: host.to_owned(),
            port: CLIENT_PORT,
            direct: false,
        };
        (vec![target], Origin::Domain)
    };
    let local = domain == "localhost" || domain.ends_with(".localhost");
    if local || bare(domain).parse::<IpAddr>().is_ok() {
        return Ok(itself(bare(domain)));
    }
    let ascii = ascii(domain)?;
    let resolver =
        TokioResolver::builder_tokio().and_then(hickory_resolver::ResolverBuilder::build);
    let offer = match resolver {
        Ok(resolver) => offer(&resolver, &ascii, tls, &mut Lot::from_system()).await,
        Err(error) => {
            tracing::debug!(%error, "no resolver for SRV records");
            Offer::Unknown
        }
    };
    match offer {
        Offer::Hosts(targets) => Ok((targets, Origin::Records)),
        Offer::Unknown => Ok(itself(&ascii)),
        Offer::None => Err(ConnectError::NoService {
            domain: domain.to_owned(),
        }),
    }
}

async fn offer(resolver: &TokioResolver, ascii: &str, tls: bool, lot: &mut Lot) -> Offer {
    let mut starttls = pin!(query(
        resolver,
        format!("_xmpp-client._tcp.{ascii}."),
        false
    ));
    if !tls {
        let records = timeout(SRV_LIMIT, starttls.as_mut()).await;
        let records = records.unwrap_or_default();
        return choose(records, Vec::new(), lot);
    }
    let mut direct = pin!(query(
        resolver,
        format!("_xmpps-client._tcp.{ascii}."),
        true
    ));
    let patience = |first: &[Record]| {
        if first.iter().any(is_host) {
            STRAGGLER_LIMIT
        } else {
            SRV_LIMIT
        }
    };
    let first = timeout(SRV_LIMIT, select(starttls.as_mut(), direct.as_mut())).await;
    let (starttls, direct) = match first {
        Ok(Either::Left((starttls, direct))) => {
            let direct = timeout(patience(&starttls), direct).await;
            (starttls, direct.unwrap_or_default())
        }
        Ok(Either::Right((direct, starttls))) => {
            let starttls = timeout(patience(&direct), starttls).await;
            (starttls.unwrap_or_default(), direct)
        }
        Err(_) => {
            tracing::debug!("no answer to SRV queries; trying the domain itself");
            (Vec::new(), Vec::new())
        }
    };
    choose(starttls, direct, lot)
}

/// Both services are one list (XEP-0368 §3). The fallback to the domain itself is that of a domain
/// without records for STARTTLS (RFC 6120 §3.2.2), and there is none to hosts that do not answer.
fn choose(starttls: Vec<Record>, direct: Vec<Record>, lot: &mut Lot) -> Offer {
    let denied = !starttls.is_empty() && !starttls.iter().any(is_host);
    let records = starttls.into_iter().chain(direct).filter(is_host).collect();
    let mut targets = in_order(records, lot);
    targets.truncate(TARGET_LIMIT);
    if !targets.is_empty() {
        Offer::Hosts(targets)
    } else if denied {
        Offer::None
    } else {
        Offer::Unknown
    }
}

fn is_host(record: &Record) -> bool {
    !record.target.host.is_empty()
}

/// By priority; among equals each is the next with the likelihood of its weight (RFC 2782).
fn in_order(mut records: Vec<Record>, lot: &mut Lot) -> Vec<Target> {
    // Those of weight 0 first: only so they have a chance at all.
    records.sort_by_key(|record| (record.priority, record.weight));
    let mut targets = Vec::with_capacity(records.len());
    while let Some(first) = records.first() {
        let priority = first.priority;
        let equals = || {
            records
                .iter()
                .take_while(|record| record.priority == priority)
        };
        let total = equals().map(|record| u32::from(record.weight)).sum();
        let drawn = lot.up_to(total);
        let mut sum = 0;
        let next = equals().position(|record| {
            sum += u32::from(record.weight);
            sum >= drawn
        });
        targets.push(records.remove(next.unwrap_or_default()).target);
    }
    targets
}

/// The records of one name; none too when DNS cannot be asked.
async fn query(resolver: &TokioResolver, name: String, direct: bool) -> Vec<Record> {
    let answer = match resolver.srv_lookup(name).await {
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
            direct,
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
        .take(RECORD_LIMIT)
        .collect()
}

#[cfg(test)]
mod tests;
