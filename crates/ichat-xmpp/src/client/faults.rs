//! What exactly was wrong with a certificate, a file or a server's proof.

use std::io;

use super::config::hex;
use super::error::list;

/// Why a certificate is not believed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateFault {
    /// No trusted authority signed it.
    #[error("no authority that is trusted here signed it; if the server is your own, trust its authority (--ca FILE) or its key (--pin {})", hex(.pin))]
    UnknownIssuer {
        /// Its key: ask the server's owner whether it is this.
        pin: [u8; 32],
    },
    /// It is an authority's own certificate, which is not allowed to be a server's too.
    #[error("it is that of an authority itself; trust its key instead (--pin {})", hex(.pin))]
    SelfIssued {
        /// Its key.
        pin: [u8; 32],
    },
    /// It is for other names.
    #[error("it is for {}; check the JID, or trust its key (--pin {})", list(.names), hex(.pin))]
    WrongName {
        /// The names it is for.
        names: Vec<String>,
        /// Its key.
        pin: [u8; 32],
    },
    /// Its time is over.
    #[error("it has expired; the server's owner has to renew it (and the clock here has to be right), or trust its key (--pin {})", hex(.pin))]
    Expired {
        /// Its key.
        pin: [u8; 32],
    },
    /// Its time has not come.
    #[error("it is not valid yet; check the clock here and on the server, or trust its key (--pin {})", hex(.pin))]
    NotYetValid {
        /// Its key.
        pin: [u8; 32],
    },
    /// It is signed with a hash for which others can forge a signature.
    #[error("it is signed with {hash}, which proves nothing any more; trust its key instead (--pin {})", hex(.pin))]
    WeakSignature {
        /// `SHA-1` or `MD5`.
        hash: &'static str,
        /// Its key.
        pin: [u8; 32],
    },
    /// It is signed in a way that we do not have.
    #[error("it is signed in a way that is not known here; trust its key instead (--pin {})", hex(.pin))]
    UnknownSignature {
        /// Its key.
        pin: [u8; 32],
    },
    /// It is for mail or clients, say, and not for servers.
    #[error("it is not meant for servers; trust its key instead (--pin {})", hex(.pin))]
    Purpose {
        /// Its key.
        pin: [u8; 32],
    },
    /// Its key is not the pinned one.
    #[error("its key is {} and not the pinned {}; if the server has got a new key, pin that", hex(.found), hex(.expected))]
    Pin {
        /// The key it has.
        found: [u8; 32],
        /// The key it should have.
        expected: [u8; 32],
    },
    /// Whoever showed it did not sign with its key. No pin helps.
    #[error(
        "the server did not prove that it has the certificate's key; somebody may be in between"
    )]
    KeyNotProven,
    /// It is no certificate that can be read. It has no key that could be pinned.
    #[error("it cannot be read; the server's owner has to make another one")]
    Unreadable,
    /// Another reason.
    #[error("it breaks a rule for certificates ({rule}); the server's owner has to make another one, or trust its key (--pin {})", hex(.pin))]
    Other {
        /// Which one, in a few words.
        rule: String,
        /// Its key.
        pin: [u8; 32],
    },
}

/// Why there is no TLS, where it is not for the certificate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFault {
    /// The transport broke.
    #[error("{0}")]
    Io(io::Error),
    /// It speaks older versions only.
    #[error("the server speaks neither TLS 1.2 nor TLS 1.3")]
    Version,
    /// It ended the handshake with an alert (RFC 8446 §6).
    #[error("the server broke it off ({alert})")]
    Alert {
        /// The alert's name, in words.
        alert: String,
    },
    /// It has no cipher suite, or the like, that we have.
    #[error("the server's way of TLS and ours have nothing in common")]
    Incompatible,
    /// What it said is not allowed at this point, or at all.
    #[error("the server does not keep to the rules of TLS")]
    Misbehaved,
    /// What came is no TLS.
    #[error("what the server said is no TLS; is this the port for TLS from the first octet?")]
    NotTls,
    /// It has none.
    #[error("the server shows no certificate")]
    NoCertificate,
    /// Another reason.
    #[error("{what}")]
    Other {
        /// Which one, in a few words.
        what: String,
    },
}

/// Why a file with authorities is of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaFault {
    /// It cannot be read.
    #[error("{0}")]
    Read(io::Error),
    /// It is too large to be one.
    #[error("it is larger than 4 MiB")]
    TooLarge,
    /// It holds nothing of the kind.
    #[error("expected a certificate (PEM or DER), found none")]
    Empty,
    /// Its certificates are broken.
    #[error("the certificate in it cannot be read: {0}")]
    Broken(rustls::Error),
}

/// How a server failed to prove that it knows the password (RFC 5802).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofFault {
    /// It said that all is well before it could know.
    #[error("it reported success too early")]
    Early,
    /// There is no signature.
    #[error("its signature is missing")]
    Missing,
    /// The signature is not that of one who knows the password.
    #[error("its signature is wrong")]
    Wrong,
    /// The nonce does not begin with ours.
    #[error("its nonce is not built on ours")]
    Nonce,
    /// The challenge cannot be read.
    #[error("its challenge makes no sense")]
    Challenge,
    /// It demands an extension that we do not have.
    #[error("its challenge demands an unknown extension")]
    Extension,
    /// So few rounds that a listener could guess the password, or so many that we would never end.
    #[error("it asks for {0} rounds of hashing; expected 4096 to 1000000")]
    Rounds(u64),
}

/// Why we could not log in, whatever the server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LocalFault {
    /// A log-in needs them.
    #[error("this system gives no random numbers")]
    Random,
    /// A hash function refused its input.
    #[error("the password cannot be hashed")]
    Hash,
}
