//! TLS over the stream's transport (RFC 6120 §5): whom we believe, and what to say when we do not.

mod why;

use std::io;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, ProtocolVersion, RootCertStore,
    SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sasl::common::scram::{ScramProvider, Sha256};
use tokio_rustls::TlsConnector;

use super::config::Trust;
use super::error::ConnectError;
use super::faults::{CaFault, TlsFault};
use super::tcp;
use super::wire::Transport;

/// The largest file with authorities that is read. The list of a whole system has 200 KiB.
const CA_FILE_LIMIT: u64 = 4 * 1024 * 1024;

/// What TLS came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsInfo {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: String,
    /// The name of the cipher suite.
    pub cipher: String,
    /// SHA-256 of the server's public key: what [`Trust::Pin`] takes.
    pub pin: [u8; 32],
}

/// A transport with TLS.
pub(super) struct Secured {
    pub(super) transport: Transport,
    pub(super) info: TlsInfo,
    /// Channel binding of the type `tls-exporter` (RFC 9266), with TLS 1.3.
    pub(super) exporter: Option<Vec<u8>>,
}

/// Trust, made ready before anything is sent: a mistake in it is found without a network.
pub(super) struct Tls {
    domain: String,
    name: ServerName<'static>,
    verifier: Arc<Verifier>,
    provider: Arc<CryptoProvider>,
}

impl Tls {
    pub(super) fn new(domain: &str, trust: &Trust) -> Result<Self, ConnectError> {
        let host = match tcp::bare(domain).parse::<std::net::IpAddr>() {
            Ok(address) => address.to_string(),
            Err(_) => tcp::ascii(domain)?,
        };
        let name = ServerName::try_from(host).map_err(|_| ConnectError::Domain {
            domain: domain.to_owned(),
        })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let belief = match trust {
            Trust::System => Belief::Authorities(chain_verifier(system_roots()?, &provider)?),
            Trust::CaFile(path) => {
                Belief::Authorities(chain_verifier(file_roots(path)?, &provider)?)
            }
            Trust::Pin(pin) => Belief::Key(*pin),
        };
        let algorithms = provider.signature_verification_algorithms;
        let verifier = Arc::new(Verifier {
            belief,
            algorithms,
            seen: Mutex::new(None),
        });
        Ok(Self {
            domain: domain.to_owned(),
            name,
            verifier,
            provider,
        })
    }

    /// Does the handshake. `direct`: no STARTTLS came before (XEP-0368).
    pub(super) async fn handshake(
        &self,
        transport: Transport,
        direct: bool,
    ) -> Result<Secured, ConnectError> {
        let mut config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| self.failure(io::Error::other(error)))?
            .dangerous()
            .with_custom_certificate_verifier(self.verifier.clone())
            .with_no_client_auth();
        if direct {
            config.alpn_protocols = vec![b"xmpp-client".to_vec()];
        }
        let stream = TlsConnector::from(Arc::new(config))
            .connect(self.name.clone(), transport)
            .await
            .map_err(|error| self.failure(error))?;
        let (_, connection) = stream.get_ref();
        let info = TlsInfo {
            version: connection
                .protocol_version()
                .map_or_else(String::new, version),
            cipher: connection
                .negotiated_cipher_suite()
                .map_or_else(String::new, |suite| {
                    suite.suite().as_str().unwrap_or_default().to_owned()
                }),
            pin: self.verifier.seen().unwrap_or_default(),
        };
        let exporter = if connection.protocol_version() == Some(ProtocolVersion::TLSv1_3) {
            connection
                .export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", None)
                .ok()
        } else {
            None
        };
        Ok(Secured {
            transport: Box::new(stream),
            info,
            exporter,
        })
    }

    fn failure(&self, error: io::Error) -> ConnectError {
        let domain = self.domain.clone();
        let cause = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let Some(cause) = cause else {
            return ConnectError::Tls {
                domain,
                fault: TlsFault::Io(error),
            };
        };
        tracing::debug!(error = %cause, "TLS failed");
        let rustls::Error::InvalidCertificate(certificate) = cause else {
            return ConnectError::Tls {
                domain,
                fault: why::handshake(cause),
            };
        };
        let expected = match &self.verifier.belief {
            Belief::Authorities(_) => None,
            Belief::Key(pin) => Some(*pin),
        };
        ConnectError::Certificate {
            domain,
            fault: why::certificate(certificate, self.verifier.seen(), expected),
        }
    }
}

fn version(version: ProtocolVersion) -> String {
    match version.as_str() {
        Some(name) => name.replacen("TLSv1_", "TLSv1.", 1),
        None => format!("{version:?}"),
    }
}

fn chain_verifier(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, ConnectError> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|_| ConnectError::NoRoots)
}

fn system_roots() -> Result<RootCertStore, ConnectError> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(%error, "a part of the system's authorities cannot be read");
    }
    let mut roots = RootCertStore::empty();
    let (taken, passed_over) = roots.add_parsable_certificates(found.certs);
    tracing::debug!(taken, passed_over, "the system's authorities");
    if roots.is_empty() {
        Err(ConnectError::NoRoots)
    } else {
        Ok(roots)
    }
}

fn file_roots(path: &Path) -> Result<RootCertStore, ConnectError> {
    let fail = |fault| ConnectError::CaFile {
        path: path.to_owned(),
        fault,
    };
    let mut octets = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(CA_FILE_LIMIT + 1).read_to_end(&mut octets))
        .map_err(|error| fail(CaFault::Read(error)))?;
    if u64::try_from(octets.len()).is_ok_and(|length| length > CA_FILE_LIMIT) {
        return Err(fail(CaFault::TooLarge));
    }
    let mut certificates: Vec<_> = CertificateDer::pem_slice_iter(&octets)
        .filter_map(Result::ok)
        .collect();
    // A sequence's tag: DER.
    if certificates.is_empty() && octets.first() == Some(&0x30) {
        certificates.push(CertificateDer::from(octets));
    }
    if certificates.is_empty() {
        return Err(fail(CaFault::Empty));
    }
    let mut roots = RootCertStore::empty();
    let mut broken = None;
    for certificate in certificates {
        if let Err(error) = roots.add(certificate) {
            broken = Some(error);
        }
    }
    match broken {
        Some(error) if roots.is_empty() => Err(fail(CaFault::Broken(error))),
        Some(_) | None => Ok(roots),
    }
}

#[derive(Debug)]
enum Belief {
    Authorities(Arc<WebPkiServerVerifier>),
    Key([u8; 32]),
}

/// Looks at the server's certificate, and remembers its key so that it can be named to the user.
#[derive(Debug)]
struct Verifier {
    belief: Belief,
    algorithms: WebPkiSupportedAlgorithms,
    seen: Mutex<Option<[u8; 32]>>,
}

impl Verifier {
    fn seen(&self) -> Option<[u8; 32]> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // What is said of this one must not name the key of another.
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let key = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
        let found = <[u8; 32]>::try_from(Sha256::hash(&key)).unwrap_or_default();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        match &self.belief {
            Belief::Authorities(chain) => chain
                .verify_server_cert(certificate, intermediates, name, ocsp, now)
                .map_err(|error| {
                    // Signed by somebody who only has the name of an authority that we trust.
                    if error == CertificateError::BadSignature.into() {
                        CertificateError::UnknownIssuer.into()
                    } else {
                        error
                    }
                }),
            Belief::Key(pin) if *pin == found => Ok(ServerCertVerified::assertion()),
            Belief::Key(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    // That the server holds the key is proven in either case.

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(octets: &[u8]) -> String {
        let id = Sha256::hash(octets)
            .iter()
            .take(8)
            .map(|octet| format!("{octet:02x}"))
            .collect::<String>();
        let path = std::env::temp_dir().join(format!("ichat-xmpp-ca-{}-{id}", std::process::id()));
        std::fs::write(&path, octets).unwrap();
        let error = Tls::new("im.test", &Trust::CaFile(path.clone()))
            .err()
            .unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(error.code(), "tls-failed");
        error
            .to_string()
            .replace(&path.display().to_string(), "FILE")
    }

    #[test]
    fn a_file_without_authorities_is_an_error_that_says_so() {
        let none =
            "cannot use the authorities in FILE: expected a certificate (PEM or DER), found none";
        assert_eq!(complaint(b""), none);
        assert_eq!(
            complaint(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
            none
        );
        let broken = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        assert!(complaint(broken).contains("cannot be read"));
        assert!(complaint(&[0x30, 0x80, 1, 2]).contains("cannot be read"));
        assert!(complaint(&vec![b'x'; 5 << 20]).contains("larger than 4 MiB"));
    }

    #[test]
    fn a_missing_file_is_an_error() {
        let trust = Trust::CaFile("/nonexistent/ca.pem".into());
        let error = Tls::new("im.test", &trust).err().unwrap().to_string();
        assert!(
            error.starts_with("cannot use the authorities in /nonexistent/ca.pem: No such"),
            "{error}"
        );
    }

    #[test]
    fn domains_may_be_unicode_or_addresses_but_not_nonsense() {
        let trust = Trust::Pin([0; 32]);
        for domain in ["im.test", "münchen.example", "127.0.0.1", "[::1]"] {
            assert!(Tls::new(domain, &trust).is_ok(), "{domain}");
        }
        assert!(matches!(
            Tls::new("a b", &trust),
            Err(ConnectError::Domain { .. })
        ));
    }
}
