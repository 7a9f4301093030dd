//! Candidates, the content of `SIP-ICE`: `docs/protocol/addresses.md`, candidates [C; meanings D].

use ichat_invitation::candidate::{ICHAT_HOST_PRIORITY, MAX_CANDIDATES};
use ichat_invitation::{Candidate, CandidateKind, IpPort, RawIpPort, Tampering};

use super::field::{Document, Field, Grade};
use super::ipport::{counted, parts, scope};

/// The page of its facts.
const PAGE: &str = "docs/protocol/addresses.md";

/// The layout is captured, the meanings are those of later software.
const MEANING: Grade = "C, D";

/// Where the three records begin, from the candidate's first octet.
const ADDRESS: usize = 24;
const BASE: usize = 64;
const GUARD: usize = 104;
const TRAILER: usize = 144;

/// Candidates as a whole input.
pub(super) fn document(raw: Vec<u8>, form: &'static str) -> Document {
    let title = format!(
        "SIP-ICE in {form}: {}, {}",
        counted(raw.len(), "octet"),
        counted(raw.len() / Candidate::LEN, "candidate"),
    );
    let (candidates, _) = ichat_invitation::decode_candidates_lossy(&raw);
    Document {
        kind: "candidates",
        title,
        page: PAGE,
        form,
        notes: notes(&raw),
        fault: None,
        content: super::content::candidates(&candidates),
        fields: fields(&raw),
        raw,
    }
}

/// What an endpoint would say of a whole blob.
pub(super) fn notes(blob: &[u8]) -> Vec<String> {
    match ichat_invitation::decode_candidates(blob) {
        Ok(_) => Vec::new(),
        Err(error) => vec![error.to_string()],
    }
}

/// The candidates of a blob, and as much as is there of one that is cut.
pub(super) fn fields(blob: &[u8]) -> Vec<Field> {
    let (whole, rest) = blob.as_chunks::<{ Candidate::LEN }>();
    let shown = whole.iter().take(MAX_CANDIDATES).enumerate();
    let mut fields: Vec<Field> = shown
        .map(|(index, octets)| candidate(index, octets))
        .collect();
    if whole.len() > MAX_CANDIDATES {
        let offset = MAX_CANDIDATES * Candidate::LEN;
        let more = Field::new("more candidates").at(offset, whole.len() * Candidate::LEN - offset);
        fields.push(more.note(format!("an endpoint uses {MAX_CANDIDATES}: not shown")));
    }
    if !rest.is_empty() {
        fields.push(cut(whole.len(), blob.len() - rest.len(), rest));
    }
    fields
}

fn candidate(index: usize, octets: &[u8; Candidate::LEN]) -> Field {
    let base = index * Candidate::LEN;
    let candidate = Candidate::decode(octets);
    let address = candidate.address.address();
    let (restored, tampering) = candidate.restored();
    let field = Field::new(format!("candidate {}", index + 1))
        .at(base, Candidate::LEN)
        .text(address.to_string())
        .means(format!(
            "{}, {}",
            kind_word(candidate.kind),
            scope(address.ip())
        ))
        .graded(MEANING)
        .with(head(base, octets))
        .with([
            record("A", base + ADDRESS, &candidate.address).means("the address to check"),
            record("B", base + BASE, &candidate.base).means(base_meaning(&candidate)),
            guard(base + GUARD, &candidate),
            trailer(base + TRAILER, candidate.trailer),
        ]);
    match tampering {
        Tampering::None => field,
        Tampering::NoGuard => field.note("no guard: a rewrite on the way cannot be seen"),
        Tampering::Base => field.note(format!(
            "rewritten on the way: B was {}",
            restored.base.address().ip()
        )),
        Tampering::BaseAndAddress => field.note(format!(
            "rewritten on the way: A and B were {}",
            restored.base.address().ip()
        )),
    }
}

/// What stands before the three records, as far as it is there.
fn head(base: usize, octets: &[u8]) -> Vec<Field> {
    let word = |offset: usize| {
        let octets = octets.get(offset..offset + 4)?.first_chunk::<4>()?;
        Some(u32::from_be_bytes(*octets))
    };
    let half = |offset: usize| {
        let octets = octets.get(offset..offset + 2)?.first_chunk::<2>()?;
        Some(u16::from_be_bytes(*octets))
    };
    let slot = word(0).map(|slot| {
        Field::new("slot")
            .at(base, 4)
            .number(slot)
            .graded(MEANING)
            .means(match slot {
                0 => "the one UDP socket that all media share",
                _ => "a media slot of its own: pairs form between equal slots",
            })
    });
    let kind = word(4).map(|number| {
        let kind = CandidateKind::from(number);
        let field = Field::new("type")
            .at(base + 4, 4)
            .number(number)
            .graded(MEANING);
        field.means(kind_word(kind)).note_if(
            matches!(kind, CandidateKind::Unknown(_)),
            "expected 1, 3, 5, 6 or 7: checked like a host candidate",
        )
    });
    let call = word(8).map(|id| {
        let field = Field::new("call id")
            .at(base + 8, 4)
            .number(id)
            .graded(MEANING);
        field.means("the sender's, the same in all its candidates")
    });
    let id = octets.get(12..20).map(|id| {
        let tail_is_zero = id.ends_with(&[0; 4]);
        let field = Field::new("id")
            .at(base + 12, 8)
            .text(hex::encode(id))
            .graded(MEANING);
        field
            .means("31 random bits and 4 zero octets; names the candidate in checks")
            .note_if(
                !tail_is_zero || id.first().is_some_and(|first| first & 0x80 != 0),
                "expected 31 bits and 4 zero octets: compared as 8 octets all the same",
            )
    });
    let priority = half(20).map(|priority| {
        let field = Field::new("priority")
            .at(base + 20, 2)
            .number(priority)
            .graded(MEANING);
        field.means(match priority {
            ICHAT_HOST_PRIORITY => "larger is better; 45 is a host candidate of iChat 5",
            90 => "larger is better; 90 is a host candidate of later software",
            70 => "larger is better; 70 is a server-reflexive one of later software",
            40 => "larger is better; 40 is a relay of later software",
            10 => "larger is better; 10 is IPv6 in later software",
            _ => "larger is better",
        })
    });
    let rank = half(22).map(|rank| {
        let field = Field::new("rank")
            .at(base + 22, 2)
            .number(rank)
            .graded(MEANING);
        let field = field.means("each side makes its own after sorting");
        field.note_if(rank != 0, "expected 0: ignored")
    });
    [slot, kind, call, id, priority, rank]
        .into_iter()
        .flatten()
        .collect()
}

fn record(name: &str, offset: usize, record: &RawIpPort) -> Field {
    Field::new(name)
        .at(offset, IpPort::LEN)
        .text(record.address().to_string())
        .graded(MEANING)
        .with(parts(offset, &record.0))
}

fn base_meaning(candidate: &Candidate) -> &'static str {
    let same = candidate.address.same_ip(&candidate.base)
        && candidate.address.address().port() == candidate.base.address().port();
    if same {
        "the local base; the same as A, as of a host"
    } else {
        "the local base"
    }
}

fn guard(offset: usize, candidate: &Candidate) -> Field {
    let record = &candidate.guard;
    let field = Field::new("C (guard)")
        .at(offset, IpPort::LEN)
        .graded(MEANING);
    if record.is_zero_address() {
        return field
            .shown("none")
            .means("an all-zero guard guards nothing");
    }
    let field = field
        .text(hex::encode(record.address_octets()))
        .means("B's 16 address octets inverted, and `~` behind the name")
        .with(parts(offset, &record.0));
    let (restored, _) = candidate.restored();
    field.note_if(
        restored.base.guard() != *record,
        "not B's octets inverted with its flags, name and port, octet for octet",
    )
}

fn trailer(offset: usize, trailer: u32) -> Field {
    Field::new("trailer")
        .at(offset, 4)
        .text(format!("{trailer:08x}"))
        .graded("?")
        .means("unknown; we send 0")
        .note_if(trailer != 0, "expected 0: what does it mean?")
}

/// A candidate that is cut: its whole fields, and the octets that are left.
fn cut(index: usize, base: usize, rest: &[u8]) -> Field {
    let mut field = Field::new(format!("candidate {}", index + 1))
        .at(base, rest.len())
        .graded(MEANING)
        .with(head(base, rest));
    let address = rest
        .get(ADDRESS..BASE)
        .and_then(|octets| octets.first_chunk());
    if let Some(octets) = address {
        let address = RawIpPort(*octets).address();
        field = field.text(address.to_string());
    }
    let mut end = ADDRESS.min(rest.len());
    for (name, start, meaning) in [
        ("A", ADDRESS, "the address to check"),
        ("B", BASE, "the local base"),
        ("C (guard)", GUARD, "B inverted, and `~` behind the name"),
    ] {
        let octets = rest
            .get(start..start + IpPort::LEN)
            .and_then(|octets| octets.first_chunk());
        let Some(octets) = octets else { break };
        field = field.with([record(name, base + start, &RawIpPort(*octets)).means(meaning)]);
        end = start + IpPort::LEN;
    }
    let left = rest.get(end..).unwrap_or_default();
    if !left.is_empty() {
        let name = match end {
            ADDRESS => "A, begun",
            BASE => "B, begun",
            GUARD => "C (guard), begun",
            _ => "rest",
        };
        field = field.with([Field::new(name)
            .at(base + end, left.len())
            .text(hex::encode(left))
            .means(begun(end, left))]);
    }
    field.note(format!(
        "cut: expected {} octets, found {}",
        Candidate::LEN,
        rest.len()
    ))
}

/// What can be told of a record of which only a part is there.
fn begun(start: usize, left: &[u8]) -> String {
    let name: String = left
        .get(4..)
        .unwrap_or_default()
        .iter()
        .take(16)
        .take_while(|octet| **octet != 0)
        .map(|octet| {
            if octet.is_ascii_graphic() {
                char::from(*octet)
            } else {
                '?'
            }
        })
        .collect();
    let address = left.get(20..).unwrap_or_default();
    match (start, address) {
        (_, []) => format!("flags and name {name}"),
        (GUARD, address) => {
            let inverted: Vec<String> = address
                .iter()
                .take(4)
                .map(|octet| (!octet).to_string())
                .collect();
            format!(
                "name {name}, and the begin of the address inverted: {}",
                inverted.join(".")
            )
        }
        (_, _) => format!("flags, name {name}, and the begin of the address"),
    }
}

fn kind_word(kind: CandidateKind) -> &'static str {
    match kind {
        CandidateKind::Host => "host",
        CandidateKind::ServerReflexive => "server-reflexive",
        CandidateKind::Relay => "relay",
        CandidateKind::PeerReflexive => "peer-reflexive",
        CandidateKind::HostPointToPoint => "host on a point-to-point interface",
        CandidateKind::Unknown(_) => "of an unknown type",
    }
}
