//! The network without a server: what we announce, who else is there, and the streams to and
//! from them (`docs/protocol/xmpp.md`, without a server `[P, I]`; XEP-0174).

use crate::checks::Book;
use crate::lan_hostile::{self, Trouble};
use crate::lan_record::{self, SERVICE, Sighting, instance};
use crate::lan_stream::{self, Stream};
use crate::options::Options;
use crate::presence::Caps;
use crate::xml::Element;
use mdns_sd::{DaemonEvent, ServiceDaemon, ServiceEvent, ServiceInfo};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

/// Where iChat listens.
pub(crate) const PORT: u16 = 5298;
/// A neighbour answers a TCP connection by then.
const CONNECT_TIME: Duration = Duration::from_secs(3);
/// Neighbours take so long to look up whom they have just heard of.
const SETTLE_TIME: Duration = Duration::from_millis(500);
/// Multicast may be so much later than a stream.
const ANNOUNCE_TIME: Duration = Duration::from_secs(3);
/// The last packets of the announcement may take so long.
const GOODBYE_TIME: Duration = Duration::from_secs(2);

/// What the network brings.
#[derive(Debug)]
pub(crate) enum LanInput {
    /// Our announcement is out.
    Announced,
    /// Somebody had our name already.
    Renamed(String),
    Seen(Sighting),
    Gone(String),
    Accepted(TcpStream, SocketAddr),
    Header(u64, Element),
    Stanza(u64, Element),
    Closed(u64, String),
    Troubled(Trouble),
}

/// What it means.
#[derive(Debug)]
pub(crate) enum LanEvent {
    /// Others can see us under this name.
    Online(String),
    Seen(String, Caps),
    Gone(String),
    /// A stream with this neighbour has begun.
    Opened(String),
    /// The last stream with it is over.
    Closed(String),
    Stanza(Element),
}

/// Everything of it.
pub(crate) struct Lan {
    options: Rc<Options>,
    pub(crate) name: String,
    pub(crate) port: u16,
    daemon: ServiceDaemon,
    inputs: Sender<LanInput>,
    tokens: String,
    seen: BTreeMap<String, Sighting>,
    /// Whose announcement is looked at.
    partners: BTreeSet<String>,
    /// Who spoke before its announcement came, and until when it may.
    awaited: Vec<(Instant, String)>,
    streams: Vec<Stream>,
    next_id: u64,
    is_online: bool,
}

/// An address of an interface that others can reach, for media.
pub(crate) fn own_address() -> Option<IpAddr> {
    let mut addresses: Vec<IpAddr> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .iter()
        .map(if_addrs::Interface::ip)
        .filter(|ip| !ip.is_loopback())
        .filter(|ip| !matches!(ip, IpAddr::V6(ip) if ip.segments()[0] & 0xffc0 == 0xfe80))
        .collect();
    addresses.sort_by_key(|ip| (ip.is_ipv6(), *ip));
    addresses.first().copied()
}

/// `mac@` and the name of this machine.
pub(crate) fn default_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim().split('.').next().unwrap_or_default().to_owned();
    match host.as_str() {
        "" => "mac@standin".into(),
        _ => format!("mac@{host}"),
    }
}

fn listen(wanted: Option<u16>) -> std::io::Result<TcpListener> {
    let bind = |port| {
        TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))
            .or_else(|_| TcpListener::bind(("0.0.0.0", port)))
    };
    match wanted {
        Some(port) => bind(port),
        None => bind(PORT).or_else(|_| bind(0)),
    }
}

impl Lan {
    /// Listens, announces and looks around.
    ///
    /// # Errors
    /// One line on what the system refused.
    pub(crate) fn start(
        options: Rc<Options>,
        tokens: String,
        inputs: Sender<LanInput>,
    ) -> Result<Self, String> {
        let listener =
            listen(options.lan.port).map_err(|error| format!("LAN listener: {error}"))?;
        let port = listener.local_addr().map_err(|error| error.to_string())?;
        let accepted = inputs.clone();
        thread::spawn(move || {
            while let Ok((tcp, address)) = listener.accept() {
                let address = SocketAddr::new(address.ip().to_canonical(), address.port());
                if accepted.send(LanInput::Accepted(tcp, address)).is_err() {
                    return;
                }
            }
        });
        let fail = |error: mdns_sd::Error| format!("multicast DNS: {error}");
        let daemon = ServiceDaemon::new().map_err(fail)?;
        watch(&daemon, &inputs).map_err(fail)?;
        let name = options.jid.clone();
        let mut lan = Self {
            options,
            name,
            port: port.port(),
            daemon,
            inputs,
            tokens: String::new(),
            seen: BTreeMap::new(),
            partners: BTreeSet::new(),
            awaited: Vec::new(),
            streams: Vec::new(),
            next_id: 1,
            is_online: false,
        };
        lan.announce(tokens)?;
        Ok(lan)
    }

    /// Announces these capabilities from now on.
    ///
    /// # Errors
    /// One line on why they cannot be.
    pub(crate) fn announce(&mut self, tokens: String) -> Result<(), String> {
        let fail = |error: mdns_sd::Error| format!("multicast DNS: {error}");
        let (_, host) = self.name.rsplit_once('@').unwrap_or(("", &self.name));
        let host: String = host
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        let txt = lan_record::txt(&self.options, &tokens, self.port);
        let host = format!("{host}.local.");
        let info = ServiceInfo::new(SERVICE, &self.name, &host, "", self.port, txt.as_slice());
        let info = info.map_err(fail)?.enable_addr_auto();
        self.tokens = tokens;
        self.daemon.register(info).map_err(fail)
    }

    /// One input; what it means.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        input: LanInput,
        book: &mut Book,
    ) -> Option<LanEvent> {
        match input {
            LanInput::Announced => {
                let first = !std::mem::replace(&mut self.is_online, true);
                first.then(|| LanEvent::Online(self.name.clone()))
            }
            LanInput::Renamed(name) => {
                self.name = name;
                None
            }
            LanInput::Seen(sighting) => self.see(sighting, book),
            LanInput::Gone(name) => {
                (name != self.name && self.seen.remove(&name).is_some()).then_some(())?;
                Some(LanEvent::Gone(name))
            }
            LanInput::Accepted(tcp, address) => {
                book.tally.streams_in += 1;
                if let Err(error) = self.adopt(tcp, address, false) {
                    book.faults.add(error);
                }
                None
            }
            LanInput::Header(id, header) => self.begin(now, id, &header, book),
            LanInput::Stanza(id, stanza) => self.stanza(id, stanza, book),
            LanInput::Closed(id, reason) => {
                let at = self.streams.iter().position(|stream| stream.id == id)?;
                let stream = self.streams.remove(at);
                if self.options.verbose {
                    eprintln!("{id}: {reason}");
                }
                if !stream.headed && !stream.opened_by_us {
                    book.faults.add(format!(
                        "a stream from {} without a header: {reason}",
                        stream.address
                    ));
                }
                let peer = stream.peer.clone()?;
                stream.close();
                let last = !self.streams.iter().any(|s| s.peer.as_ref() == Some(&peer));
                last.then_some(LanEvent::Closed(peer))
            }
            LanInput::Troubled(trouble) => {
                match trouble {
                    Trouble::SilentClosed(after) => {
                        book.tally.silent_closed_ms = Some(after.as_millis() as u64);
                    }
                    Trouble::EndlessClosed(octets) => book.tally.endless_octets = Some(octets),
                }
                None
            }
        }
    }

    fn see(&mut self, sighting: Sighting, book: &mut Book) -> Option<LanEvent> {
        let name = sighting.name.clone();
        if name == self.name {
            return None;
        }
        let caps = sighting.caps().unwrap_or_default();
        self.seen.insert(name.clone(), sighting);
        if self.partners.contains(&name) {
            self.check_announcement(&name, book);
        }
        Some(LanEvent::Seen(name, caps))
    }

    /// From now on, deviations in the announcement of this neighbour count.
    fn partner(&mut self, name: &str, book: &mut Book) {
        if self.partners.insert(name.to_owned()) {
            self.check_announcement(name, book);
        }
    }

    fn check_announcement(&self, name: &str, book: &mut Book) {
        match self.seen.get(name) {
            Some(sighting) => book.faults.absorb("announcement", sighting.check()),
            None => book.faults.add(format!("{name} is not announced")),
        }
    }

    fn adopt(
        &mut self,
        tcp: TcpStream,
        address: SocketAddr,
        opened_by_us: bool,
    ) -> Result<&mut Stream, String> {
        let id = self.next_id;
        self.next_id += 1;
        let (inputs, verbose) = (self.inputs.clone(), self.options.verbose);
        let stream = Stream::start(id, (tcp, address), opened_by_us, inputs, verbose)?;
        self.streams.push(stream);
        self.streams.last_mut().ok_or_else(|| "no stream".into())
    }

    /// Who a header is from: its `from`, else whoever announces that address.
    fn whose(&self, header: &Element, address: IpAddr) -> Option<String> {
        let from = header.attribute("from");
        let mut at = self
            .seen
            .iter()
            .filter(|(_, sighting)| sighting.addresses.iter().any(|a| a.ip() == address));
        match from.contains('@') {
            true => Some(from.to_owned()),
            false => at.next().map(|(name, _)| name.clone()),
        }
    }

    fn begin(
        &mut self,
        now: Instant,
        id: u64,
        header: &Element,
        book: &mut Book,
    ) -> Option<LanEvent> {
        let index = self.streams.iter().position(|stream| stream.id == id)?;
        let (address, known) = {
            let stream = self.streams.get(index)?;
            (stream.address.ip(), stream.peer.clone())
        };
        let peer = known.or_else(|| self.whose(header, address));
        let options = self.options.clone();
        let name = self.name.clone();
        let stream = self.streams.get_mut(index)?;
        let ours = stream.opened_by_us;
        let found = lan_stream::check_header(&options, header, &name, peer.as_deref(), ours);
        book.faults.absorb("stream header", found);
        let shown = peer.unwrap_or_else(|| address.to_string());
        stream.peer = Some(shown.clone());
        let reply = match ours {
            true => Ok(()),
            false => stream.write(&lan_stream::header(&options, &name, &shown)),
        };
        if let Err(error) = reply.and_then(|()| stream.begin()) {
            book.faults.add(error);
        }
        match self.seen.contains_key(&shown) {
            true => self.partner(&shown, book),
            false => self.awaited.push((now + ANNOUNCE_TIME, shown.clone())),
        }
        Some(LanEvent::Opened(shown))
    }

    fn stanza(&mut self, id: u64, mut stanza: Element, book: &mut Book) -> Option<LanEvent> {
        let stream = self.streams.iter().find(|stream| stream.id == id)?;
        match (stanza.name.as_str(), stanza.ns.as_str()) {
            ("features", lan_stream::STREAMS) => {
                book.faults.expect(!self.options.lan.no_version, || {
                    "stream features, though our header has no version".into()
                });
                return None;
            }
            (_, lan_stream::STREAMS) => {}
            (_, ns) => {
                book.faults
                    .expect(ns == "jabber:client", || format!("a stanza in {ns:?}"));
                let found = lan_stream::check_stanza(&stanza, &self.name, stream.peer.as_deref());
                book.faults.absorb(&stanza.name, found);
            }
        }
        if stanza.has("from").is_none() {
            stanza.set("from", stream.peer.as_deref().unwrap_or_default());
        }
        Some(LanEvent::Stanza(stanza))
    }

    /// Sends a stanza to a neighbour, over the newest stream with it, or over a new one.
    ///
    /// # Errors
    /// It cannot be reached.
    pub(crate) fn send(&mut self, to: &str, text: String, book: &mut Book) -> Result<(), String> {
        let open = self
            .streams
            .iter_mut()
            .rfind(|stream| stream.peer.as_deref() == Some(to));
        if let Some(stream) = open {
            return stream.send(text);
        }
        self.partner(to, book);
        self.open(to, book)?.send(text)
    }

    /// Opens a further stream with a neighbour.
    ///
    /// # Errors
    /// It cannot be reached.
    pub(crate) fn open(&mut self, to: &str, book: &mut Book) -> Result<&mut Stream, String> {
        let (tcp, address) = self.connect(to)?;
        let header = lan_stream::header(&self.options, &self.name, to);
        book.tally.streams_out += 1;
        let stream = self.adopt(tcp, address, true)?;
        stream.peer = Some(to.to_owned());
        stream.write(&header)?;
        Ok(stream)
    }

    fn connect(&self, to: &str) -> Result<(TcpStream, SocketAddr), String> {
        let sighting = self.seen.get(to);
        let sighting = sighting.ok_or_else(|| format!("{to} is not on the network"))?;
        let mut problem = format!("{to} announces no address");
        for address in &sighting.addresses {
            match TcpStream::connect_timeout(address, CONNECT_TIME) {
                Ok(tcp) => return Ok((tcp, *address)),
                Err(error) => problem = format!("{address}: {error}"),
            }
        }
        Err(problem)
    }

    /// Whoever spoke and is not announced by now is a fault.
    pub(crate) fn handle_timeout(&mut self, now: Instant, book: &mut Book) {
        let seen = &self.seen;
        let mut come = Vec::new();
        self.awaited.retain(|(until, name)| {
            if seen.contains_key(name) {
                come.push(name.clone());
            } else if *until <= now {
                book.faults
                    .add(format!("{name} speaks, but is not announced"));
            } else {
                return true;
            }
            false
        });
        for name in come {
            self.partner(&name, book);
        }
    }

    /// When something is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.awaited.iter().map(|(until, _)| *until).min()
    }

    /// Does to a neighbour what the flags say.
    pub(crate) fn trouble(&mut self, peer: &str, book: &mut Book) {
        let options = self.options.clone();
        if options.lan.second_stream {
            let has_one = self.streams.iter().any(|s| s.peer.as_deref() == Some(peer));
            for _ in 0..2 - u8::from(has_one) {
                if let Err(error) = self.open(peer, book) {
                    book.faults.add(format!("a second stream: {error}"));
                }
            }
        }
        let begin = |start: &dyn Fn(TcpStream), book: &mut Book| match self.connect(peer) {
            Ok((tcp, _)) => start(tcp),
            Err(error) => book.faults.add(format!("a further stream: {error}")),
        };
        if options.lan.silent_stream {
            begin(&|tcp| lan_hostile::silent(tcp, self.inputs.clone()), book);
        }
        if options.lan.endless_xml {
            let header = lan_stream::header(&options, &self.name, peer);
            let text = lan_hostile::endless(&header, &self.name, peer);
            begin(
                &|tcp| lan_hostile::pour(tcp, text.clone(), self.inputs.clone()),
                book,
            );
        }
    }

    /// Closes the streams and, unless the flags say otherwise, tells everybody.
    pub(crate) fn finish(&mut self) {
        for stream in self.streams.drain(..) {
            stream.close();
        }
        if self.options.lan.vanish_without_goodbye {
            return;
        }
        if let Ok(done) = self.daemon.shutdown() {
            let _ = done.recv_timeout(GOODBYE_TIME);
        }
    }
}

/// Passes on what multicast DNS brings.
fn watch(daemon: &ServiceDaemon, inputs: &Sender<LanInput>) -> Result<(), mdns_sd::Error> {
    let (found, told) = (daemon.browse(SERVICE)?, daemon.monitor()?);
    let sender = inputs.clone();
    thread::spawn(move || {
        while let Ok(event) = found.recv() {
            let input = match event {
                ServiceEvent::ServiceResolved(service) => LanInput::Seen(Sighting::of(&service)),
                ServiceEvent::ServiceRemoved(_, full) => LanInput::Gone(instance(&full)),
                _ => continue,
            };
            if sender.send(input).is_err() {
                return;
            }
        }
    });
    let sender = inputs.clone();
    thread::spawn(move || {
        while let Ok(event) = told.recv() {
            let input = match event {
                DaemonEvent::Announce(..) => {
                    thread::sleep(SETTLE_TIME);
                    LanInput::Announced
                }
                DaemonEvent::NameChange(change) if change.new_name.ends_with(SERVICE) => {
                    LanInput::Renamed(instance(&change.new_name))
                }
                _ => continue,
            };
            if sender.send(input).is_err() {
                return;
            }
        }
    });
    Ok(())
}
