//! A greeting of TLS 1.0 (RFC 2246), as a Mac of 2005 sends it: written by hand, since no library of
//! today does. Only the server's first answer is looked at; nothing is agreed on.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ichat_endpoint::seed::Seed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long all of it may take.
const LIMIT: Duration = Duration::from_millis(2500);

/// So much is read for the server's features, and for its answer to the greeting.
const READ_LIMIT: usize = 64 * 1024;

/// TLS 1.0 on the wire (RFC 2246 §6.2.1).
const VERSION: [u8; 2] = [3, 1];

/// RSA key exchange with AES-128, AES-256, 3DES and CBC, SHA-1 (RFC 3268, RFC 2246): what Macs of
/// that time have.
const SUITES: [[u8; 2]; 3] = [[0x00, 0x2f], [0x00, 0x35], [0x00, 0x0a]];

/// Content types (RFC 2246 §6.2.1) and messages (§7.4).
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

/// The alert of a server that knows the version and none of the suites (RFC 2246 §7.2).
const HANDSHAKE_FAILURE: u8 = 40;

/// What the server says to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// It speaks TLS 1.0, and chose this suite.
    Spoken { suite: u16 },
    /// It would, but has no suite or no certificate for it.
    NoCommonSuite,
    /// It does not; with the alert, if it sent one.
    TooOld { alert: Option<u8> },
}

/// Why it could not be found out.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProbeError {
    #[error("the server offers no TLS")]
    NotOffered,
    #[error("no answer within {} s", LIMIT.as_secs_f32())]
    TimedOut,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("expected a TLS record, found content type {found}")]
    NotTls { found: u8 },
}

/// Greets the server of `domain` at `address`, after STARTTLS unless `direct`.
pub(super) async fn probe(
    address: SocketAddr,
    domain: &str,
    direct: bool,
) -> Result<Answer, ProbeError> {
    let work = async {
        let mut stream = TcpStream::connect(address).await?;
        if !direct {
            starttls(&mut stream, domain).await?;
        }
        stream.write_all(&client_hello(domain, random())).await?;
        answer(&mut stream).await
    };
    timeout(LIMIT, work)
        .await
        .map_err(|_| ProbeError::TimedOut)?
}

/// RFC 6120 §5.4.2, read no closer than is needed for this one question.
async fn starttls(stream: &mut TcpStream, domain: &str) -> Result<(), ProbeError> {
    let escaped = domain
        .replace('&', "&amp;")
        .replace('\'', "&apos;")
        .replace('<', "&lt;");
    let header = format!(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams' to='{escaped}' version='1.0'>"
    );
    stream.write_all(header.as_bytes()).await?;
    let features = read_until(stream, |text| {
        text.ends_with("features>") || text.ends_with("features/>")
    });
    if !features.await?.contains("urn:ietf:params:xml:ns:xmpp-tls") {
        return Err(ProbeError::NotOffered);
    }
    let request = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    stream.write_all(request).await?;
    let consent = read_until(stream, |text| text.ends_with('>')).await?;
    if consent.contains("proceed") {
        Ok(())
    } else {
        Err(ProbeError::NotOffered)
    }
}

/// Octet by octet: what stands behind belongs to TLS already.
async fn read_until(
    stream: &mut TcpStream,
    is_whole: impl Fn(&str) -> bool,
) -> Result<String, ProbeError> {
    let mut octets = Vec::new();
    while octets.len() < READ_LIMIT {
        let octet = stream.read_u8().await?;
        octets.push(octet);
        if octet != b'>' {
            continue;
        }
        let text = String::from_utf8_lossy(&octets);
        // The opening tag ends in the same way: only the one that closes counts.
        let is_closing = text.rfind('<').is_some_and(|start| {
            let tag = text.get(start..).unwrap_or_default();
            tag.starts_with("</") || tag.ends_with("/>")
        });
        if is_closing && is_whole(&text) {
            return Ok(text.into_owned());
        }
    }
    Err(io::Error::from(io::ErrorKind::InvalidData).into())
}

/// What the server says first.
async fn answer(stream: &mut TcpStream) -> Result<Answer, ProbeError> {
    let mut messages: Vec<u8> = Vec::new();
    loop {
        let mut head = [0; 5];
        match stream.read_exact(&mut head).await {
            Ok(_) => {}
            // No word, but good-bye or a slammed door.
            Err(error) if is_end(&error) => return Ok(Answer::TooOld { alert: None }),
            Err(error) => return Err(error.into()),
        }
        let [content, _, _, high, low] = head;
        let mut record = vec![0; usize::from(u16::from_be_bytes([high, low]))];
        if content != ALERT && content != HANDSHAKE {
            return Err(ProbeError::NotTls { found: content });
        }
        stream.read_exact(&mut record).await?;
        if content == ALERT {
            return Ok(match record.get(1) {
                Some(&HANDSHAKE_FAILURE) => Answer::NoCommonSuite,
                alert => Answer::TooOld {
                    alert: alert.copied(),
                },
            });
        }
        messages.extend(record);
        if let Some(answer) = server_hello(&messages) {
            return Ok(answer);
        }
        if messages.len() > READ_LIMIT {
            return Err(io::Error::from(io::ErrorKind::InvalidData).into());
        }
    }
}

fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

/// ServerHello (RFC 2246 §7.4.1.3); `None` while it is not whole. Another message or another version
/// is no TLS 1.0.
fn server_hello(messages: &[u8]) -> Option<Answer> {
    let (&[kind, _, _, _], body) = messages.split_first_chunk()?;
    if kind != SERVER_HELLO {
        return Some(Answer::TooOld { alert: None });
    }
    let (version, rest) = body.split_first_chunk::<2>()?;
    let (_random, rest) = rest.split_first_chunk::<32>()?;
    let (&session, rest) = rest.split_first()?;
    let (suite, _) = rest.get(usize::from(session)..)?.split_first_chunk::<2>()?;
    Some(if *version == VERSION && SUITES.contains(suite) {
        Answer::Spoken {
            suite: u16::from_be_bytes(*suite),
        }
    } else {
        Answer::TooOld { alert: None }
    })
}

/// ClientHello (RFC 2246 §7.4.1.2) in one record, with the server's name (RFC 3546 §3.1) where the
/// domain can be one.
fn client_hello(domain: &str, random: [u8; 32]) -> Vec<u8> {
    let mut hello = Vec::new();
    hello.extend(VERSION);
    hello.extend(random);
    hello.push(0); // no session to resume
    hello.extend(sized(SUITES.concat()));
    hello.extend([1, 0]); // one compression method: none
    let is_name = domain.is_ascii()
        && (1..=253).contains(&domain.len())
        && domain.parse::<std::net::IpAddr>().is_err()
        && !domain.starts_with('[');
    if is_name {
        let mut name = vec![0]; // host_name
        name.extend(sized(domain.as_bytes().to_vec()));
        let mut extension = vec![0, 0]; // server_name
        extension.extend(sized(sized(name)));
        hello.extend(sized(extension));
    }
    let mut message = vec![CLIENT_HELLO, 0];
    message.extend(sized(hello));
    let mut record = vec![HANDSHAKE];
    record.extend(VERSION);
    record.extend(sized(message));
    record
}

/// With its length in two octets before it; all that we send is far shorter than that allows.
fn sized(octets: Vec<u8>) -> Vec<u8> {
    let length = u16::try_from(octets.len()).unwrap_or(0);
    let mut sized = length.to_be_bytes().to_vec();
    sized.extend(octets);
    sized
}

fn random() -> [u8; 32] {
    let mut seed = Seed::from_system();
    let mut octets = [0; 32];
    for chunk in octets.chunks_mut(8) {
        chunk.copy_from_slice(&seed.next_u64().to_be_bytes());
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn the_greeting_is_that_of_the_standard_octet_by_octet() {
        let expected = [
            "16 0301 0042",                        // a handshake record of TLS 1.0
            "01 00003e",                           // ClientHello
            "0301",                                // its version
            &"5a".repeat(32),                      // random
            "00",                                  // no session
            "0006 002f 0035 000a",                 // suites
            "01 00",                               // no compression
            "000f",                                // extensions
            "0000 000b 0009 00 0006 612e74657374", // server_name: a.test
        ];
        let expected = expected.concat().replace(' ', "");
        let hello = client_hello("a.test", [0x5a; 32]);
        assert_eq!(hex::encode(hello), expected);
        let unnamed = client_hello("[::1]", [0; 32]);
        assert_eq!(unnamed.len(), 5 + 4 + 2 + 32 + 1 + 8 + 2);
    }

    fn hello(version: [u8; 2], session: u8, suite: [u8; 2]) -> Vec<u8> {
        let mut body = version.to_vec();
        body.extend([7; 32]);
        body.push(session);
        body.extend(vec![9; usize::from(session)]);
        body.extend(suite);
        body.push(0);
        let mut message = vec![SERVER_HELLO, 0];
        message.extend(sized(body));
        message
    }

    #[test]
    fn the_servers_hello_tells_its_version_and_its_suite() {
        let spoken = Some(Answer::Spoken { suite: 0x2f });
        let no = Some(Answer::TooOld { alert: None });
        for session in [0, 32] {
            let whole = hello([3, 1], session, [0, 0x2f]);
            assert_eq!(server_hello(&whole), spoken);
            // All but the octet of the compression method is needed.
            for length in 0..whole.len() - 1 {
                assert_eq!(server_hello(&whole[..length]), None, "{length}");
            }
        }
        assert_eq!(server_hello(&hello([3, 3], 0, [0, 0x2f])), no);
        assert_eq!(server_hello(&hello([3, 1], 0, [0x13, 1])), no);
        assert_eq!(server_hello(&[11, 0, 0, 0]), no);
    }

    /// A server that says this to whoever greets it.
    async fn greeted(says: &'static [u8]) -> Result<Answer, ProbeError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = async {
            let (mut peer, _) = listener.accept().await.unwrap();
            let mut head = [0; 5];
            peer.read_exact(&mut head).await.unwrap();
            assert_eq!(head[..3], [22, 3, 1]);
            let mut rest = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
            peer.read_exact(&mut rest).await.unwrap();
            peer.write_all(says).await.unwrap();
        };
        tokio::join!(probe(address, "im.test", true), server).0
    }

    #[tokio::test]
    async fn alerts_and_closed_doors_mean_no() {
        let told = |alert| Answer::TooOld { alert };
        assert_eq!(
            greeted(&[21, 3, 1, 0, 2, 2, 70]).await.unwrap(),
            told(Some(70))
        );
        assert_eq!(
            greeted(&[21, 3, 1, 0, 2, 2, 40]).await.unwrap(),
            Answer::NoCommonSuite
        );
        assert_eq!(greeted(&[]).await.unwrap(), told(None));
        let odd = greeted(b"HTTP/1.1 400 Bad Request\r\n").await;
        assert!(
            matches!(odd, Err(ProbeError::NotTls { found: b'H' })),
            "{odd:?}"
        );
    }
}
