//! The stream to the server: plain TCP, SASL PLAIN, bind, session (RFC 6120, RFC 3921 §3).

use crate::options::Options;
use crate::xml::{Element, Item, StreamReader, escape};
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

const SIGN_IN_TIME: Duration = Duration::from_secs(10);
const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";

/// A signed-in stream.
#[derive(Debug)]
pub(crate) struct Stream {
    tcp: TcpStream,
    reader: StreamReader,
    verbose: bool,
    /// The full JID that the server gave.
    pub(crate) jid: String,
}

/// Octets as base64 (RFC 4648 §4).
fn base64(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in octets.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            match place <= chunk.len() {
                true => text.push(char::from(
                    ALPHABET[(bits >> (18 - 6 * place)) as usize & 63],
                )),
                false => text.push('='),
            }
        }
    }
    text
}

impl Stream {
    /// Connects and signs in.
    ///
    /// # Errors
    /// One line on what went wrong.
    pub(crate) fn sign_in(options: &Options) -> Result<Self, String> {
        let address = options
            .xmpp
            .to_socket_addrs()
            .map_err(|error| format!("{}: {error}", options.xmpp))?
            .next()
            .ok_or_else(|| format!("{}: no address", options.xmpp))?;
        let tcp = TcpStream::connect_timeout(&address, SIGN_IN_TIME)
            .map_err(|error| format!("{address}: {error}"))?;
        tcp.set_nodelay(true).map_err(|error| error.to_string())?;
        let jid = options.jid.clone();
        let mut stream = Self {
            tcp,
            reader: StreamReader::default(),
            verbose: options.verbose,
            jid,
        };
        let until = Instant::now() + SIGN_IN_TIME;
        let (bare_jid, resource) = options
            .jid
            .split_once('/')
            .unwrap_or((&options.jid, "iChat"));
        let (user, host) = bare_jid
            .split_once('@')
            .ok_or_else(|| format!("no JID: {bare_jid:?}"))?;

        let features = stream.open(host, until)?;
        let plain = features
            .children()
            .find(|child| child.ns == SASL)
            .is_some_and(|mechanisms| {
                mechanisms
                    .children()
                    .any(|mechanism| mechanism.text() == "PLAIN")
            });
        if !plain {
            return Err("the server offers no SASL PLAIN on a plain stream".into());
        }
        let secret = base64(format!("\0{user}\0{}", options.password).as_bytes());
        stream.send(&format!(
            "<auth xmlns='{SASL}' mechanism='PLAIN'>{secret}</auth>"
        ))?;
        let answer = stream.stanza(until)?;
        if answer.name != "success" {
            return Err(format!("sign-in refused: {}", answer.print()));
        }

        stream.reader = StreamReader::default();
        let features = stream.open(host, until)?;
        let answer = stream.query(
            "bind_1",
            &format!(
                "<bind xmlns='{BIND}'><resource>{}</resource></bind>",
                escape(resource)
            ),
            until,
        )?;
        let jid = answer
            .child("bind")
            .and_then(|bind| bind.child("jid"))
            .map(Element::text);
        stream.jid = jid.ok_or("the server bound no JID")?;
        if features.children().any(|feature| feature.ns == SESSION) {
            stream.query("sess_1", &format!("<session xmlns='{SESSION}'/>"), until)?;
        }
        Ok(stream)
    }

    fn open(&mut self, host: &str, until: Instant) -> Result<Element, String> {
        self.send(&format!(
            "<?xml version='1.0'?><stream:stream to='{}' xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
            escape(host)
        ))?;
        match self.item(until)? {
            Item::Header(_) => {}
            other => return Err(format!("no stream header but {other:?}")),
        }
        let features = self.stanza(until)?;
        match features.name.as_str() {
            "features" => Ok(features),
            _ => Err(format!("no stream features but {}", features.print())),
        }
    }

    fn query(&mut self, id: &str, payload: &str, until: Instant) -> Result<Element, String> {
        self.send(&format!("<iq type='set' id='{id}'>{payload}</iq>"))?;
        let answer = self.stanza(until)?;
        match answer.attribute("type") {
            "result" => Ok(answer),
            _ => Err(format!("refused: {}", answer.print())),
        }
    }

    fn stanza(&mut self, until: Instant) -> Result<Element, String> {
        match self.item(until)? {
            Item::Stanza(element) => Ok(element),
            Item::Header(_) => Err("a second stream header".into()),
            Item::End => Err("the server closed the stream".into()),
        }
    }

    fn item(&mut self, until: Instant) -> Result<Item, String> {
        loop {
            if let Some(item) = self.reader.next()? {
                return Ok(item);
            }
            let left = until.saturating_duration_since(Instant::now());
            let left = left.max(Duration::from_millis(1));
            self.tcp
                .set_read_timeout(Some(left))
                .map_err(|error| error.to_string())?;
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<(), String> {
        let mut octets = [0; 4096];
        match self.tcp.read(&mut octets) {
            Ok(0) => Err("the server closed the connection".into()),
            Ok(count) => {
                self.reader.push(octets.get(..count).unwrap_or_default());
                Ok(())
            }
            Err(error) => Err(format!("reading from the server: {error}")),
        }
    }

    /// Sends raw text.
    ///
    /// # Errors
    /// The connection is gone.
    pub(crate) fn send(&mut self, text: &str) -> Result<(), String> {
        if self.verbose {
            match text.starts_with("<auth ") {
                true => eprintln!("C: <auth>(hidden)</auth>"),
                false => eprintln!("C: {}", text.replace('\n', "\\n")),
            }
        }
        self.tcp
            .write_all(text.as_bytes())
            .map_err(|error| format!("to the server: {error}"))
    }

    /// Waits for the next stanza, for as long as it takes; for the reading thread.
    ///
    /// # Errors
    /// The stream is over.
    pub(crate) fn receive(&mut self) -> Result<Element, String> {
        self.tcp
            .set_read_timeout(None)
            .map_err(|error| error.to_string())?;
        loop {
            match self.reader.next()? {
                Some(Item::Stanza(element)) => {
                    if self.verbose {
                        eprintln!("S: {}", element.print().replace('\n', "\\n"));
                    }
                    return Ok(element);
                }
                Some(Item::Header(_)) => return Err("a second stream header".into()),
                Some(Item::End) => return Err("the server closed the stream".into()),
                None => self.fill()?,
            }
        }
    }

    /// The same connection for sending only.
    ///
    /// # Errors
    /// The system has no more handles.
    pub(crate) fn sender(&self) -> Result<Self, String> {
        Ok(Self {
            tcp: self.tcp.try_clone().map_err(|error| error.to_string())?,
            reader: StreamReader::default(),
            verbose: self.verbose,
            jid: self.jid.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }
}
