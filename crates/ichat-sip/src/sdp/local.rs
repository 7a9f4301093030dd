//! Our own description, and the plain offer that iChat is known to take: docs/protocol/sip.md,
//! toward an iChat \[G\].

use std::net::IpAddr;

use sdp_types::{Attribute, Connection, Media, Origin, Session, Time};

use super::{audio::Direction, format::Format};

/// One packet holds this much sound, in milliseconds.
const PTIME_MS: &str = "20";

/// Our side of a call's audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// `o=`'s user name; spaces are left out, `-` where nothing is left.
    pub login: String,
    /// `s=`; iChat's is its IM id. `-` where it is blank.
    pub session_name: String,
    /// `o=`'s session id, the same for the whole call.
    pub session_id: u64,
    /// `o=`'s version, one more in each offer or answer that differs.
    pub version: u64,
    /// Where we take RTP and RTCP.
    pub address: IpAddr,
    /// The one port for both.
    pub port: u16,
    /// What we speak, the best first.
    pub formats: Vec<Format>,
    /// The SSRC we send with; an answer to a Viceroy says it in `a=rtpID`.
    pub ssrc: u32,
    /// What we want; `sendrecv` but on hold.
    pub direction: Direction,
}

/// A plain offer: one `m=audio` with all our formats, `a=rtcp` for our one port, no Apple
/// attribute, no video.
pub fn offer(local: &Local) -> Vec<u8> {
    let mut session = local.session();
    session
        .medias
        .push(local.audio("RTP/AVP", &local.formats, local.direction));
    encode(&session)
}

impl Local {
    /// Everything before the first `m=` line.
    pub(super) fn session(&self) -> Session {
        let mut origin = Origin::with_ip_addr(self.session_id, self.version, self.address);
        let login: String = self
            .login
            .chars()
            .filter(|c| !c.is_whitespace() && !c.is_control())
            .collect();
        if !login.is_empty() {
            origin.set_username(login);
        }
        let name = self.session_name.trim();
        let mut session = Session::new(origin, if name.is_empty() { "-" } else { name });
        session.connection = Some(Connection::from_ip_addr(self.address));
        session.times.push(Time::new(0, 0));
        session
    }

    /// Our `m=audio` and its lines.
    pub(super) fn audio(&self, proto: &str, formats: &[Format], direction: Direction) -> Media {
        let numbers: Vec<_> = formats
            .iter()
            .map(|format| format.payload_type.to_string())
            .collect();
        let mut audio = media("audio", self.port, proto, &numbers.join(" "));
        let mut attribute = |name: &str, value: Option<&str>| {
            audio.attributes.push(match value {
                Some(value) => Attribute::with_value(name, value),
                None => Attribute::new(name),
            });
        };
        attribute("rtcp", Some(&self.port.to_string()));
        for format in formats {
            attribute("rtpmap", Some(&format.to_string()));
        }
        attribute("ptime", Some(PTIME_MS));
        attribute(direction.as_str(), None);
        audio
    }
}

/// An `m=` line of any kind without further lines.
pub(super) fn media(kind: &str, port: u16, proto: &str, fmt: &str) -> Media {
    Media {
        media: kind.to_owned(),
        port,
        num_ports: None,
        proto: proto.to_owned(),
        fmt: fmt.to_owned(),
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: Vec::new(),
    }
}

pub(super) fn encode(session: &Session) -> Vec<u8> {
    let mut out = Vec::new();
    // Writing to a vector cannot fail.
    let _ = session.write(&mut out);
    out
}
