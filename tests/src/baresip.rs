//! baresip, a SIP phone that no one here wrote: driven over its control port, playing and
//! recording files.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::ports::{self, LOOPBACK};
use crate::scratch::Scratch;
use crate::server::Server;
use crate::wav::Wav;
use crate::{seconds, ulaw};

/// A running phone.
#[derive(Debug)]
pub struct Baresip {
    server: Server,
    control: TcpStream,
    said: Arc<(Mutex<Vec<Value>>, Condvar)>,
    sip: SocketAddr,
}

/// What it does when it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answering {
    /// Answers at once.
    Auto,
    /// Rings.
    Manual,
}

impl Baresip {
    /// Starts one that speaks PCMU only and plays these µ-law octets once it is connected.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(answering: Answering, plays: &[u8]) -> Self {
        let mut problem = String::new();
        for _ in 0..5 {
            let scratch = Scratch::new("baresip");
            // It takes the port beside its own for TLS, so the control port must lie elsewhere.
            let sip = SocketAddr::new(LOOPBACK, ports::free_udp_and_tcp_pair());
            let control = SocketAddr::new(LOOPBACK, ports::free_tcp());
            Wav::from_ulaw(plays).write(&scratch.join("in.wav"));
            scratch.write("config", config(&scratch, sip, control));
            let mode = match answering {
                Answering::Auto => "auto",
                Answering::Manual => "manual",
            };
            let codecs = "audio_codecs=pcmu/8000/1";
            let account = format!("<sip:bare@{sip}>;regint=0;answermode={mode};{codecs}\n");
            scratch.write("accounts", account);
            let folder = scratch.path().to_string_lossy().into_owned();
            let server = Server::start(scratch, &["baresip", "-f", &folder]);
            match connect(control, seconds(10)) {
                Ok(control) => return Self::drive(server, control, sip),
                Err(error) => problem = format!("{error}\n{}", server.log()),
            }
        }
        panic!("baresip does not start: {problem}");
    }

    fn drive(server: Server, control: TcpStream, sip: SocketAddr) -> Self {
        // Without it every command waits for a delayed acknowledgement.
        control.set_nodelay(true).expect("a socket option");
        let said = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let reader = control.try_clone().expect("a socket can be cloned");
        std::thread::spawn({
            let said = Arc::clone(&said);
            move || listen(reader, &said)
        });
        Self {
            server,
            control,
            said,
            sip,
        }
    }

    /// The URI to call it at.
    pub fn uri(&self) -> String {
        format!("sip:bare@{}", self.sip)
    }

    /// Gives a command of its menu: `dial`, `accept`, `hangup`.
    pub fn command(&mut self, name: &str, parameters: &str) {
        let text = json!({ "command": name, "params": parameters, "token": name }).to_string();
        let frame = format!("{}:{text},", text.len());
        self.control
            .write_all(frame.as_bytes())
            .expect("baresip takes commands");
    }

    /// Calls a SIP URI.
    pub fn dial(&mut self, uri: &str) {
        self.command("dial", uri);
    }

    /// Hangs up.
    pub fn hang_up(&mut self) {
        self.command("hangup", "");
    }

    /// Waits for an event such as `CALL_ESTABLISHED` or `CALL_CLOSED`.
    ///
    /// # Panics
    /// With all that it said, if it does not come in time.
    pub fn wait_for(&self, kind: &str, limit: Duration) -> Value {
        let deadline = Instant::now() + limit;
        let mut said = lock(&self.said.0);
        loop {
            if let Some(event) = said.iter().find(|event| event["type"] == kind) {
                return event.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "baresip: no {kind} within {limit:?}; it said {said:#?}\n{}",
                self.server.log()
            );
            said = self
                .said
                .1
                .wait_timeout(said, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// What it decoded in its only call so far, as µ-law octets. Its play-out buffer still
    /// holds the last packets of a call when it ends.
    ///
    /// # Panics
    /// If it recorded nothing.
    pub fn heard(&self) -> Vec<u8> {
        let wav = Wav::read(&self.recording("-dec.wav"));
        assert_eq!((wav.sample_rate_hz, wav.channels), (8000, 1));
        wav.samples.into_iter().map(ulaw::encode).collect()
    }

    fn recording(&self, end: &str) -> PathBuf {
        let entries = std::fs::read_dir(self.server.folder()).expect("its folder is there");
        entries
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.to_string_lossy().ends_with(end))
            .unwrap_or_else(|| panic!("baresip recorded nothing\n{}", self.server.log()))
    }
}

fn config(scratch: &Scratch, sip: SocketAddr, control: SocketAddr) -> String {
    let folder = scratch.path().display();
    let modules = ["/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules"]
        .into_iter()
        .find(|folder| std::path::Path::new(folder).is_dir())
        .unwrap_or("/usr/lib/baresip/modules");
    format!(
        "net_interface {ip}\nsip_listen {sip}\nctrl_tcp_listen {control}\n\
         poll_method epoll\ncall_local_timeout 120\ncall_max_calls 4\n\
         audio_source aufile,{folder}/in.wav\naudio_level no\nrtcp_mux no\n\
         rtp_ports 20000-29999\njitter_buffer_delay 1-5\nsnd_path {folder}\n\
         module_path {modules}\nmodule g711.so\nmodule aufile.so\nmodule sndfile.so\n\
         module uuid.so\nmodule_tmp account.so\nmodule_app ctrl_tcp.so\nmodule_app menu.so\n",
        ip = sip.ip(),
    )
}

fn connect(address: SocketAddr, limit: Duration) -> std::io::Result<TcpStream> {
    let deadline = Instant::now() + limit;
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => return Ok(stream),
            Err(error) if Instant::now() >= deadline => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Reads netstrings: a length, a colon, JSON, a comma.
fn listen(mut control: TcpStream, said: &(Mutex<Vec<Value>>, Condvar)) {
    let mut buffer = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(count) = control.read(&mut chunk) {
        if count == 0 {
            return;
        }
        buffer.extend(&chunk[..count]);
        while let Some(colon) = buffer.iter().position(|&octet| octet == b':') {
            let length = String::from_utf8_lossy(&buffer[..colon])
                .parse()
                .unwrap_or(0usize);
            let Some(body) = buffer.get(colon + 1..colon + 1 + length) else {
                break;
            };
            if let Ok(event) = serde_json::from_slice(body) {
                lock(&said.0).push(event);
                said.1.notify_all();
            }
            buffer.drain(..(colon + 2 + length).min(buffer.len()));
        }
    }
}

fn lock(events: &Mutex<Vec<Value>>) -> MutexGuard<'_, Vec<Value>> {
    events.lock().unwrap_or_else(PoisonError::into_inner)
}
