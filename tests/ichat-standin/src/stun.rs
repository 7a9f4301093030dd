//! Checks in Apple's form of STUN, and a strict look at the peer's
//! (`docs/protocol/connectivity.md`, Binding request and success `[D]`).

use crate::candidate::{Id, hex};
use crate::checks::Findings;
use std::net::{IpAddr, SocketAddr};

const REQUEST: u16 = 0x0001;
const SUCCESS: u16 = 0x0101;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const MAPPED_ADDRESS: u16 = 0x0001;
const USERNAME: u16 = 0x0006;
/// Apple's: the media slot.
const SLOT: u16 = 0x8001;
/// Newer peers': a version, a time, and in the answer how long it took.
const VERSION: u16 = 0x8003;
const TIME: u16 = 0x8004;
const DELAY: u16 = 0x8005;
/// ICE-CONTROLLED (RFC 8445 §16.1).
const CONTROLLED: u16 = 0x8029;
/// What follows either id in a USERNAME.
const AFTER_ID: [u8; 2] = [0, 1];
/// Octets of the header.
const HEADER: usize = 20;
/// What a newer peer says.
const OUR_VERSION: [u8; 4] = [0, 0, 0, 1];

/// Octets 4 to 19: the cookie, if there is one, and the transaction.
pub(crate) type Tag = [u8; 16];

/// A fresh tag.
pub(crate) fn new_tag(random: (u64, u64), cookie: bool) -> Tag {
    let mut tag = [0; 16];
    tag[..8].copy_from_slice(&random.0.to_be_bytes());
    tag[8..].copy_from_slice(&random.1.to_be_bytes());
    // Without a cookie nothing may look like one.
    tag[0] |= 0x80;
    if cookie {
        tag[..4].copy_from_slice(&COOKIE);
    }
    tag
}

/// What a check is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) tag: Tag,
    pub(crate) receiver: Id,
    pub(crate) sender: Id,
    pub(crate) slot: u32,
}

/// A message as attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: u16,
    pub(crate) tag: Tag,
    attributes: Vec<(u16, Vec<u8>)>,
}

fn username(first: &Id, second: &Id) -> Vec<u8> {
    [&first[..], &AFTER_ID, second, &AFTER_ID].concat()
}

fn address(address: SocketAddr) -> Vec<u8> {
    let (family, ip) = match address.ip() {
        IpAddr::V4(ip) => (1, ip.octets().to_vec()),
        IpAddr::V6(ip) => (2, ip.octets().to_vec()),
    };
    [&[0, family][..], &address.port().to_be_bytes(), &ip].concat()
}

impl Message {
    /// Reads one.
    ///
    /// # Errors
    /// What is broken.
    pub(crate) fn parse(octets: &[u8]) -> Result<Self, String> {
        let (Some(head), Some(mut rest)) = (octets.get(..HEADER), octets.get(HEADER..)) else {
            return Err(format!("{} octets are no STUN", octets.len()));
        };
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        if length != rest.len() {
            return Err(format!("length {length}, but {} octets follow", rest.len()));
        }
        let mut tag = Tag::default();
        tag.copy_from_slice(&head[4..]);
        let mut attributes = Vec::new();
        while let [a, b, c, d, tail @ ..] = rest {
            let kind = u16::from_be_bytes([*a, *b]);
            let length = usize::from(u16::from_be_bytes([*c, *d]));
            let value = tail
                .get(..length)
                .ok_or_else(|| format!("attribute {kind:04x} of {length} octets is cut off"))?;
            attributes.push((kind, value.to_vec()));
            rest = tail.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        match rest.is_empty() {
            true => Ok(Self {
                kind: u16::from_be_bytes([head[0], head[1]]),
                tag,
                attributes,
            }),
            false => Err(format!("{} octets behind the attributes", rest.len())),
        }
    }

    fn print(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for (kind, value) in &self.attributes {
            body.extend_from_slice(&kind.to_be_bytes());
            body.extend_from_slice(&(value.len() as u16).to_be_bytes());
            body.extend_from_slice(value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let mut octets = self.kind.to_be_bytes().to_vec();
        octets.extend_from_slice(&(body.len() as u16).to_be_bytes());
        octets.extend_from_slice(&self.tag);
        octets.extend(body);
        octets
    }

    fn value(&self, kind: u16) -> Option<&[u8]> {
        let attribute = self.attributes.iter().find(|(known, _)| *known == kind);
        attribute.map(|(_, value)| value.as_slice())
    }

    /// It asks.
    pub(crate) fn is_request(&self) -> bool {
        self.kind == REQUEST
    }

    /// It answers.
    pub(crate) fn is_success(&self) -> bool {
        self.kind == SUCCESS
    }

    /// What a request is about, if it is a check.
    pub(crate) fn check(&self) -> Option<Check> {
        let username = self.value(USERNAME).filter(|value| value.len() == 20)?;
        let (mut receiver, mut sender) = (Id::default(), Id::default());
        receiver.copy_from_slice(&username[..8]);
        sender.copy_from_slice(&username[10..18]);
        let slot = self.value(SLOT).and_then(|slot| slot.try_into().ok());
        Some(Check {
            tag: self.tag,
            receiver,
            sender,
            slot: u32::from_be_bytes(slot.unwrap_or_default()),
        })
    }

    /// The plain MAPPED-ADDRESS.
    pub(crate) fn mapped(&self) -> Option<SocketAddr> {
        let value = self.value(MAPPED_ADDRESS)?;
        let (head, ip) = value.split_at_checked(4)?;
        let ip: IpAddr = match head[1] {
            1 => <[u8; 4]>::try_from(ip).ok()?.into(),
            2 => <[u8; 16]>::try_from(ip).ok()?.into(),
            _ => return None,
        };
        Some((ip, u16::from_be_bytes([head[2], head[3]])).into())
    }

    /// The answer to a request that came from `source`.
    pub(crate) fn answer(&self, source: SocketAddr) -> Vec<u8> {
        let username = self.value(USERNAME).unwrap_or_default();
        let (first, second) = username.split_at(username.len() / 2);
        let slot = self.value(SLOT).unwrap_or(&[0; 4]);
        let mut attributes = vec![
            (USERNAME, [second, first].concat()),
            (MAPPED_ADDRESS, address(source)),
            (SLOT, slot.to_vec()),
        ];
        if let Some(version) = self.value(VERSION) {
            attributes.push((VERSION, version.to_vec()));
            if let Some(time) = self.value(TIME) {
                attributes.push((TIME, time.to_vec()));
                attributes.push((DELAY, vec![0; 4]));
            }
        }
        let (kind, tag) = (SUCCESS, self.tag);
        Self {
            kind,
            tag,
            attributes,
        }
        .print()
    }
}

impl Check {
    /// The request, 52 octets; with what newer peers, and nobody, add if that is `extra`.
    pub(crate) fn print(&self, extra: bool) -> Vec<u8> {
        let mut attributes = vec![
            (USERNAME, username(&self.receiver, &self.sender)),
            (SLOT, self.slot.to_be_bytes().to_vec()),
        ];
        if extra {
            attributes.extend([
                (VERSION, OUR_VERSION.to_vec()),
                (TIME, self.tag[8..].to_vec()),
                (CONTROLLED, self.tag[4..12].to_vec()),
                // Nobody knows these; the first would have to be understood (RFC 8489 §14).
                (0x7abc, vec![1, 2, 3, 4]),
                (0xc0de, vec![1, 2, 3, 4, 5]),
            ]);
        }
        Message {
            kind: REQUEST,
            tag: self.tag,
            attributes,
        }
        .print()
    }
}

fn check_header(octets: &[u8], message: &Message, cookie: bool, found: &mut Findings) {
    found.expect(!cookie || message.tag[..4] == COOKIE, || {
        format!(
            "{} where the cookie 2112a442 belongs",
            hex(&message.tag[..4])
        )
    });
    found.expect(message.print() == octets, || {
        format!("padding that is not zero: {}", hex(octets))
    });
}

/// What is wrong with a request of the peer's.
pub(crate) fn check_request(octets: &[u8], message: &Message, cookie: bool) -> Vec<String> {
    let mut found = Findings::default();
    check_header(octets, message, cookie, &mut found);
    let kinds: Vec<String> = message
        .attributes
        .iter()
        .map(|(k, _)| format!("{k:04x}"))
        .collect();
    found.expect(kinds == ["0006", "8001"], || {
        format!("attributes {kinds:?} instead of 0006 and 8001")
    });
    found.expect(octets.len() == 52, || {
        format!("{} octets instead of 52", octets.len())
    });
    match message.value(USERNAME) {
        Some(value) if value.len() == 20 => {
            let ends = [&value[8..10], &value[18..20]];
            found.expect(ends == [AFTER_ID, AFTER_ID], || {
                format!("USERNAME {}: no 0001 after each id", hex(value))
            });
        }
        other => found.add(format!("USERNAME of {:?} octets", other.map(<[u8]>::len))),
    }
    found.expect(message.value(SLOT) == Some(&[0; 4]), || {
        format!("slot {:?} instead of 0", message.value(SLOT).map(hex))
    });
    found.0
}

/// What is wrong with a response of the peer's to a request of ours. `mapped` are the addresses
/// that the peer can have seen; none: any.
pub(crate) fn check_response(
    octets: &[u8],
    message: &Message,
    request: &[u8],
    mapped: &[SocketAddr],
) -> Vec<String> {
    let mut found = Findings::default();
    check_header(octets, message, false, &mut found);
    let Ok(request) = Message::parse(request) else {
        return found.0;
    };
    let told = message.mapped();
    let seen = told.filter(|told| mapped.is_empty() || mapped.contains(told));
    found.expect(seen.is_some(), || {
        format!("MAPPED-ADDRESS {told:?} instead of one of {mapped:?}")
    });
    let source = told.unwrap_or(SocketAddr::from(([0; 4], 0)));
    let expected = request.answer(source);
    let expected = Message::parse(&expected).unwrap_or_else(|_| message.clone());
    let kinds = |message: &Message| -> Vec<String> {
        let kinds = message.attributes.iter();
        kinds.map(|(kind, _)| format!("{kind:04x}")).collect()
    };
    found.expect(kinds(message) == kinds(&expected), || {
        format!(
            "attributes {:?} instead of {:?}",
            kinds(message),
            kinds(&expected)
        )
    });
    found.expect(message.tag == request.tag, || {
        format!(
            "octets 4 to 19 are {} instead of {}",
            hex(&message.tag),
            hex(&request.tag)
        )
    });
    for (kind, wanted) in &expected.attributes {
        let got = message.value(*kind).unwrap_or_default();
        let right = match *kind {
            // How long the answer took is the peer's to say.
            DELAY => got.len() == 4,
            MAPPED_ADDRESS => got.len() == wanted.len() && got.first() == Some(&0),
            _ => got == wanted,
        };
        found.expect(right, || {
            format!(
                "attribute {kind:04x} is {} instead of {}",
                hex(got),
                hex(wanted)
            )
        });
    }
    found.0
}

#[cfg(test)]
#[path = "stun_tests.rs"]
mod tests;
