//! A scripted XMPP client: text out, text in, nothing understood. It can say what no library
//! would, and see what a server passes on.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::SOON;
use crate::prosody::{Account, DOMAIN};

/// Whether a server opens a stream and lists its features.
///
/// # Errors
/// Why not.
pub fn answers(address: SocketAddr) -> io::Result<()> {
    let mut stream = Stream::open(address)?;
    stream.head()?;
    stream.read_until(
        |text| text.contains("</stream:features>"),
        Duration::from_secs(5),
    )?;
    Ok(())
}

/// A client that is signed in, without TLS.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    /// The full JID.
    pub jid: String,
    seen: Vec<String>,
}

impl Client {
    /// Signs in. No presence is sent.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn sign_in(account: &Account, resource: &str) -> Self {
        let mut stream = Stream::open(account.server).expect("the server takes a connection");
        stream.head().expect("the server takes a stream");
        stream.element().expect("the server lists features");
        let token = base64(format!("\0{}\0{}", account.user(), account.password).as_bytes());
        stream.write(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{token}</auth>"
        ));
        let answer = stream.element().expect("the server answers a password");
        assert!(answer.starts_with("<success"), "{}: {answer}", account.jid);
        stream.head().expect("the server takes a second stream");
        stream.element().expect("the server lists features");
        let mut this = Self {
            stream,
            jid: format!("{}/{resource}", account.jid),
            seen: vec![],
        };
        this.send(&format!(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <resource>{resource}</resource></bind></iq>"
        ));
        let bound = this.wait("the bound resource", |stanza| has(stanza, "id", "bind"));
        assert!(has(&bound, "type", "result"), "{bound}");
        this
    }

    /// Signs in as a component, which speaks for everybody at its domain (XEP-0114). Each of its
    /// stanzas says from whom it is.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn gateway(address: SocketAddr, domain: &str, secret: &str) -> Self {
        let mut stream = Stream::open(address).expect("the server takes a connection");
        let head = stream.head_as("jabber:component:accept", domain);
        let head = head.expect("the server takes a stream");
        let id = attribute(&head, "id").expect("its stream has an id");
        let proof = sha1(&format!("{id}{secret}"));
        stream.write(&format!("<handshake>{proof}</handshake>"));
        let answer = stream.element().expect("the server answers a proof");
        assert!(answer.starts_with("<handshake"), "{domain}: {answer}");
        Self {
            stream,
            jid: domain.to_owned(),
            seen: vec![],
        }
    }

    /// Signs in and shows as an iChat that can take a call.
    pub fn sign_in_callable(account: &Account, resource: &str) -> Self {
        let mut this = Self::sign_in(account, resource);
        this.send(
            "<presence><priority>0</priority><c xmlns='http://jabber.org/protocol/caps' \
             node='apple:ichat:caps' ver='448' ext='avavail avcap audio'/></presence>",
        );
        this
    }

    /// Sends text as it is.
    pub fn send(&mut self, text: &str) {
        self.stream.write(text);
    }

    /// The first stanza not taken yet that `look` likes. Others stay for a later call.
    ///
    /// # Panics
    /// With all that came, if there is none soon.
    pub fn wait(&mut self, what: &str, look: impl Fn(&str) -> bool) -> String {
        self.try_wait(SOON, &look).unwrap_or_else(|| {
            panic!(
                "{} got no {what}; it got:\n{}",
                self.jid,
                self.seen.join("\n")
            )
        })
    }

    /// As [`Self::wait`]; `None` if there is none by then.
    pub fn try_wait(&mut self, limit: Duration, look: impl Fn(&str) -> bool) -> Option<String> {
        let deadline = Instant::now() + limit;
        let mut at = 0;
        loop {
            if let Some(found) = self.seen.get(at) {
                if look(found) {
                    return Some(self.seen.remove(at));
                }
                at += 1;
                continue;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.stream.element_within(left) {
                Ok(stanza) => self.seen.push(stanza),
                Err(_) => return None,
            }
        }
    }
}

/// Whether the first tag of a stanza has this attribute.
pub fn has(stanza: &str, name: &str, value: &str) -> bool {
    attribute(stanza, name).is_some_and(|found| found == value)
}

/// An attribute of the first tag of a stanza.
pub fn attribute(stanza: &str, name: &str) -> Option<String> {
    let tag = stanza.split('>').next()?;
    ['\'', '"'].into_iter().find_map(|quote| {
        let start = tag.find(&format!(" {name}={quote}"))? + name.len() + 3;
        Some(tag.get(start..)?.split(quote).next()?.to_owned())
    })
}

/// The text of the first element of this name, whatever it stands in.
pub fn text_of(stanza: &str, element: &str) -> Option<String> {
    let start = stanza.find(&format!("<{element}"))?;
    let open = start + stanza.get(start..)?.find('>')? + 1;
    let end = open + stanza.get(open..)?.find(&format!("</{element}>"))?;
    stanza.get(open..end).map(str::to_owned)
}

#[derive(Debug)]
struct Stream {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Stream {
    fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            buffer: Vec::new(),
        })
    }

    fn write(&mut self, text: &str) {
        self.socket
            .write_all(text.as_bytes())
            .expect("the server takes our text");
    }

    /// Opens a stream and gives the head of the server's.
    fn head(&mut self) -> io::Result<String> {
        self.head_as("jabber:client", DOMAIN)
    }

    fn head_as(&mut self, namespace: &str, to: &str) -> io::Result<String> {
        self.buffer.clear();
        let head = format!(
            "<?xml version='1.0'?><stream:stream to='{to}' version='1.0' \
             xmlns='{namespace}' xmlns:stream='http://etherx.jabber.org/streams'>"
        );
        self.socket.write_all(head.as_bytes())?;
        self.read_until(|text| head_end(text).is_some(), SOON)?;
        let (start, end) = head_end(&String::from_utf8_lossy(&self.buffer)).unwrap_or((0, 0));
        let head = self.buffer.drain(..end).skip(start).collect();
        Ok(String::from_utf8(head).unwrap_or_default())
    }

    fn element(&mut self) -> io::Result<String> {
        self.element_within(SOON)
    }

    /// The next whole element.
    fn element_within(&mut self, limit: Duration) -> io::Result<String> {
        self.read_until(|text| element_end(text).is_some(), limit)?;
        let text = String::from_utf8_lossy(&self.buffer).into_owned();
        let end = element_end(&text).unwrap_or(0);
        self.buffer.drain(..end);
        Ok(text.get(..end).unwrap_or_default().trim().to_owned())
    }

    fn read_until(&mut self, is_done: impl Fn(&str) -> bool, limit: Duration) -> io::Result<()> {
        let deadline = Instant::now() + limit;
        let mut chunk = [0; 4096];
        loop {
            if std::str::from_utf8(&self.buffer).is_ok_and(&is_done) {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.socket.set_read_timeout(Some(left))?;
            match self.socket.read(&mut chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.buffer.extend(&chunk[..count]),
            }
        }
    }
}

/// Where the head of a stream begins and ends, once it is whole.
fn head_end(text: &str) -> Option<(usize, usize)> {
    let start = text.find("<stream:stream")?;
    Some((start, start + text.get(start..)?.find('>')? + 1))
}

/// Where the first element of a text ends, if it does. No comments, no CDATA: servers send none.
fn element_end(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0u32, 0);
    loop {
        let open = at + text.get(at..)?.find('<')?;
        let close = tag_end(text, open)?;
        let tag = text.get(open..=close)?;
        if tag.starts_with("</") {
            depth = depth.checked_sub(1)?;
        } else if !tag.ends_with("/>") {
            depth += 1;
        }
        at = close + 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

/// The `>` of the tag at `open`, past those in quoted attributes.
fn tag_end(text: &str, open: usize) -> Option<usize> {
    let mut quote = None;
    for (at, octet) in text.bytes().enumerate().skip(open) {
        match (quote, octet) {
            (None, b'\'' | b'"') => quote = Some(octet),
            (Some(end), octet) if end == octet => quote = None,
            (None, b'>') => return Some(at),
            _ => {}
        }
    }
    None
}

/// Base64 with padding (RFC 4648 §4).
pub fn base64(octets: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    octets
        .chunks(3)
        .flat_map(|chunk| {
            let word = (0..3).fold(0u32, |word, at| {
                word << 8 | u32::from(chunk.get(at).copied().unwrap_or(0))
            });
            (0..4usize).map(move |at| match at <= chunk.len() {
                true => char::from(DIGITS[(word >> (18 - 6 * at)) as usize & 63]),
                false => '=',
            })
        })
        .collect()
}

/// SHA-1 in hex, of the program of that name.
fn sha1(text: &str) -> String {
    let mut child = Command::new("sha1sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("requires!(\"sha1sum\") comes first");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(text.as_bytes()).expect("sha1sum reads");
    drop(input);
    let output = child.wait_with_output().expect("sha1sum ends");
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    output
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ];
        for (plain, coded) in vectors {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn elements_are_cut_where_they_end() {
        let text = "<a x='>'><b/><c>t</c></a><d/>";
        assert_eq!(element_end(text), Some(25));
        assert_eq!(element_end("<d/><e>"), Some(4));
        assert_eq!(element_end("<a><b></b>"), None);
    }

    #[test]
    fn attributes_and_texts_are_read() {
        let stanza = "<iq id=\"7\" type='set'><query><response>0</response></query></iq>";
        assert!(has(stanza, "id", "7") && has(stanza, "type", "set"));
        assert_eq!(attribute(stanza, "to"), None);
        assert_eq!(text_of(stanza, "response").as_deref(), Some("0"));
    }
}
