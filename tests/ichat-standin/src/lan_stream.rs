//! One stream between two neighbours, as old clients speak it: a header each way, no features,
//! no TLS, then stanzas (XEP-0174 §5; `docs/protocol/xmpp.md`, without a server `[P, I]`).

use crate::checks::Findings;
use crate::lan::LanInput;
use crate::options::{Options, PeerKind};
use crate::xml::{Element, Item, StreamReader, escape};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

pub(crate) const STREAMS: &str = "http://etherx.jabber.org/streams";
const CLIENT: &str = "jabber:client";
/// A neighbour takes what we write by then, or it is gone.
const WRITE_TIME: Duration = Duration::from_secs(5);

/// Our stream header, with what the flags leave of it.
pub(crate) fn header(options: &Options, ours: &str, theirs: &str) -> String {
    let from = match options.lan.no_from {
        true => String::new(),
        false => format!(" from='{}'", escape(ours)),
    };
    let version = match options.lan.no_version {
        true => "",
        false => " version='1.0'",
    };
    format!(
        "<?xml version='1.0' encoding='UTF-8'?><stream:stream xmlns='{CLIENT}' \
         xmlns:stream='{STREAMS}' to='{}'{from}{version}>",
        escape(theirs),
    )
}

/// What is wrong with the peer's header; `theirs` is its announced name.
pub(crate) fn check_header(
    options: &Options,
    header: &Element,
    ours: &str,
    theirs: Option<&str>,
    opened_by_us: bool,
) -> Vec<String> {
    let mut found = Findings::default();
    found.expect(header.name == "stream" && header.ns == STREAMS, || {
        format!("<{}> in {:?}", header.name, header.ns)
    });
    let client = header.default_namespace();
    found.expect(client == CLIENT, || {
        format!("the default namespace is {client:?}")
    });
    let Some(theirs) = theirs else {
        found.add("it has no from, and nobody announces its address");
        return found.0;
    };
    if options.peer_kind == PeerKind::IChat {
        return found.0;
    }
    let from = header.attribute("from");
    found.expect(from == theirs, || {
        format!("from {from:?}, but it is announced as {theirs:?}")
    });
    // It cannot know whom it answers when we do not say who we are.
    let to = header.has("to");
    let unknown = opened_by_us && options.lan.no_from;
    found.expect(to == Some(ours) || (unknown && to.is_none()), || {
        format!("to {to:?}, but we are {ours:?}")
    });
    let version = header.has("version");
    found.expect(matches!(version, None | Some("1.0")), || {
        format!("version {version:?}")
    });
    found.0
}

/// What is wrong with the addresses of a stanza.
pub(crate) fn check_stanza(stanza: &Element, ours: &str, theirs: Option<&str>) -> Vec<String> {
    let mut found = Findings::default();
    let (to, from) = (stanza.has("to"), stanza.has("from"));
    found.expect(to == Some(ours), || {
        format!("to {to:?}, but we are {ours:?}")
    });
    found.expect(from.is_some() && from == theirs, || {
        format!("from {from:?} on the stream of {theirs:?}")
    });
    found.0
}

/// A connection to or from a neighbour.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) id: u64,
    pub(crate) address: SocketAddr,
    /// The announced name of the other side, once it is known.
    pub(crate) peer: Option<String>,
    pub(crate) opened_by_us: bool,
    /// Its header has come.
    pub(crate) headed: bool,
    tcp: TcpStream,
    waiting: Vec<String>,
    verbose: bool,
}

impl Stream {
    /// Begins to read; what comes goes to `inputs` with the stream's number.
    ///
    /// # Errors
    /// The system has no more handles.
    pub(crate) fn start(
        id: u64,
        (tcp, address): (TcpStream, SocketAddr),
        opened_by_us: bool,
        inputs: Sender<LanInput>,
        verbose: bool,
    ) -> Result<Self, String> {
        let fail = |error: std::io::Error| format!("{address}: {error}");
        tcp.set_nodelay(true).map_err(fail)?;
        tcp.set_write_timeout(Some(WRITE_TIME)).map_err(fail)?;
        let reading = tcp.try_clone().map_err(fail)?;
        thread::spawn(move || {
            let reason = read(id, reading, &inputs, verbose);
            let _ = inputs.send(LanInput::Closed(id, reason));
        });
        Ok(Self {
            id,
            address,
            peer: None,
            opened_by_us,
            headed: false,
            tcp,
            waiting: Vec::new(),
            verbose,
        })
    }

    /// Writes right now.
    ///
    /// # Errors
    /// The connection is gone.
    pub(crate) fn write(&mut self, text: &str) -> Result<(), String> {
        if self.verbose {
            eprintln!("{} <- {}", self.id, text.replace('\n', "\\n"));
        }
        self.tcp
            .write_all(text.as_bytes())
            .map_err(|error| format!("to {}: {error}", self.address))
    }

    /// Sends a stanza, once the other side's header has come.
    ///
    /// # Errors
    /// The connection is gone.
    pub(crate) fn send(&mut self, stanza: String) -> Result<(), String> {
        match self.headed {
            true => self.write(&stanza),
            false => {
                self.waiting.push(stanza);
                Ok(())
            }
        }
    }

    /// The header has come: what waited goes.
    ///
    /// # Errors
    /// The connection is gone.
    pub(crate) fn begin(&mut self) -> Result<(), String> {
        self.headed = true;
        for stanza in std::mem::take(&mut self.waiting) {
            self.write(&stanza)?;
        }
        Ok(())
    }

    /// Says good-bye and closes.
    pub(crate) fn close(mut self) {
        let _ = self.write("</stream:stream>");
        let _ = self.tcp.shutdown(std::net::Shutdown::Write);
    }
}

fn read(id: u64, mut tcp: TcpStream, inputs: &Sender<LanInput>, verbose: bool) -> String {
    let mut reader = StreamReader::default();
    let mut octets = [0; 4096];
    loop {
        loop {
            let input = match reader.next() {
                Ok(None) => break,
                Ok(Some(Item::Header(header))) => LanInput::Header(id, header),
                Ok(Some(Item::Stanza(stanza))) => {
                    if verbose {
                        eprintln!("{id} -> {}", stanza.print().replace('\n', "\\n"));
                    }
                    LanInput::Stanza(id, stanza)
                }
                Ok(Some(Item::End)) => return "it closed the stream".into(),
                Err(error) => return error,
            };
            if inputs.send(input).is_err() {
                return "we are over".into();
            }
        }
        match tcp.read(&mut octets) {
            Ok(0) => return "it closed the connection".into(),
            Ok(count) => reader.push(octets.get(..count).unwrap_or_default()),
            Err(error) => return error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Mode;

    fn first(text: &str) -> Element {
        let mut reader = StreamReader::default();
        reader.push(text.as_bytes());
        match reader.next() {
            Ok(Some(Item::Header(header))) => header,
            other => panic!("{other:?}"),
        }
    }

    fn options() -> Options {
        Options::new(Mode::LanAnswer)
    }

    #[test]
    fn our_header_is_found_right() {
        let header = first(&header(&options(), "amy@one", "mac@two"));
        let found = check_header(&options(), &header, "mac@two", Some("amy@one"), false);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn each_deviation_of_a_header_is_found() {
        let good = header(&options(), "amy@one", "mac@two");
        for (bad, word) in [
            (good.replace("from='amy@one'", ""), "from \"\""),
            (good.replace("to='mac@two'", "to='10.0.0.1'"), "10.0.0.1"),
            (good.replace(CLIENT, "jabber:server"), "jabber:server"),
            (good.replace("etherx", "ether"), "ether.jabber"),
            (good.replace("version='1.0'>", "version='2'>"), "version"),
        ] {
            let found = check_header(&options(), &first(&bad), "mac@two", Some("amy@one"), false);
            let found = found.join("\n");
            assert!(found.contains(word), "{word}: {found}");
        }
        let header = first(&good);
        assert_eq!(
            check_header(&options(), &header, "mac@two", None, false).len(),
            1
        );
    }

    #[test]
    fn an_old_client_s_header_is_no_fault_of_an_old_client() {
        let mut options = options();
        options.lan.no_from = true;
        options.lan.no_version = true;
        let header = first(&header(&options, "amy@one", "mac@two"));
        assert_eq!((header.has("from"), header.has("version")), (None, None));
        options.peer_kind = PeerKind::IChat;
        let found = check_header(&options, &header, "mac@two", Some("amy@one"), false);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn stanzas_carry_both_announced_names() {
        let stanza = |attributes: &str| {
            let mut reader = StreamReader::default();
            reader.push(format!("<s xmlns='{CLIENT}'><message{attributes}/>").as_bytes());
            reader.next().unwrap();
            match reader.next() {
                Ok(Some(Item::Stanza(stanza))) => stanza,
                other => panic!("{other:?}"),
            }
        };
        let look = |text| check_stanza(&stanza(text), "mac@two", Some("amy@one"));
        assert_eq!(look(" to='mac@two' from='amy@one'"), [""; 0]);
        assert_eq!(look("").len(), 2);
        assert_eq!(look(" to='mac@two/iChat' from='amy@one/x'").len(), 2);
    }
}
