//! Candidates and IPPORT records.

use ichat_invitation::{
    Candidate, CandidateId, CandidateKind, IpPort, RawIpPort, encode_candidates,
};
use serde_json::{Value as Json, json};

use super::parts::{ContentError, expected, list, number, octets, part};

/// The content of `SIP-ICE`.
pub(in crate::inspect) fn candidates(candidates: &[Candidate]) -> Json {
    candidates.iter().map(candidate).collect()
}

/// An address list.
pub(in crate::inspect) fn records(octets: &[u8]) -> Json {
    let (records, rest) = octets.as_chunks::<{ IpPort::LEN }>();
    if !rest.is_empty() {
        return Json::Null;
    }
    records
        .iter()
        .map(|octets| record(&RawIpPort(*octets)))
        .collect()
}

/// The octets of a changed address list.
pub(in crate::inspect) fn to_records(content: &Json) -> Result<Vec<u8>, ContentError> {
    let mut octets = Vec::new();
    for (index, value) in list(content)?.iter().enumerate() {
        octets.extend(to_record(value).map_err(|error| error.below(index + 1))?.0);
    }
    Ok(octets)
}

/// The octets of changed candidates.
pub(in crate::inspect) fn to_octets(content: &Json) -> Result<Vec<u8>, ContentError> {
    let mut candidates = Vec::new();
    for (index, value) in list(content)?.iter().enumerate() {
        candidates.push(to_candidate(value).map_err(|error| error.below(index + 1))?);
    }
    Ok(encode_candidates(&candidates))
}

fn candidate(candidate: &Candidate) -> Json {
    json!({
        "slot": candidate.slot,
        "type": u32::from(candidate.kind),
        "call_id": candidate.call_id,
        "id": hex::encode(candidate.id.0),
        "priority": candidate.priority,
        "rank": candidate.rank,
        "address": record(&candidate.address),
        "base": record(&candidate.base),
        "guard": guard(candidate),
        "trailer": candidate.trailer,
    })
}

/// `"base"` for the guard that belongs to the base, so that a changed base has a right one.
fn guard(candidate: &Candidate) -> Json {
    if candidate.guard == candidate.base.guard() {
        json!("base")
    } else {
        record(&candidate.guard)
    }
}

fn to_candidate(value: &Json) -> Result<Candidate, ContentError> {
    let field = |key: &'static str| part(value, key);
    let named = |key: &'static str| move |error: ContentError| error.below(key);
    let word =
        |key: &'static str| number::<u32>(field(key)?, "a number of 32 bits").map_err(named(key));
    let half =
        |key: &'static str| number::<u16>(field(key)?, "a number of 16 bits").map_err(named(key));
    let id = octets(field("id")?).map_err(named("id"))?;
    let found = id.len();
    let id = <[u8; 8]>::try_from(id)
        .map_err(|_| ContentError::new(format!("expected 8 octets, found {found}")).below("id"))?;
    let base = to_record(field("base")?).map_err(named("base"))?;
    let guard = field("guard")?;
    let guard = if guard == "base" {
        base.guard()
    } else {
        to_record(guard).map_err(named("guard"))?
    };
    Ok(Candidate {
        slot: word("slot")?,
        kind: CandidateKind::from(word("type")?),
        call_id: word("call_id")?,
        id: CandidateId(id),
        priority: half("priority")?,
        rank: half("rank")?,
        address: to_record(field("address")?).map_err(named("address"))?,
        base,
        guard,
        trailer: word("trailer")?,
    })
}

/// A record by its parts where they say all of it; else its octets.
fn record(record: &RawIpPort) -> Json {
    let ip_port = record.ip_port();
    let mut json = json!({
        "flags": ip_port.flags,
        "interface": ip_port.interface,
        "address": ip_port.address.ip().to_string(),
        "port": ip_port.address.port(),
    });
    let unused = record.0.get(24..36).unwrap_or_default();
    if !ip_port.is_ipv6()
        && unused.iter().any(|octet| *octet != 0)
        && let Some(object) = json.as_object_mut()
    {
        object.insert("unused".into(), json!(hex::encode(unused)));
    }
    match to_record(&json) {
        Ok(again) if again == *record => json,
        Ok(_) | Err(_) => json!({ "$octets": hex::encode(record.0) }),
    }
}

fn to_record(value: &Json) -> Result<RawIpPort, ContentError> {
    if let Some(whole) = value.get("$octets") {
        let octets = octets(whole)?;
        let found = octets.len();
        let octets = octets.try_into();
        return octets.map(RawIpPort).map_err(|_| {
            ContentError::new(format!("expected {} octets, found {found}", IpPort::LEN))
        });
    }
    let address = part(value, "address")?;
    let text = address
        .as_str()
        .ok_or_else(|| expected("an address", address))?;
    let ip = text
        .parse()
        .map_err(|_| ContentError::new(format!("expected an IP address, found {text:?}")))?;
    let port = number(part(value, "port")?, "a port").map_err(|error| error.below("port"))?;
    let interface = part(value, "interface")?;
    let interface = interface
        .as_str()
        .ok_or_else(|| expected("a name", interface))?;
    let flags = number(part(value, "flags")?, "a number of 32 bits");
    let mut octets = IpPort {
        flags: flags.map_err(|error| error.below("flags"))?,
        interface: interface.to_owned(),
        address: std::net::SocketAddr::new(ip, port),
    }
    .encode();
    if let Some(unused) = value.get("unused") {
        let unused = self::octets(unused).map_err(|error| error.below("unused"))?;
        if unused.len() != 12 || ip.is_ipv6() {
            return Err(ContentError::new(
                "expected 12 unused octets behind an IPv4 address, or none",
            ));
        }
        for (octet, value) in octets.iter_mut().skip(24).zip(unused) {
            *octet = value;
        }
    }
    Ok(RawIpPort(octets))
}
