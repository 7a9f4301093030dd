//! The server's half of SCRAM (RFC 5802), right or wrong as told.

use sasl::common::Password;
use sasl::common::scram::{ScramProvider, Sha1, Sha256};
use xso::text::{Base64, TextCodec};

const SALT: &[u8] = b"some salt";

/// What the server does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    None,
    /// It does not know the password, but says that all is well.
    WrongSignature,
    /// It says that all is well without proving anything.
    NoSignature,
    /// It says so before it could know.
    Early,
    /// It sends its proof as one more challenge, as the standard allows.
    SignatureAsChallenge,
    /// It makes up its own nonce.
    ForeignNonce,
    /// It asks for this many rounds.
    Rounds(u32),
    /// Its end of the TLS channel is not ours: somebody sits in between.
    AnotherChannel,
}

/// What the server says next.
pub enum Say {
    Challenge(Vec<u8>),
    Success(Vec<u8>),
    /// The inside of `<failure/>`.
    Failure(&'static str),
}

pub struct Scram {
    sha256: bool,
    flaw: Flaw,
    password: String,
    /// The channel that a mechanism with PLUS binds to.
    pub binding: Option<Vec<u8>>,
    first: String,
    server_first: String,
    pub gs2: String,
    signed: Option<Vec<u8>>,
}

impl Scram {
    pub fn new(sha256: bool, password: &str, flaw: Flaw) -> Self {
        Self {
            sha256,
            flaw,
            password: password.into(),
            binding: None,
            first: String::new(),
            server_first: String::new(),
            gs2: String::new(),
            signed: None,
        }
    }

    pub fn first(&mut self, message: &[u8]) -> Say {
        let text = String::from_utf8(message.to_vec()).unwrap();
        let bare = text.find(",,").unwrap() + 2;
        self.gs2 = text[..bare].to_owned();
        self.first = text[bare..].to_owned();
        let nonce = self.first.split(",r=").nth(1).unwrap();
        let nonce = if self.flaw == Flaw::ForeignNonce {
            "foreign"
        } else {
            nonce
        };
        let rounds = if let Flaw::Rounds(rounds) = self.flaw {
            rounds
        } else {
            4096
        };
        self.server_first = format!("r={nonce}theirs,s={},i={rounds}", base64(SALT));
        if self.flaw == Flaw::Early {
            return Say::Success(Vec::new());
        }
        Say::Challenge(self.server_first.clone().into_bytes())
    }

    pub fn last(&mut self, message: &[u8]) -> Say {
        if let Some(signed) = self.signed.take() {
            assert!(message.is_empty(), "an answer to the proof holds nothing");
            return Say::Success(signed);
        }
        let text = String::from_utf8(message.to_vec()).unwrap();
        let (without_proof, proof) = text.split_once(",p=").unwrap();
        let mut channel = self.gs2.clone().into_bytes();
        channel.extend(self.binding.iter().flatten());
        if self.flaw == Flaw::AnotherChannel {
            channel.push(0);
        }
        let bound = without_proof.starts_with(&format!("c={},", base64(&channel)));
        let auth = format!("{},{},{without_proof}", self.first, self.server_first);
        let (right, signature) = if self.sha256 {
            verify::<Sha256>(&self.password, &auth, proof)
        } else {
            verify::<Sha1>(&self.password, &auth, proof)
        };
        let signature = format!("v={}", base64(&signature)).into_bytes();
        if self.flaw == Flaw::WrongSignature {
            Say::Success(format!("v={}", base64(b"guessed")).into_bytes())
        } else if self.flaw == Flaw::NoSignature {
            Say::Success(Vec::new())
        } else if !right {
            Say::Failure(WRONG_PASSWORD)
        } else if !bound {
            Say::Failure(WRONG_CHANNEL)
        } else if self.flaw == Flaw::SignatureAsChallenge {
            self.signed = Some(Vec::new());
            Say::Challenge(signature)
        } else {
            Say::Success(signature)
        }
    }
}

/// Told in two lines: what is shown of it has to be one.
pub const WRONG_PASSWORD: &str = "<not-authorized/><text>No.\nReally not.</text>";

/// As ejabberd 23.01 says it.
pub const WRONG_CHANNEL: &str = "<not-authorized/><text>Invalid channel binding</text>";

fn verify<S: ScramProvider>(password: &str, auth: &str, proof: &str) -> (bool, Vec<u8>) {
    let salted = S::derive(&Password::Plain(password.into()), SALT, 4096).unwrap();
    let client_key = S::hmac(b"Client Key", &salted).unwrap();
    let signature = S::hmac(auth.as_bytes(), &S::hash(&client_key)).unwrap();
    let expected: Vec<u8> = client_key
        .iter()
        .zip(&signature)
        .map(|(a, b)| a ^ b)
        .collect();
    let server_key = S::hmac(b"Server Key", &salted).unwrap();
    (
        base64(&expected) == proof,
        S::hmac(auth.as_bytes(), &server_key).unwrap(),
    )
}

pub fn base64(octets: &[u8]) -> String {
    Base64
        .encode(&octets.to_vec())
        .unwrap()
        .unwrap()
        .into_owned()
}

pub fn unbase64(text: &str) -> Vec<u8> {
    if text.is_empty() {
        Vec::new()
    } else {
        Base64.decode(text.to_owned()).unwrap()
    }
}
