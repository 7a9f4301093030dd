//! SIPp, a SIP test tool: an independent caller and callee without any media of their own.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use crate::ports::{self, LOOPBACK};
use crate::process::{Process, shell_status};
use crate::scratch::Scratch;

/// One run of SIPp for one call.
#[derive(Debug)]
pub struct Sipp {
    process: Process,
    address: SocketAddr,
    /// Keeps the folder that it writes its files to.
    _scratch: Scratch,
}

impl Sipp {
    /// A callee: 180, 200, and an answer to the BYE. It sends no media, only an SDP.
    pub fn callee() -> Self {
        Self::start("uas", &[])
    }

    /// As [`Self::callee`], with each RTP packet sent back to where it came from.
    pub fn echoing_callee() -> Self {
        Self::start("uas", &["-rtp_echo"])
    }

    /// A caller: INVITE, ACK, a pause, BYE.
    pub fn caller(to: SocketAddr, talks: Duration) -> Self {
        Self::start(
            "uac",
            &["-d", &talks.as_millis().to_string(), &to.to_string()],
        )
    }

    fn start(scenario: &str, more: &[&str]) -> Self {
        let scratch = Scratch::new("sipp");
        let address = SocketAddr::new(LOOPBACK, ports::free_udp());
        // Media: a port P for RTP and P + 2 for video.
        let media = ports::free_udp() & !1;
        let mut command = Command::new("sipp");
        command.args([
            "-sn",
            scenario,
            "-i",
            "127.0.0.1",
            "-mi",
            "127.0.0.1",
            "-nostdin",
            "-m",
            "1",
        ]);
        command.args(["-p", &address.port().to_string(), "-mp", &media.to_string()]);
        command
            .args(["-timeout", "60", "-timeout_error"])
            .args(more);
        command.current_dir(scratch.path()).env("TERM", "dumb");
        Self {
            process: Process::spawn("sipp", command),
            address,
            _scratch: scratch,
        }
    }

    /// The URI to call it at.
    pub fn uri(&self) -> String {
        format!("sip:service@{}", self.address)
    }

    /// Waits for its end; its call has to have gone as its scenario says.
    ///
    /// # Panics
    /// With what it printed, if not.
    pub fn assert_success(mut self, limit: Duration) {
        let status = shell_status(self.process.exit(limit));
        if status != 0 {
            self.process.fail(&format!(
                "status {status}: the call did not go as in its scenario"
            ));
        }
    }
}
