//! baresip at its leanest, for its processor time and memory: no control port, no recording, no
//! more modules than a G.711 call needs.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use scenarios::ports::{self, LOOPBACK};
use scenarios::scratch::Scratch;
use scenarios::seconds;
use scenarios::server::Server;
use scenarios::wav::Wav;

use crate::procfs::Pid;

/// A running phone. Hangs up when dropped.
#[derive(Debug)]
pub(crate) struct Phone {
    server: Server,
    sip: SocketAddr,
}

impl Phone {
    /// One that answers at once and then plays this.
    pub(crate) fn answering(speech: &Wav) -> Self {
        Self::start(speech, None)
    }

    /// One that calls this URI at once and then plays this.
    pub(crate) fn calling(uri: &str, speech: &Wav) -> Self {
        Self::start(speech, Some(uri))
    }

    fn start(speech: &Wav, dials: Option<&str>) -> Self {
        let scratch = Scratch::new("phone");
        let sip = SocketAddr::new(LOOPBACK, ports::free_udp_and_tcp_pair());
        speech.write(&scratch.join("in.wav"));
        scratch.write("config", config(&scratch, sip));
        scratch.write(
            "accounts",
            format!("<sip:bare@{sip}>;regint=0;answermode=auto;audio_codecs=pcmu/8000/1\n"),
        );
        let folder = scratch.path().to_string_lossy().into_owned();
        let dial = dials.map(|uri| format!("/dial {uri}"));
        let mut words = vec!["baresip", "-f", &folder];
        if let Some(dial) = &dial {
            words.extend(["-e", dial.as_str()]);
        }
        let server = Server::start(scratch, &words);
        let this = Self { server, sip };
        this.wait_ready(seconds(10));
        this
    }

    /// Its log tells that it is ready: asking its SIP port would show in the figures.
    fn wait_ready(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        while !self.server.log().contains("baresip is ready") {
            let log = self.server.log();
            assert!(Instant::now() < deadline, "baresip does not start: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The URI to call it at.
    pub(crate) fn uri(&self) -> String {
        format!("sip:bare@{}", self.sip)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> Pid {
        Pid::of("baresip", &self.server.folder().to_string_lossy())
    }
}

fn config(scratch: &Scratch, sip: SocketAddr) -> String {
    let folder = scratch.path().display();
    format!(
        "net_interface {ip}\nsip_listen {sip}\npoll_method epoll\n\
         audio_source aufile,{folder}/in.wav\naudio_level no\nrtcp_mux no\n\
         rtp_ports 20000-29999\njitter_buffer_delay 1-5\n\
         module_path /usr/lib/baresip/modules\nmodule g711.so\nmodule aufile.so\n\
         module uuid.so\nmodule_tmp account.so\nmodule_app menu.so\n",
        ip = sip.ip(),
    )
}
