//! What was of no use and dropped, by why. Counted; never the end of a call.

use std::fmt;
use std::ops::AddAssign;

/// How much was dropped, by reason. Keepalives are none of it, nor is a pinhole datagram that showed
/// the way to the peer: these have their use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drops {
    /// Media, or an INVITE, from an address that has no part in the call.
    pub unknown_source: u64,
    /// RTP and RTCP that cannot be read, or is another sender's than the one heard.
    pub malformed: u64,
    /// RTP of a payload type that nobody agreed on.
    pub payload_type: u64,
    /// Sound that was there already.
    pub duplicate: u64,
    /// Datagrams of no known kind (docs/protocol/connectivity.md, which datagram is what).
    pub unknown_kind: u64,
    /// RTP and RTCP while there was no media: too early, or too late.
    pub no_media: u64,
    /// SIP that cannot be read, or belongs to nothing here.
    pub sip: u64,
    /// Probes of a bandwidth test.
    pub probe: u64,
    /// STUN that is neither a check of the peer's nor an answer to us, and checks that were left to
    /// be repeated.
    pub stun: u64,
    /// SNATMAP that is no answer to us.
    pub snatmap: u64,
    /// What a relay said that means nothing.
    pub relay: u64,
    /// Sound, candidates and pairs of the peer's that found no room.
    pub overflow: u64,
    /// Datagrams of ours that could not leave, or that no relay passed on.
    pub unsent: u64,
}

impl Drops {
    /// All reasons by their names in events, with how often each was one.
    #[must_use]
    pub fn by_reason(&self) -> [(&'static str, u64); 13] {
        let Self {
            unknown_source,
            malformed,
            payload_type,
            duplicate,
            unknown_kind,
            no_media,
            sip,
            probe,
            stun,
            snatmap,
            relay,
            overflow,
            unsent,
        } = *self;
        [
            ("unknown_source", unknown_source),
            ("malformed", malformed),
            ("payload_type", payload_type),
            ("duplicate", duplicate),
            ("unknown_kind", unknown_kind),
            ("no_media", no_media),
            ("sip", sip),
            ("probe", probe),
            ("stun", stun),
            ("snatmap", snatmap),
            ("relay", relay),
            ("overflow", overflow),
            ("unsent", unsent),
        ]
    }

    /// The sum.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_reason().iter().map(|(_, count)| count).sum()
    }
}

impl AddAssign for Drops {
    fn add_assign(&mut self, other: Self) {
        let Self {
            unknown_source,
            malformed,
            payload_type,
            duplicate,
            unknown_kind,
            no_media,
            sip,
            probe,
            stun,
            snatmap,
            relay,
            overflow,
            unsent,
        } = other;
        self.unknown_source += unknown_source;
        self.malformed += malformed;
        self.payload_type += payload_type;
        self.duplicate += duplicate;
        self.unknown_kind += unknown_kind;
        self.no_media += no_media;
        self.sip += sip;
        self.probe += probe;
        self.stun += stun;
        self.snatmap += snatmap;
        self.relay += relay;
        self.overflow += overflow;
        self.unsent += unsent;
    }
}

impl fmt::Display for Drops {
    /// Those that there are: `unknown_source 3, sip 1`; `none`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (reason, count) in self.by_reason() {
            if count > 0 {
                write!(f, "{separator}{reason} {count}")?;
                separator = ", ";
            }
        }
        if separator.is_empty() {
            f.write_str("none")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each reason as often as its place says.
    fn every() -> Drops {
        Drops {
            unknown_source: 1,
            malformed: 2,
            payload_type: 3,
            duplicate: 4,
            unknown_kind: 5,
            no_media: 6,
            sip: 7,
            probe: 8,
            stun: 9,
            snatmap: 10,
            relay: 11,
            overflow: 12,
            unsent: 13,
        }
    }

    #[test]
    fn every_reason_is_named_added_and_part_of_the_sum() {
        let mut twice = every();
        twice += every();
        let counts: Vec<u64> = twice.by_reason().iter().map(|(_, count)| *count).collect();
        let expected: Vec<u64> = (1..=13).map(|place| place * 2).collect();
        assert_eq!(counts, expected);
        assert_eq!(twice.total(), 2 * 91);
        let names: std::collections::BTreeSet<&str> =
            twice.by_reason().iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), 13);
    }

    #[test]
    fn a_line_names_the_reasons_that_there_were() {
        let drops = Drops {
            unknown_source: 3,
            sip: 1,
            ..Drops::default()
        };
        assert_eq!(drops.to_string(), "unknown_source 3, sip 1");
        assert_eq!(Drops::default().to_string(), "none");
    }
}
