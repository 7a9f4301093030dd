//! Logging in (RFC 6120 §6): which mechanism, and in which order what is said.
//!
//! A server has to prove that it knows the password as well (RFC 5802 §3): nothing goes on before
//! its signature has been verified.

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use super::faults::{LocalFault, ProofFault};
use super::scram::{Binding, Expected, Failure, Hash, Scram};

/// The mechanisms that we have, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    ScramSha256Plus,
    ScramSha1Plus,
    ScramSha256,
    ScramSha1,
    Plain,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::ScramSha256Plus,
        Self::ScramSha1Plus,
        Self::ScramSha256,
        Self::ScramSha1,
        Self::Plain,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::ScramSha1Plus => "SCRAM-SHA-1-PLUS",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::Plain => "PLAIN",
        }
    }

    fn binds_channel(self) -> bool {
        matches!(self, Self::ScramSha256Plus | Self::ScramSha1Plus)
    }
}

/// What a server offers, and what we have beside it.
#[derive(Debug)]
pub(super) struct Terms {
    /// The names of its mechanisms.
    pub(super) offered: Vec<String>,
    /// Our channel's data of the type `tls-exporter`, if there is such a channel.
    pub(super) exporter: Option<Vec<u8>>,
    /// Whether the server binds to channels of that type, as far as it says.
    pub(super) takes_exporter: bool,
    /// Whether the server may be shown the password.
    pub(super) plain: bool,
}

impl Terms {
    /// Takes the best mechanism, and decides what is said about the channel.
    pub(super) fn choose(self) -> Option<(Kind, Binding)> {
        let offers = |kind: Kind| self.offered.iter().any(|name| name == kind.name());
        let bound = self.exporter.is_some() && self.takes_exporter;
        let kind = Kind::ALL.into_iter().find(|kind| {
            offers(*kind)
                && (bound || !kind.binds_channel())
                && (self.plain || *kind != Kind::Plain)
        })?;
        let plus = self.offered.iter().any(|name| name.ends_with("-PLUS"));
        let binding = match self.exporter {
            Some(data) if kind.binds_channel() => Binding::Exporter(data),
            Some(_) if !plus => Binding::NotOffered,
            Some(_) | None => Binding::Unable,
        };
        Some((kind, binding))
    }
}

enum Step {
    /// A SCRAM challenge has to come.
    First(Box<Scram>),
    /// Our proof is sent; the server's signature has to come.
    Proof(Expected),
    /// All has come that was needed.
    Done,
}

/// One log-in.
pub(super) struct Exchange(Step);

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").finish_non_exhaustive()
    }
}

impl Exchange {
    /// Begins; returns what goes into `<auth/>` too.
    pub(super) fn start(
        kind: Kind,
        user: &str,
        password: &SecretString,
        binding: Binding,
    ) -> Result<(Self, Zeroizing<Vec<u8>>), LocalFault> {
        let hash = match kind {
            Kind::ScramSha256Plus | Kind::ScramSha256 => Hash::Sha256,
            Kind::ScramSha1Plus | Kind::ScramSha1 => Hash::Sha1,
            Kind::Plain => return Ok((Self(Step::Done), plain(user, password))),
        };
        let scram = Scram::start(hash, user, password, binding)?;
        let first = Zeroizing::new(scram.first_message().into_bytes());
        Ok((Self(Step::First(Box::new(scram))), first))
    }

    /// Takes a challenge; returns the response to it. Hashes for a while: not for an async thread.
    pub(super) fn challenge(&mut self, challenge: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failure> {
        match &self.0 {
            Step::First(scram) => {
                let (response, expected) = scram.prove(challenge)?;
                self.0 = Step::Proof(expected);
                Ok(response)
            }
            // Some servers send their signature as one more challenge (RFC 6120 §6.4.6).
            Step::Proof(expected) => {
                expected.verify(challenge)?;
                self.0 = Step::Done;
                Ok(Zeroizing::default())
            }
            Step::Done => Err(ProofFault::Challenge.into()),
        }
    }

    /// Takes the data of `<success/>`. Only when this is `Ok` are we logged in to the right server.
    pub(super) fn success(&mut self, data: &[u8]) -> Result<(), Failure> {
        match &self.0 {
            Step::First(_) => Err(ProofFault::Early.into()),
            Step::Proof(expected) => Ok(expected.verify(data)?),
            Step::Done => Ok(()),
        }
    }
}

/// User and password as they are (RFC 4616).
fn plain(user: &str, password: &SecretString) -> Zeroizing<Vec<u8>> {
    let password = password.expose_secret();
    // At its full size from the start: a copy on the way would not be wiped.
    let mut message = Zeroizing::new(Vec::with_capacity(2 + user.len() + password.len()));
    message.push(0);
    message.extend_from_slice(user.as_bytes());
    message.push(0);
    message.extend_from_slice(password.as_bytes());
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(names: &str, exporter: bool, takes_exporter: bool, plain: bool) -> Terms {
        Terms {
            offered: names.split_whitespace().map(str::to_owned).collect(),
            exporter: exporter.then(|| vec![7; 32]),
            takes_exporter,
            plain,
        }
    }

    fn kind(names: &str, exporter: bool, plain: bool) -> Option<Kind> {
        let choice = terms(names, exporter, true, plain).choose();
        choice.map(|(kind, _)| kind)
    }

    #[test]
    fn the_best_mechanism_is_taken_whatever_the_order() {
        let all = "PLAIN SCRAM-SHA-1 X-OAUTH2 SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-256-PLUS";
        assert_eq!(kind(all, true, true), Some(Kind::ScramSha256Plus));
        assert_eq!(kind(all, false, true), Some(Kind::ScramSha256));
        assert_eq!(kind("PLAIN SCRAM-SHA-1", true, true), Some(Kind::ScramSha1));
    }

    #[test]
    fn without_binding_plus_is_no_choice_and_plain_is_one_only_where_it_is_allowed() {
        assert_eq!(kind("SCRAM-SHA-256-PLUS", false, true), None);
        assert_eq!(kind("PLAIN", true, true), Some(Kind::Plain));
        assert_eq!(kind("PLAIN DIGEST-MD5", true, false), None);
        assert_eq!(kind("", true, true), None);
    }

    #[test]
    fn the_server_learns_whether_we_could_have_bound_the_log_in() {
        let binding = |names, exporter, takes| {
            let choice = terms(names, exporter, takes, true).choose();
            choice.map(|(_, binding)| binding)
        };
        let plus = "SCRAM-SHA-1 SCRAM-SHA-1-PLUS";
        let bound = Some(Binding::Exporter(vec![7; 32]));
        assert_eq!(binding(plus, true, true), bound);
        // It binds to channels of a type that we lack.
        assert_eq!(binding(plus, true, false), Some(Binding::Unable));
        assert_eq!(binding(plus, false, true), Some(Binding::Unable));
        // It does not bind at all: or did somebody strike that out?
        assert_eq!(
            binding("SCRAM-SHA-1", true, true),
            Some(Binding::NotOffered)
        );
        assert_eq!(
            binding("SCRAM-SHA-1", true, false),
            Some(Binding::NotOffered)
        );
        assert_eq!(binding("SCRAM-SHA-1", false, true), Some(Binding::Unable));
    }

    fn start(kind: Kind, binding: Binding) -> (Exchange, String) {
        let (exchange, initial) = Exchange::start(kind, "me", &"x".into(), binding).unwrap();
        (exchange, String::from_utf8(initial.to_vec()).unwrap())
    }

    #[test]
    fn each_mechanism_begins_as_it_must() {
        let exporter = || Binding::Exporter(vec![7; 32]);
        let initial = |kind, binding| start(kind, binding).1;
        let bound = "p=tls-exporter,,n=me,r=";
        assert!(initial(Kind::ScramSha256Plus, exporter()).starts_with(bound));
        assert!(initial(Kind::ScramSha1Plus, exporter()).starts_with(bound));
        assert!(initial(Kind::ScramSha256, Binding::Unable).starts_with("n,,n=me,r="));
        assert!(initial(Kind::ScramSha1, Binding::NotOffered).starts_with("y,,n=me,r="));
        assert_eq!(initial(Kind::Plain, Binding::Unable), "\0me\0x");
    }

    #[test]
    fn success_before_the_proof_is_no_success() {
        let (mut exchange, _) = start(Kind::ScramSha256, Binding::Unable);
        for data in [&b""[..], b"v=AAAA"] {
            assert_eq!(exchange.success(data), Err(ProofFault::Early.into()));
        }
    }

    #[test]
    fn a_missing_or_wrong_signature_is_no_success_either_way_it_comes() {
        for (signature, fault) in [
            (&b"v=AAAA"[..], ProofFault::Wrong),
            (b"", ProofFault::Missing),
            (b"e=other-error", ProofFault::Missing),
            (&[0xff], ProofFault::Missing),
        ] {
            let begun = || {
                let (mut exchange, initial) = start(Kind::ScramSha256, Binding::Unable);
                let nonce = initial.split("r=").nth(1).unwrap();
                let challenge = format!("r={nonce}more,s=QQ==,i=4096");
                exchange.challenge(challenge.as_bytes()).unwrap();
                exchange
            };
            assert_eq!(begun().success(signature), Err(fault.into()));
            let as_challenge = begun().challenge(signature);
            assert_eq!(as_challenge.err(), Some(fault.into()));
        }
    }

    #[test]
    fn a_challenge_where_none_has_to_come_is_a_fault() {
        let (mut exchange, _) = start(Kind::Plain, Binding::Unable);
        let challenge = exchange.challenge(b"r=a,s=QQ==,i=4096");
        assert_eq!(challenge.err(), Some(ProofFault::Challenge.into()));
    }

    #[test]
    fn neither_password_nor_nonce_is_printed() {
        let password: SecretString = "hunter2".into();
        for kind in [Kind::Plain, Kind::ScramSha1] {
            let (exchange, _) = Exchange::start(kind, "me", &password, Binding::Unable).unwrap();
            let text = format!("{exchange:?}");
            assert!(!text.contains("hunter2") && !text.contains("r="), "{text}");
        }
    }
}
