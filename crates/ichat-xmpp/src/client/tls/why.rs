//! Why TLS failed, in words of our own: rustls has texts for those who write programs.

use rustls::{CertificateError, PeerIncompatible};

use crate::client::faults::{CertificateFault, TlsFault};
use crate::client::stream_error::remark;

/// The object identifiers of signatures that prove nothing any more, in DER (RFC 3279 §2.2), with
/// their hash.
const WEAK: [(&[u8], &str); 6] = [
    // sha1WithRSAEncryption, 1.2.840.113549.1.1.5
    (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", "SHA-1"),
    // ecdsa-with-SHA1, 1.2.840.10045.4.1
    (b"\x06\x07\x2a\x86\x48\xce\x3d\x04\x01", "SHA-1"),
    // id-dsa-with-sha1, 1.2.840.10040.4.3
    (b"\x06\x07\x2a\x86\x48\xce\x38\x04\x03", "SHA-1"),
    // sha-1WithRSAEncryption of OIW, 1.3.14.3.2.29
    (b"\x06\x05\x2b\x0e\x03\x02\x1d", "SHA-1"),
    // md5WithRSAEncryption, 1.2.840.113549.1.1.4
    (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04", "MD5"),
    // md2WithRSAEncryption, 1.2.840.113549.1.1.2
    (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x02", "MD2"),
];

/// What is wrong with a certificate. `seen` is its key, if it could be read; `expected` the one that
/// is pinned.
pub(super) fn certificate(
    error: &CertificateError,
    seen: Option<[u8; 32]>,
    expected: Option<[u8; 32]>,
) -> CertificateFault {
    use CertificateError as E;
    let Some(pin) = seen else {
        return CertificateFault::Unreadable;
    };
    if let (Some(expected), E::ApplicationVerificationFailure) = (expected, error) {
        return CertificateFault::Pin {
            found: pin,
            expected,
        };
    }
    if *error == E::UnknownIssuer {
        CertificateFault::UnknownIssuer { pin }
    } else if *error == E::BadSignature {
        // Those of the chain have been made unknown issuers: this is that of the handshake.
        CertificateFault::KeyNotProven
    } else if *error == E::Expired || matches!(error, E::ExpiredContext { .. }) {
        CertificateFault::Expired { pin }
    } else if *error == E::NotValidYet || matches!(error, E::NotValidYetContext { .. }) {
        CertificateFault::NotYetValid { pin }
    } else if *error == E::NotValidForName {
        CertificateFault::WrongName {
            names: Vec::new(),
            pin,
        }
    } else if let E::NotValidForNameContext { presented, .. } = error {
        // Nobody vouches for this list: it may be long and strange.
        let names = presented
            .iter()
            .take(8)
            .filter_map(|name| remark(plain_name(name)));
        let names = names.collect();
        CertificateFault::WrongName { names, pin }
    } else if let E::UnsupportedSignatureAlgorithmContext {
        signature_algorithm_id,
        ..
    } = error
    {
        signature(signature_algorithm_id, pin)
    } else if *error == E::InvalidPurpose || matches!(error, E::InvalidPurposeContext { .. }) {
        CertificateFault::Purpose { pin }
    } else if matches!(error, E::Other(other) if other.to_string().contains("CaUsedAsEndEntity")) {
        CertificateFault::SelfIssued { pin }
    } else {
        // What another program made of it is told by its own text.
        let text = if let E::Other(other) = error {
            other.to_string()
        } else {
            error.to_string()
        };
        let rule = words(&text);
        CertificateFault::Other { rule, pin }
    }
}

/// A signature in a certificate that cannot be verified. The name of its algorithm comes first in
/// `algorithm`, which is the inside of an AlgorithmIdentifier (RFC 5280 §4.1.1.2).
fn signature(algorithm: &[u8], pin: [u8; 32]) -> CertificateFault {
    let weak = WEAK.iter().find(|(oid, _)| algorithm.starts_with(oid));
    match weak {
        Some(&(_, hash)) => CertificateFault::WeakSignature { hash, pin },
        None => CertificateFault::UnknownSignature { pin },
    }
}

/// `DnsName("im.test")` is how rustls lists names.
fn plain_name(listed: &str) -> &str {
    listed.split('"').nth(1).unwrap_or(listed)
}

/// Why a handshake failed, other than for the certificate.
pub(super) fn handshake(error: &rustls::Error) -> TlsFault {
    use rustls::Error as E;
    if let E::AlertReceived(alert) = error {
        let alert = match alert.as_str() {
            Some(name) => words(name),
            None => format!("alert {}", u8::from(*alert)),
        };
        TlsFault::Alert { alert }
    } else if let E::PeerIncompatible(why) = error {
        if *why == PeerIncompatible::ServerDoesNotSupportTls12Or13 {
            TlsFault::Version
        } else {
            TlsFault::Incompatible
        }
    } else if matches!(
        error,
        E::PeerMisbehaved(_)
            | E::InappropriateMessage { .. }
            | E::InappropriateHandshakeMessage { .. }
            | E::PeerSentOversizedRecord
            | E::DecryptError
    ) {
        TlsFault::Misbehaved
    } else if matches!(error, E::InvalidMessage(_)) {
        TlsFault::NotTls
    } else if matches!(error, E::NoCertificatesPresented) {
        TlsFault::NoCertificate
    } else {
        let what = words(&error.to_string());
        TlsFault::Other { what }
    }
}

/// A text, and the name of a variant as words: `NameConstraintViolation(…)` is `name constraint
/// violation`. What it holds is for programmers.
fn words(text: &str) -> String {
    let head = text.split(['(', '{']).next().unwrap_or_default().trim();
    let mut words = String::new();
    let is_name = !head.contains(' ');
    for character in head.chars() {
        if is_name && character.is_uppercase() {
            if !words.is_empty() {
                words.push(' ');
            }
            words.extend(character.to_lowercase());
        } else {
            words.push(character);
        }
    }
    remark(&words).unwrap_or_else(|| "no reason is known".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use rustls::{AlertDescription, InvalidMessage, OtherError, PeerMisbehaved};

    const PIN: [u8; 32] = [7; 32];

    fn of(error: CertificateError) -> CertificateFault {
        certificate(&error, Some(PIN), None)
    }

    fn signed_with(oid: &[u8]) -> CertificateFault {
        of(CertificateError::UnsupportedSignatureAlgorithmContext {
            // A NULL follows, as parameters.
            signature_algorithm_id: [oid, &[5, 0]].concat(),
            supported_algorithms: Vec::new(),
        })
    }

    #[test]
    fn a_weak_signature_is_told_by_its_hash() {
        for (oid, hash) in WEAK {
            assert_eq!(
                signed_with(oid),
                CertificateFault::WeakSignature { hash, pin: PIN }
            );
        }
        let other = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x06";
        assert_eq!(
            signed_with(other),
            CertificateFault::UnknownSignature { pin: PIN }
        );
    }

    #[test]
    fn a_certificate_whose_key_was_not_read_has_no_pin() {
        let fault = certificate(&CertificateError::BadEncoding, None, None);
        assert_eq!(fault, CertificateFault::Unreadable);
    }

    #[test]
    fn a_signature_that_is_not_the_keys_is_no_reason_to_trust_the_key() {
        for expected in [None, Some(PIN)] {
            let fault = certificate(&CertificateError::BadSignature, Some(PIN), expected);
            assert_eq!(fault, CertificateFault::KeyNotProven);
        }
    }

    #[test]
    fn whatever_else_is_wrong_is_told_in_words_and_with_the_pin() {
        #[derive(Debug, thiserror::Error)]
        #[error("NameConstraintViolation {{ depth: 3, octets: [1, 2] }}")]
        struct Strange;
        let strange = CertificateError::Other(OtherError(Arc::new(Strange)));
        for (error, rule) in [
            (strange, "name constraint violation"),
            (CertificateError::BadEncoding, "bad encoding"),
            (
                CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
                    signature_algorithm_id: vec![6, 1, 1],
                    public_key_algorithm_id: vec![6, 1, 2],
                },
                "unsupported signature algorithm for public key context",
            ),
        ] {
            let rule = rule.to_owned();
            assert_eq!(of(error), CertificateFault::Other { rule, pin: PIN });
        }
    }

    #[test]
    fn a_failed_handshake_is_told_in_words() {
        let text = |error: rustls::Error| handshake(&error).to_string();
        assert_eq!(
            text(rustls::Error::AlertReceived(
                AlertDescription::ProtocolVersion
            )),
            "the server broke it off (protocol version)"
        );
        assert_eq!(
            text(rustls::Error::AlertReceived(AlertDescription::Unknown(200))),
            "the server broke it off (alert 200)"
        );
        let old = PeerIncompatible::ServerDoesNotSupportTls12Or13;
        assert_eq!(
            text(old.into()),
            "the server speaks neither TLS 1.2 nor TLS 1.3"
        );
        for error in [
            PeerIncompatible::NoCipherSuitesInCommon.into(),
            PeerMisbehaved::TooManyEmptyFragments.into(),
            InvalidMessage::InvalidContentType.into(),
            rustls::Error::NoCertificatesPresented,
            rustls::Error::General("x".into()),
        ] {
            let text = text(error);
            assert!(text.contains(' ') && !text.contains('{'), "{text}");
        }
    }
}
