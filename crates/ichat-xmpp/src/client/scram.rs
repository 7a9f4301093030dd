//! What a client computes and says in SCRAM (RFC 5802 §3, RFC 7677), with the checks of what the
//! server says. All that the password is turned into on the way is wiped when it is no longer
//! needed; the buffers within the hash functions are theirs.

use std::borrow::Cow;

use sasl::common::Password;
use sasl::common::scram::{ScramProvider, Sha1, Sha256, generate_nonce};
use secrecy::zeroize::{Zeroize, Zeroizing};
use secrecy::{ExposeSecret, SecretString};
use xso::text::{Base64, TextCodec};

use super::faults::{LocalFault, ProofFault};

/// Rounds of hashing that are taken. Fewer make a password easy to guess for one who listens or who
/// stands in for the server (RFC 5802 §9: at least 4096); more cost us seconds.
const ROUNDS: std::ops::RangeInclusive<u32> = 4096..=1_000_000;

/// Why an exchange came to nothing on our side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server did not prove itself.
    Proof(ProofFault),
    /// We cannot.
    Local(LocalFault),
}

impl From<ProofFault> for Failure {
    fn from(fault: ProofFault) -> Self {
        Self::Proof(fault)
    }
}

impl From<LocalFault> for Failure {
    fn from(fault: LocalFault) -> Self {
        Self::Local(fault)
    }
}

/// What the client says about binding the log-in to its TLS channel (RFC 5802 §6, the GS2 header).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Binding {
    /// It cannot, or the server can only bind to channels of a type that we lack.
    Unable,
    /// It could, and the server has not offered to: if it had, and somebody has removed that from
    /// its offer, it now knows and refuses.
    NotOffered,
    /// It does: the channel's data of the type `tls-exporter` (RFC 9266).
    Exporter(Vec<u8>),
}

impl Binding {
    fn header(&self) -> &'static str {
        match self {
            Self::Unable => "n,,",
            Self::NotOffered => "y,,",
            Self::Exporter(_) => "p=tls-exporter,,",
        }
    }

    fn data(&self) -> &[u8] {
        match self {
            Self::Unable | Self::NotOffered => &[],
            Self::Exporter(data) => data,
        }
    }
}

/// The hash function of a mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
}

type Secret = Zeroizing<Vec<u8>>;

impl Hash {
    fn hash(self, data: &[u8]) -> Secret {
        Zeroizing::new(match self {
            Self::Sha1 => Sha1::hash(data),
            Self::Sha256 => Sha256::hash(data),
        })
    }

    fn hmac(self, key: &[u8], data: &[u8]) -> Result<Secret, LocalFault> {
        let mac = match self {
            Self::Sha1 => Sha1::hmac(data, key),
            Self::Sha256 => Sha256::hmac(data, key),
        };
        mac.map(Zeroizing::new).map_err(|_| LocalFault::Hash)
    }

    /// PBKDF2 with this hash function.
    fn salt(self, password: &Prepared, salt: &[u8], rounds: u32) -> Result<Secret, LocalFault> {
        let salted = match self {
            Self::Sha1 => Sha1::derive(&password.0, salt, rounds),
            Self::Sha256 => Sha256::derive(&password.0, salt, rounds),
        };
        salted.map(Zeroizing::new).map_err(|_| LocalFault::Hash)
    }
}

/// The password as it is hashed, wiped when it goes.
struct Prepared(Password);

impl Prepared {
    fn new(password: &SecretString) -> Self {
        let password = password.expose_secret();
        // A password with characters younger than SASLprep is taken as it is: servers that have such
        // a password do not prepare it either.
        let prepared = match stringprep::saslprep(password) {
            Ok(prepared) => prepared.into_owned(),
            Err(_) => password.to_owned(),
        };
        Self(Password::Plain(prepared))
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        match &mut self.0 {
            Password::Plain(text) => text.zeroize(),
            Password::Pbkdf2 { data, .. } => data.zeroize(),
        }
    }
}

/// A log-in that has begun, before the server's challenge.
pub(super) struct Scram {
    hash: Hash,
    password: Prepared,
    binding: Binding,
    nonce: String,
    /// The first message without its GS2 header.
    bare: String,
}

impl Scram {
    pub(super) fn start(
        hash: Hash,
        user: &str,
        password: &SecretString,
        binding: Binding,
    ) -> Result<Self, LocalFault> {
        let nonce = generate_nonce().map_err(|_| LocalFault::Random)?;
        Ok(Self::with_nonce(hash, user, password, binding, nonce))
    }

    fn with_nonce(
        hash: Hash,
        user: &str,
        password: &SecretString,
        binding: Binding,
        nonce: String,
    ) -> Self {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        let bare = format!("n={user},r={nonce}");
        Self {
            hash,
            password: Prepared::new(password),
            binding,
            nonce,
            bare,
        }
    }

    /// The client's first message.
    pub(super) fn first_message(&self) -> String {
        format!("{}{}", self.binding.header(), self.bare)
    }

    /// Takes the challenge; gives the client's final message, and what the server has to sign.
    /// Hashes for a while.
    pub(super) fn prove(&self, challenge: &[u8]) -> Result<(Secret, Expected), Failure> {
        let challenge = Challenge::read(challenge, &self.nonce)?;
        let salted = self
            .hash
            .salt(&self.password, &challenge.salt, challenge.rounds)?;
        let mut channel = self.binding.header().as_bytes().to_vec();
        channel.extend_from_slice(self.binding.data());
        let without_proof = format!("c={},r={}", base64(&channel), challenge.nonce);
        let signed = format!("{},{},{without_proof}", self.bare, challenge.text);

        let client_key = self.hash.hmac(&salted, b"Client Key")?;
        let stored_key = self.hash.hash(&client_key);
        let mut proof = self.hash.hmac(&stored_key, signed.as_bytes())?;
        for (octet, key) in proof.iter_mut().zip(client_key.iter()) {
            *octet ^= key;
        }
        let server_key = self.hash.hmac(&salted, b"Server Key")?;
        let expected = self.hash.hmac(&server_key, signed.as_bytes())?;
        let message = format!("{without_proof},p={}", base64(&proof));
        Ok((Zeroizing::new(message.into_bytes()), Expected(expected)))
    }
}

/// The signature of one who knows the password.
pub(super) struct Expected(Secret);

impl Expected {
    /// Checks the server's final message.
    pub(super) fn verify(&self, message: &[u8]) -> Result<(), ProofFault> {
        // None, none that can be read, or an error in its place.
        let text = std::str::from_utf8(message).map_err(|_| ProofFault::Missing)?;
        let signature = attribute(text, 'v').ok_or(ProofFault::Missing)?;
        let signature = unbase64(signature).ok_or(ProofFault::Missing)?;
        if signature == **self.0 {
            Ok(())
        } else {
            Err(ProofFault::Wrong)
        }
    }
}

/// The server's first message.
struct Challenge<'a> {
    text: &'a str,
    nonce: &'a str,
    salt: Vec<u8>,
    rounds: u32,
}

impl<'a> Challenge<'a> {
    /// `ours` is the nonce on which the server's has to be built.
    fn read(challenge: &'a [u8], ours: &str) -> Result<Self, ProofFault> {
        let text = std::str::from_utf8(challenge).map_err(|_| ProofFault::Challenge)?;
        if attribute(text, 'm').is_some() {
            return Err(ProofFault::Extension);
        }
        let nonce = attribute(text, 'r').ok_or(ProofFault::Challenge)?;
        if nonce.len() <= ours.len() || !nonce.starts_with(ours) {
            return Err(ProofFault::Nonce);
        }
        let salt = attribute(text, 's').and_then(unbase64);
        let rounds: Option<u64> = attribute(text, 'i').and_then(|rounds| rounds.parse().ok());
        let (Some(salt), Some(rounds)) = (salt, rounds) else {
            return Err(ProofFault::Challenge);
        };
        let taken = u32::try_from(rounds).ok();
        let rounds = taken
            .filter(|rounds| ROUNDS.contains(rounds))
            .ok_or(ProofFault::Rounds(rounds))?;
        Ok(Self {
            text,
            nonce,
            salt,
            rounds,
        })
    }
}

/// The value of one attribute of a message.
fn attribute(message: &str, name: char) -> Option<&str> {
    message
        .split(',')
        .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

fn base64(octets: &[u8]) -> String {
    let octets = Cow::Borrowed(octets);
    let text = Base64.encode(&octets).ok().flatten();
    text.unwrap_or_default().into_owned()
}

fn unbase64(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() {
        return None;
    }
    Base64.decode(text.to_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(hash: Hash, nonce: &str, binding: Binding) -> Scram {
        Scram::with_nonce(hash, "user", &"pencil".into(), binding, nonce.into())
    }

    fn text(octets: &[u8]) -> &str {
        std::str::from_utf8(octets).unwrap()
    }

    #[test]
    fn the_exchange_of_rfc_5802_comes_out() {
        let scram = begun(Hash::Sha1, "fyko+d2lbbFgONRv9qkxdawL", Binding::Unable);
        assert_eq!(
            scram.first_message(),
            "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"
        );
        let challenge = b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";
        let (message, expected) = scram.prove(challenge).unwrap();
        assert_eq!(
            text(&message),
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
        );
        assert_eq!(expected.verify(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ="), Ok(()));
    }

    #[test]
    fn the_exchange_of_rfc_7677_comes_out() {
        let scram = begun(Hash::Sha256, "rOprNGfwEbeRWgbNEkqO", Binding::Unable);
        let challenge = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                         s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let (message, expected) = scram.prove(challenge.as_bytes()).unwrap();
        assert_eq!(
            text(&message),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        let signature = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert_eq!(expected.verify(signature), Ok(()));
    }

    #[test]
    fn what_is_said_about_the_channel_is_signed_with_it() {
        let challenge = b"r=ourstheirs,s=QSXCR+Q6sek8bf92,i=4096";
        let channel = |binding| {
            let scram = begun(Hash::Sha256, "ours", binding);
            let (message, _) = scram.prove(challenge).unwrap();
            attribute(text(&message), 'c').unwrap().to_owned()
        };
        assert_eq!(unbase64(&channel(Binding::Unable)).unwrap(), b"n,,");
        assert_eq!(unbase64(&channel(Binding::NotOffered)).unwrap(), b"y,,");
        let bound = channel(Binding::Exporter(vec![7; 32]));
        let expected = [&b"p=tls-exporter,,"[..], &[7; 32]].concat();
        assert_eq!(unbase64(&bound).unwrap(), expected);
    }

    #[test]
    fn commas_and_equals_signs_in_a_user_name_are_escaped() {
        let binding = Binding::Unable;
        let scram = Scram::start(Hash::Sha1, "a=b,c", &"x".into(), binding).unwrap();
        assert!(scram.first_message().starts_with("n,,n=a=3Db=2Cc,r="));
    }

    #[test]
    fn each_log_in_has_a_nonce_of_its_own() {
        let nonce = || {
            let scram = Scram::start(Hash::Sha1, "u", &"x".into(), Binding::Unable);
            scram.unwrap().nonce
        };
        assert_ne!(nonce(), nonce());
        assert!(nonce().len() >= 32);
    }

    #[test]
    fn a_challenge_that_would_harm_us_is_refused() {
        let read = |text: &str| Challenge::read(text.as_bytes(), "ours").map(|read| read.rounds);
        assert_eq!(read("r=ourstheirs,s=QQ==,i=4096"), Ok(4096));
        assert_eq!(read("r=theirs,s=QQ==,i=4096"), Err(ProofFault::Nonce));
        assert_eq!(read("r=ours,s=QQ==,i=4096"), Err(ProofFault::Nonce));
        for rounds in [1, 4095, 1_000_001, u64::from(u32::MAX) + 5000] {
            let text = format!("r=ourstheirs,s=QQ==,i={rounds}");
            assert_eq!(read(&text), Err(ProofFault::Rounds(rounds)));
        }
        assert_eq!(
            read("m=x,r=ourstheirs,s=QQ==,i=4096"),
            Err(ProofFault::Extension)
        );
        for text in [
            "",
            "r=ourstheirs,s=QQ==,i=many",
            "r=ourstheirs,s=QQ==",
            "r=ourstheirs,i=4096",
            "r=ourstheirs,s=,i=4096",
            "r=ourstheirs,s=*,i=4096",
            "s=QQ==,i=4096",
        ] {
            assert_eq!(read(text), Err(ProofFault::Challenge), "{text}");
        }
        assert!(matches!(
            Challenge::read(&[0xff], "ours"),
            Err(ProofFault::Challenge)
        ));
    }

    #[test]
    fn only_the_right_signature_is_one() {
        let expected = Expected(Zeroizing::new(vec![1, 2, 3]));
        assert_eq!(expected.verify(b"v=AQID"), Ok(()));
        assert_eq!(expected.verify(b"v=AQIDBA=="), Err(ProofFault::Wrong));
        assert_eq!(expected.verify(b"v=AQI="), Err(ProofFault::Wrong));
        for message in [&b""[..], b"v=", b"v=*", b"e=other-error", b"\xff"] {
            assert_eq!(expected.verify(message), Err(ProofFault::Missing));
        }
    }

    #[test]
    fn a_password_is_prepared_and_one_that_cannot_be_is_taken_as_it_is() {
        let prepared = |text: &str| {
            let Password::Plain(text) = &Prepared::new(&text.into()).0 else {
                panic!()
            };
            text.clone()
        };
        assert_eq!(prepared("I\u{ad}X"), "IX");
        assert_eq!(prepared("\u{2168}"), "IX");
        assert_eq!(prepared("\u{1fa86}"), "\u{1fa86}");
    }
}
