//! Logging in (RFC 6120 §6) over the `sasl` crate's mechanisms, with the checks that those leave to
//! their caller.
//!
//! A server has to prove that it knows the password as well (RFC 5802 §3): nothing goes on before
//! its signature has been verified.

use sasl::client::mechanisms::{Plain, Scram};
use sasl::client::{Mechanism, MechanismError};
use sasl::common::scram::{Sha1, Sha256};
use sasl::common::{ChannelBinding, Credentials};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use super::faults::ProofFault;

/// Rounds of hashing that are taken. Fewer make a password easy to guess for one who listens or who
/// stands in for the server (RFC 5802 §9: at least 4096); more cost us seconds.
const ROUNDS: std::ops::RangeInclusive<u64> = 4096..=1_000_000;

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

/// Takes the best of the mechanisms offered. `binding`: there is a TLS channel that the server can
/// bind to as well; `plain`: the password may be shown to the server.
pub(super) fn choose(offered: &[String], binding: bool, plain: bool) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| {
        offered.iter().any(|name| name == kind.name())
            && (binding || !kind.binds_channel())
            && (plain || *kind != Kind::Plain)
    })
}

/// Why an exchange came to nothing on our side.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server did not prove itself.
    Proof(ProofFault),
    /// We cannot.
    Mechanism(MechanismError),
}

impl From<ProofFault> for Failure {
    fn from(fault: ProofFault) -> Self {
        Self::Proof(fault)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// A SCRAM challenge has to come.
    First,
    /// Our proof is sent; the server's signature has to come.
    Proof,
    /// All has come that was needed.
    Done,
}

/// One log-in.
pub(super) struct Exchange {
    mechanism: Box<dyn Mechanism + Send>,
    nonce: String,
    step: Step,
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange")
            .field("step", &self.step)
            .finish_non_exhaustive()
    }
}

impl Exchange {
    /// Begins; returns what goes into `<auth/>` too. `binding` is used by mechanisms that bind to
    /// the channel.
    pub(super) fn start(
        kind: Kind,
        user: &str,
        password: &SecretString,
        binding: Option<Vec<u8>>,
    ) -> Result<(Self, Zeroizing<Vec<u8>>), MechanismError> {
        let mut mechanism: Box<dyn Mechanism + Send> = match kind {
            Kind::ScramSha256Plus | Kind::ScramSha256 => {
                let credentials = scram_credentials(kind, user, password, binding);
                Box::new(Scram::<Sha256>::from_credentials(credentials)?)
            }
            Kind::ScramSha1Plus | Kind::ScramSha1 => {
                let credentials = scram_credentials(kind, user, password, binding);
                Box::new(Scram::<Sha1>::from_credentials(credentials)?)
            }
            Kind::Plain => Box::new(Plain::from_credentials(
                Credentials::default()
                    .with_username(user)
                    .with_password(password.expose_secret()),
            )?),
        };
        let initial = Zeroizing::new(mechanism.initial());
        let (nonce, step) = match kind {
            Kind::Plain => (String::new(), Step::Done),
            Kind::ScramSha256Plus | Kind::ScramSha1Plus | Kind::ScramSha256 | Kind::ScramSha1 => {
                let text = std::str::from_utf8(&initial).unwrap_or_default();
                (
                    attribute(text, 'r').unwrap_or_default().to_owned(),
                    Step::First,
                )
            }
        };
        Ok((
            Self {
                mechanism,
                nonce,
                step,
            },
            initial,
        ))
    }

    /// Takes a challenge; returns the response to it. Hashes for a while: not for an async thread.
    pub(super) fn challenge(&mut self, challenge: &[u8]) -> Result<Vec<u8>, Failure> {
        match self.step {
            Step::First => {
                check_challenge(challenge, &self.nonce)?;
                let response = self.mechanism.response(challenge).map_err(|error| {
                    if is_unreadable(&error) {
                        Failure::Proof(ProofFault::Challenge)
                    } else {
                        Failure::Mechanism(error)
                    }
                })?;
                self.step = Step::Proof;
                Ok(response)
            }
            // Some servers send their signature as one more challenge (RFC 6120 §6.4.6).
            Step::Proof => {
                self.verify(challenge)?;
                Ok(Vec::new())
            }
            Step::Done => Err(ProofFault::Challenge.into()),
        }
    }

    /// Takes the data of `<success/>`. Only when this is `Ok` are we logged in to the right server.
    pub(super) fn success(&mut self, data: &[u8]) -> Result<(), Failure> {
        match self.step {
            Step::First => Err(ProofFault::Early.into()),
            Step::Proof => self.verify(data),
            Step::Done => Ok(()),
        }
    }

    fn verify(&mut self, signature: &[u8]) -> Result<(), Failure> {
        self.mechanism.success(signature).map_err(|error| {
            if error == MechanismError::InvalidSignatureInSuccessResponse {
                ProofFault::Wrong
            } else {
                // None, none that can be read, or an error in its place.
                ProofFault::Missing
            }
        })?;
        self.step = Step::Done;
        Ok(())
    }
}

fn is_unreadable(error: &MechanismError) -> bool {
    matches!(
        error,
        MechanismError::CannotDecodeChallenge
            | MechanismError::NoServerNonce
            | MechanismError::NoServerSalt
            | MechanismError::NoServerIterations
    )
}

fn scram_credentials(
    kind: Kind,
    user: &str,
    password: &SecretString,
    binding: Option<Vec<u8>>,
) -> Credentials {
    let binding = match binding {
        Some(data) if kind.binds_channel() => ChannelBinding::TlsExporter(data),
        Some(_) | None => ChannelBinding::None,
    };
    let password = password.expose_secret();
    // A password with characters younger than SASLprep is sent as it is: servers that take such a
    // password do not prepare it either.
    let prepared = stringprep::saslprep(password).unwrap_or(password.into());
    Credentials::default()
        .with_username(user.replace('=', "=3D").replace(',', "=2C"))
        .with_password(&*prepared)
        .with_channel_binding(binding)
}

/// What the `sasl` crate takes on trust in a server's first message (RFC 5802 §5.1).
fn check_challenge(challenge: &[u8], nonce: &str) -> Result<(), ProofFault> {
    let text = std::str::from_utf8(challenge).map_err(|_| ProofFault::Challenge)?;
    if attribute(text, 'm').is_some() {
        return Err(ProofFault::Extension);
    }
    let theirs = attribute(text, 'r').ok_or(ProofFault::Challenge)?;
    if theirs.len() <= nonce.len() || !theirs.starts_with(nonce) {
        return Err(ProofFault::Nonce);
    }
    let rounds = attribute(text, 'i').and_then(|rounds| rounds.parse().ok());
    let rounds = rounds.ok_or(ProofFault::Challenge)?;
    if !ROUNDS.contains(&rounds) {
        return Err(ProofFault::Rounds(rounds));
    }
    Ok(())
}

/// The value of one attribute of a SCRAM message. All that is read here stands behind the GS2
/// header's commas or at the start.
fn attribute(message: &str, name: char) -> Option<&str> {
    message
        .split(',')
        .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(names: &str) -> Vec<String> {
        names.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_best_mechanism_is_taken_whatever_the_order() {
        let all =
            offered("PLAIN SCRAM-SHA-1 X-OAUTH2 SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-256-PLUS");
        assert_eq!(choose(&all, true, true), Some(Kind::ScramSha256Plus));
        assert_eq!(choose(&all, false, true), Some(Kind::ScramSha256));
        assert_eq!(
            choose(&offered("PLAIN SCRAM-SHA-1"), true, true),
            Some(Kind::ScramSha1)
        );
    }

    #[test]
    fn without_binding_plus_is_no_choice_and_plain_is_one_only_where_it_is_allowed() {
        assert_eq!(choose(&offered("SCRAM-SHA-256-PLUS"), false, true), None);
        assert_eq!(choose(&offered("PLAIN"), true, true), Some(Kind::Plain));
        assert_eq!(choose(&offered("PLAIN DIGEST-MD5"), true, false), None);
        assert_eq!(choose(&[], true, true), None);
    }

    fn password(text: &str) -> SecretString {
        text.into()
    }

    #[test]
    fn a_bound_log_in_says_so_and_an_unbound_one_says_n() {
        let start = |kind| {
            let (_, initial) =
                Exchange::start(kind, "me", &password("x"), Some(vec![7; 32])).unwrap();
            String::from_utf8(initial.to_vec()).unwrap()
        };
        assert!(start(Kind::ScramSha256Plus).starts_with("p=tls-exporter,,n=me,r="));
        assert!(start(Kind::ScramSha1Plus).starts_with("p=tls-exporter,,n=me,r="));
        assert!(start(Kind::ScramSha256).starts_with("n,,n=me,r="));
        assert_eq!(start(Kind::Plain), "\0me\0x");
    }

    #[test]
    fn commas_and_equals_signs_in_a_user_name_are_escaped() {
        let (_, initial) = Exchange::start(Kind::ScramSha1, "a=b,c", &password("x"), None).unwrap();
        assert!(initial.starts_with(b"n,,n=a=3Db=2Cc,r="));
    }

    #[test]
    fn a_challenge_that_would_harm_us_is_refused() {
        let check = |text: &str| check_challenge(text.as_bytes(), "ours");
        assert_eq!(check("r=ourstheirs,s=QQ==,i=4096"), Ok(()));
        assert_eq!(check("r=theirs,s=QQ==,i=4096"), Err(ProofFault::Nonce));
        assert_eq!(check("r=ours,s=QQ==,i=4096"), Err(ProofFault::Nonce));
        assert_eq!(check("r=ourstheirs,s=QQ==,i=1"), Err(ProofFault::Rounds(1)));
        assert_eq!(
            check("r=ourstheirs,s=QQ==,i=4294967295"),
            Err(ProofFault::Rounds(u64::from(u32::MAX)))
        );
        assert_eq!(
            check("m=x,r=ourstheirs,s=QQ==,i=4096"),
            Err(ProofFault::Extension)
        );
        assert_eq!(
            check("r=ourstheirs,s=QQ==,i=many"),
            Err(ProofFault::Challenge)
        );
        assert_eq!(check(""), Err(ProofFault::Challenge));
        assert_eq!(check_challenge(&[0xff], "ours"), Err(ProofFault::Challenge));
    }

    #[test]
    fn success_before_the_proof_is_no_success() {
        let (mut exchange, _) =
            Exchange::start(Kind::ScramSha256, "me", &password("x"), None).unwrap();
        assert!(matches!(
            exchange.success(b""),
            Err(Failure::Proof(ProofFault::Early))
        ));
        assert!(matches!(
            exchange.success(b"v=AAAA"),
            Err(Failure::Proof(ProofFault::Early))
        ));
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
                let (mut exchange, _) =
                    Exchange::start(Kind::ScramSha256, "me", &password("x"), None).unwrap();
                let challenge = format!("r={}more,s=QQ==,i=4096", exchange.nonce);
                exchange.challenge(challenge.as_bytes()).unwrap();
                exchange
            };
            let as_success = begun().success(signature);
            assert!(matches!(as_success, Err(Failure::Proof(found)) if found == fault));
            let as_challenge = begun().challenge(signature);
            assert!(matches!(as_challenge, Err(Failure::Proof(found)) if found == fault));
        }
    }

    #[test]
    fn neither_password_nor_nonce_is_printed() {
        let (exchange, _) = Exchange::start(Kind::Plain, "me", &password("hunter2"), None).unwrap();
        assert!(!format!("{exchange:?}").contains("hunter2"));
    }
}
