//! What we call ourselves on the network.

use std::hash::{BuildHasher, RandomState};

use crate::lan::text;

/// Octets of one label of a DNS name (RFC 1035 §2.3.4): the whole of `user@machine`.
const LABEL_LIMIT: usize = 63;

/// Octets of the machine's part.
const MACHINE_LIMIT: usize = 24;

/// Octets that a number behind the user's part may take.
const NUMBER_ROOM: usize = 9;

/// Up to this number names are counted up; beyond, somebody is taking them on purpose.
const COUNTED: u32 = 9;

/// Our name, and those we take if it is not free.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    user: String,
    machine: String,
    /// The name of the address records, in `local.`. It is ours alone: those of the machine's own
    /// name belong to the system's responder, whose addresses may be others.
    pub(super) host: String,
    random: u32,
}

impl Identity {
    /// From what the user wants to be called and what the machine is.
    ///
    /// What a JID or a host name cannot hold becomes `-`; of a domain only the first label is taken
    /// (XEP-0174 §10: the machine's part is ASCII).
    pub(super) fn new(user: &str, machine: &str) -> Self {
        let random = random();
        let first = machine.split('.').next().unwrap_or_default();
        let ascii = |character: char| {
            if character.is_ascii_alphanumeric() {
                character
            } else {
                '-'
            }
        };
        let machine: String = first.chars().map(ascii).collect();
        let machine = machine.trim_matches('-');
        let machine = text::cut(machine, MACHINE_LIMIT).trim_matches('-');
        let machine = if machine.is_empty() { "host" } else { machine };
        let room = LABEL_LIMIT - NUMBER_ROOM - 1 - machine.len();
        let user: String = text::safe(user.as_bytes()).chars().map(in_jid).collect();
        let user = text::cut(&user, room).trim_matches('-');
        let user = if user.is_empty() { "user" } else { user };
        Self {
            user: user.to_owned(),
            machine: machine.to_owned(),
            host: format!("{}-{random:08x}.local.", machine.to_ascii_lowercase()),
            random,
        }
    }

    /// The name that is taken at this attempt: the user's part alone, then with 1, 2, … behind it
    /// (XEP-0174 §3), and at last with a number that nobody else guesses.
    pub(super) fn name(&self, attempt: u32) -> String {
        let Self { user, machine, .. } = self;
        match attempt {
            0 => format!("{user}@{machine}"),
            1..=COUNTED => format!("{user}{attempt}@{machine}"),
            _ => {
                let random = self.random.wrapping_add(attempt);
                format!("{user}-{random:08x}@{machine}")
            }
        }
    }
}

/// RFC 7622 §3.3.1, and white space.
fn in_jid(character: char) -> char {
    let refused = "\"&'/:<>@\\".contains(character) || character == char::REPLACEMENT_CHARACTER;
    if refused || character.is_whitespace() {
        '-'
    } else {
        character
    }
}

/// No secret, only unlikely to be another's.
fn random() -> u32 {
    let hash = RandomState::new().hash_one(std::process::id());
    let [a, b, c, d, ..] = hash.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BareJid;

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let identity = Identity::new("ada", "PowerBook-G4.local");
        let names: Vec<String> = (0..3).map(|attempt| identity.name(attempt)).collect();
        assert_eq!(
            names,
            ["ada@PowerBook-G4", "ada1@PowerBook-G4", "ada2@PowerBook-G4"]
        );
        assert_ne!(identity.name(10), identity.name(11));
        assert!(identity.host.starts_with("powerbook-g4-") && identity.host.ends_with(".local."));
    }

    #[test]
    fn whatever_somebody_is_called_a_jid_comes_of_it() {
        let long = "ü".repeat(200);
        for (user, machine) in [
            ("Ada Byron", "Ada's Mac"),
            ("", ""),
            ("@@", "..."),
            (long.as_str(), long.as_str()),
            ("a/b:c", "x.y.z"),
            ("\u{1b}[2J", "-"),
        ] {
            let identity = Identity::new(user, machine);
            for attempt in [0, 9, 10] {
                let name = identity.name(attempt);
                assert!(name.len() <= LABEL_LIMIT, "{name}");
                let jid = BareJid::new(&name).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert!(jid.node().is_some(), "{name}");
            }
            assert!(identity.host.is_ascii());
        }
        assert_eq!(Identity::new("Ada Byron", "x.y").name(0), "Ada-Byron@x");
    }
}
