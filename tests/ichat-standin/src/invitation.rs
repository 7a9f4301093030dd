//! Invitations: written as captured, and a strict look at the peer's
//! (`docs/protocol/invitation.md` `[C; P; I]`).

use crate::bplist::{self, Value};
use crate::candidate::{self, Candidate};
use crate::checks::Findings;
use crate::ipport;
use crate::options::{bare, same_bare};
use crate::typedstream::{self, Processor};

/// Session ids are at least this, so that they take four octets.
const SMALLEST_SESSION: u64 = 0x1_0000;
/// And at most this.
const LARGEST_SESSION: u64 = 0x7fff_ffff;
/// More hex than this may stall on its way (`docs/protocol/field.md`, size).
const MAX_DIGITS: usize = 8192;
/// The hex digits of `bplist`.
const MAGIC: &str = "62706c697374";

/// The top dictionary's keys.
const KEYS: [&str; 5] = [
    "VCSessionID",
    "VCICEData",
    "VCInviteesList",
    "VCSecurityEnabled",
    "VCOrderIsFinal",
];

/// Whether a text is an invitation rather than a list of addresses.
pub(crate) fn is_invitation(text: &str) -> bool {
    let digits = text.chars().filter(|c| !c.is_whitespace());
    let begin: String = digits.take(MAGIC.len()).collect();
    begin.eq_ignore_ascii_case(MAGIC)
}

/// A random session id.
pub(crate) fn new_session(random: u32) -> u32 {
    let span = LARGEST_SESSION - SMALLEST_SESSION + 1;
    (SMALLEST_SESSION + u64::from(random) % span) as u32
}

/// Who calls whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parties {
    /// Full JID.
    pub(crate) caller: String,
    pub(crate) caller_name: String,
    /// Bare JID.
    pub(crate) callee: String,
    pub(crate) callee_name: String,
}

impl Parties {
    /// With the names that an address book would have.
    pub(crate) fn new(caller: &str, callee: &str) -> Self {
        let name = |jid: &str| {
            let user = jid.split('@').next().unwrap_or_default();
            let (first, rest) = user.split_at(user.chars().next().map_or(0, char::len_utf8));
            format!("{}{rest}", first.to_uppercase())
        };
        Self {
            caller: caller.to_owned(),
            caller_name: name(caller),
            callee: bare(callee).to_owned(),
            callee_name: name(callee),
        }
    }
}

/// What we send.
#[derive(Clone, Debug)]
pub(crate) struct Invitation {
    pub(crate) session: u32,
    pub(crate) parties: Parties,
    pub(crate) video: bool,
    pub(crate) candidates: Vec<u8>,
    pub(crate) processor: Processor,
}

fn member(parties: &Parties, caller: bool, video: bool) -> Value {
    let (jid, name, state, place) = match caller {
        true => (bare(&parties.caller), &parties.caller_name, 0, 1),
        false => (parties.callee.as_str(), &parties.callee_name, 2, 2),
    };
    let entries = [
        ("ardRole", Value::integer(0)),
        ("error", Value::integer(0)),
        ("state", Value::integer(state)),
        ("invitedBy", Value::text(&parties.caller)),
        ("presentityID", Value::text(jid)),
        ("presentityName", Value::text(name)),
        ("sendingAudio", Value::Boolean(true)),
        ("sendingVideo", Value::Boolean(video)),
        ("vcPartyID", Value::text(&format!("{jid}{place}"))),
        ("usingICE", Value::Boolean(!caller)),
    ];
    Value::Dictionary(entries.map(|(key, value)| (key.to_owned(), value)).to_vec())
}

impl Invitation {
    /// Its octets.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let archive = typedstream::encode(&self.candidates, self.processor);
        let members = [true, false].map(|caller| member(&self.parties, caller, self.video));
        let values = [
            Value::integer(self.session),
            Value::Data(archive),
            Value::Array(members.to_vec()),
            Value::Boolean(false),
            Value::Boolean(false),
        ];
        let keys = KEYS.map(str::to_owned);
        bplist::encode(&Value::Dictionary(keys.into_iter().zip(values).collect()))
    }
}

/// What an invitation of the peer's must say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    pub(crate) parties: Parties,
    /// `None`: the peer chooses it.
    pub(crate) session: Option<u32>,
    /// The peer may send video.
    pub(crate) video: bool,
}

/// What the peer's invitation says.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) session: u32,
    /// As they came.
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) processor: Processor,
}

/// Reads the peer's invitation, and notes what is wrong with it.
///
/// # Errors
/// What makes it useless.
pub(crate) fn read(text: &str, expected: &Expected, found: &mut Findings) -> Result<Read, String> {
    let stripped: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    found.expect(
        stripped == text || text.strip_prefix('\n') == Some(&stripped),
        || "white space other than one line feed before the hex".into(),
    );
    found.expect(!stripped.contains(|c: char| c.is_ascii_uppercase()), || {
        "upper-case hex".into()
    });
    found.expect(stripped.len() <= MAX_DIGITS, || {
        format!("{} hex digits, more than {MAX_DIGITS}", stripped.len())
    });
    let octets = ipport::octets_of(&stripped)?;
    let value = bplist::decode(&octets)?;
    let canonical = bplist::encode(&value);
    if canonical != octets {
        let at = canonical
            .iter()
            .zip(&octets)
            .position(|(one, other)| one != other);
        found.add(format!(
            "{} octets, {} as CoreFoundation writes the same values; the first that differs is {}",
            octets.len(),
            canonical.len(),
            at.unwrap_or(octets.len().min(canonical.len()))
        ));
    }
    let Value::Dictionary(entries) = &value else {
        return Err(format!("{} instead of a dictionary", value.kind()));
    };
    check_keys("", entries, &KEYS, found);
    let get = |key: &str| {
        entries
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value)
    };
    for key in ["VCSecurityEnabled", "VCOrderIsFinal"] {
        found.expect(get(key) == Some(&Value::Boolean(false)), || {
            format!("{key} is {:?} instead of false", get(key))
        });
    }
    let Some(Value::Integer { value, width }) = get("VCSessionID") else {
        return Err(format!("VCSessionID is {:?}", get("VCSessionID")));
    };
    found.expect(
        *width == 4 && (SMALLEST_SESSION..=LARGEST_SESSION).contains(value),
        || format!("VCSessionID {value:x} in {width} octets, not 10000 to 7fffffff in 4"),
    );
    found.expect(
        expected
            .session
            .is_none_or(|ours| u64::from(ours) == *value),
        || {
            format!(
                "VCSessionID {value:x} answers {:x}",
                expected.session.unwrap_or(0)
            )
        },
    );
    match get("VCInviteesList") {
        Some(Value::Array(members)) => check_members(members, expected, found),
        other => found.add(format!("VCInviteesList is {other:?}")),
    }
    let Some(Value::Data(archive)) = get("VCICEData") else {
        return Err(format!("VCICEData is {:?}", get("VCICEData")));
    };
    let (processor, octets) = typedstream::decode(archive)?;
    let candidates = candidate::decode(octets)?;
    candidate::check(&candidates, found);
    Ok(Read {
        session: *value as u32,
        candidates,
        processor,
    })
}

fn check_keys(place: &str, entries: &[(String, Value)], keys: &[&str], found: &mut Findings) {
    let got: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
    found.expect(got == keys, || {
        format!("{place}keys {got:?} instead of {keys:?}")
    });
}

fn check_members(members: &[Value], expected: &Expected, found: &mut Findings) {
    found.expect(members.len() == 2, || {
        format!("{} members of VCInviteesList instead of 2", members.len())
    });
    for (index, value) in members.iter().take(2).enumerate() {
        let ours = member(&expected.parties, index == 0, false);
        let (Value::Dictionary(ours), Value::Dictionary(entries)) = (&ours, value) else {
            found.add(format!("member {index} is {}", value.kind()));
            continue;
        };
        let keys: Vec<&str> = ours.iter().map(|(key, _)| key.as_str()).collect();
        check_keys(&format!("member {index}: "), entries, &keys, found);
        for (key, wanted) in ours {
            let Some((_, got)) = entries.iter().find(|(known, _)| known == key) else {
                continue;
            };
            found.expect(is_right(key, got, wanted, expected), || {
                format!("member {index}: {key} is {got:?} instead of {wanted:?}")
            });
        }
    }
}

fn is_right(key: &str, got: &Value, wanted: &Value, expected: &Expected) -> bool {
    match (key, got, wanted) {
        // A name is anybody's own.
        ("presentityName", Value::Text(name), _) => !name.trim().is_empty(),
        ("sendingVideo", Value::Boolean(_), _) if expected.video => true,
        // The case of the account is not said by XMPP's.
        ("invitedBy", Value::Text(got), Value::Text(wanted)) => {
            let resource = |jid: &str| jid.split_once('/').map(|(_, end)| end.to_owned());
            same_bare(got, wanted) && resource(got) == resource(wanted)
        }
        ("presentityID" | "vcPartyID", Value::Text(got), Value::Text(wanted)) => {
            got.eq_ignore_ascii_case(wanted)
        }
        (_, got, wanted) => got == wanted,
    }
}

#[cfg(test)]
#[path = "invitation_tests.rs"]
mod tests;
