//! What a description says about its audio.

use std::net::{IpAddr, SocketAddr};

use sdp_types::{Attribute, Media};

use super::{
    description::{Description, is_usable, values},
    format::Format,
};

/// Who sends (RFC 8866 §6.7), seen from the description's author.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both.
    #[default]
    SendRecv,
    /// The author only.
    SendOnly,
    /// The other only.
    RecvOnly,
    /// Nobody.
    Inactive,
}

impl Direction {
    /// The attribute's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// Whether the author sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the author receives.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// From whether the author sends and receives.
    pub fn of(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// What may be answered to an offer of `self` by one who wants `wanted` (RFC 3264 §6.1).
    #[must_use]
    pub fn answered(self, wanted: Self) -> Self {
        Self::of(
            wanted.sends() && self.receives(),
            wanted.receives() && self.sends(),
        )
    }
}

/// The audio of a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audio {
    /// Where RTP goes: the `m=` line's port at the `c=` line's address.
    pub rtp: SocketAddr,
    /// Where RTCP goes, where `a=rtcp` or `a=rtcp-mux` says it (RFC 3605, RFC 5761).
    pub rtcp: Option<SocketAddr>,
    /// The codecs in the author's order; payload types without a meaning are left out.
    pub formats: Vec<Format>,
    /// Who sends. An address of zeros means "do not send to me", as hold was written before
    /// RFC 3264.
    pub direction: Direction,
    /// How much sound a packet should hold, in milliseconds.
    pub ptime_ms: Option<u32>,
    /// `a=rtpID`, Viceroy's SSRC (docs/protocol/sip.md, SDP \[C; meaning I\]).
    pub rtp_id: Option<u32>,
    /// Refused: port 0, or a profile other than RTP/AVP.
    pub disabled: bool,
}

impl Description {
    /// The first usable `m=audio` with a numeric address, from its own `c=`, the session's, or
    /// `o=`. `None` where there is none.
    pub fn audio(&self) -> Option<Audio> {
        let (_, media) = self.audio_line()?;
        Some(self.view(media, self.address(media)?))
    }

    /// The same where the description may name a host instead of an address: the peer's SIP
    /// address serves then.
    pub fn audio_or_at(&self, fallback: IpAddr) -> Option<Audio> {
        let (_, media) = self.audio_line()?;
        Some(self.view(media, self.address(media).unwrap_or(fallback)))
    }

    fn address(&self, media: &Media) -> Option<IpAddr> {
        let connections = media.connections.iter().chain(&self.session.connection);
        connections
            .map(|connection| connection.connection_address.as_str())
            .chain(
                [self.session.origin.unicast_address.as_str()]
                    .into_iter()
                    .filter(|_| {
                        // Where there is no o= line the parser makes one up.
                        self.session.origin.unicast_address != "0.0.0.0"
                    }),
            )
            .find_map(address_of)
    }

    fn view(&self, media: &Media, address: IpAddr) -> Audio {
        let attribute = |name| values(&media.attributes, name);
        let rtp = SocketAddr::new(address, media.port);
        Audio {
            rtp,
            rtcp: attribute("rtcp")
                .find_map(|value| rtcp(value, address))
                .or_else(|| attribute("rtcp-mux").next().map(|_| rtp)),
            formats: formats(media),
            direction: self.direction(media),
            ptime_ms: attribute("ptime").find_map(|value| value.parse().ok()),
            rtp_id: attribute("rtpID").find_map(|value| value.parse().ok()),
            disabled: !is_usable(media),
        }
    }

    /// The line's own attribute, else the session's, else `sendrecv` (RFC 8866 §6.7).
    pub(super) fn direction(&self, media: &Media) -> Direction {
        use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
        let named = |attributes: &[Attribute]| {
            let all = [SendRecv, SendOnly, RecvOnly, Inactive];
            all.into_iter()
                .find(|direction| values(attributes, direction.as_str()).next().is_some())
        };
        let said = named(&media.attributes).or_else(|| named(&self.session.attributes));
        let said = said.unwrap_or_default();
        let held = self
            .address(media)
            .is_some_and(|address| address.is_unspecified());
        if held {
            Direction::of(said.sends(), false)
        } else {
            said
        }
    }
}

/// An address without its scope and its multicast suffix.
fn address_of(text: &str) -> Option<IpAddr> {
    text.split(['/', '%']).next()?.trim().parse().ok()
}

/// The formats of an `m=` line with their meanings.
pub(super) fn formats(media: &Media) -> Vec<Format> {
    let maps: Vec<Format> = values(&media.attributes, "rtpmap")
        .filter_map(Format::parse_rtpmap)
        .collect();
    let mut formats: Vec<Format> = Vec::new();
    for number in media
        .fmt
        .split_whitespace()
        .filter_map(|word| word.parse::<u8>().ok())
    {
        let mapped = maps
            .iter()
            .find(|format| format.payload_type == number)
            .cloned();
        let known = formats.iter().any(|format| format.payload_type == number);
        if let Some(format) = mapped.or_else(|| Format::of_static(number))
            && !known
        {
            formats.push(format);
        }
    }
    formats
}

/// `16402` or `16402 IN IP4 192.0.2.1` (RFC 3605 §2.1).
fn rtcp(value: &str, address: IpAddr) -> Option<SocketAddr> {
    let mut words = value.split_whitespace();
    let port = words.next()?.parse().ok().filter(|port| *port != 0)?;
    Some(SocketAddr::new(
        words.nth(2).and_then(address_of).unwrap_or(address),
        port,
    ))
}
