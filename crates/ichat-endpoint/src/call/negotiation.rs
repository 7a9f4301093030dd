//! What two session descriptions make of the media: codec, addresses, hold.

use std::net::SocketAddr;

use ichat_audio::CodecName;
use ichat_sip::Route;
use ichat_sip::sdp::{Audio, Direction, Format, Local};

use crate::media::MediaPlan;
use crate::sources::{Sources, is_private};

/// The codec's line in a session description.
#[must_use]
pub(crate) fn format_of(codec: CodecName) -> Format {
    Format {
        payload_type: codec.payload_type(),
        encoding: codec.encoding().into(),
        clock_rate_hz: 8000,
        channels: 1,
    }
}

/// The codec that speaks a format of RFC 3551's static types or of their names.
#[must_use]
pub(crate) fn codec_of(format: &Format) -> Option<CodecName> {
    if format.clock_rate_hz != 8000 {
        return None;
    }
    CodecName::ALL
        .into_iter()
        .find(|codec| codec.encoding().eq_ignore_ascii_case(&format.encoding))
}

/// What we offer: the preferred codecs, or the one that every iChat speaks
/// (docs/protocol/sip.md, toward an iChat \[G\]).
#[must_use]
pub(crate) fn offered_formats(preferred: &[CodecName]) -> Vec<Format> {
    if preferred.is_empty() {
        return vec![format_of(CodecName::Pcmu)];
    }
    preferred.iter().copied().map(format_of).collect()
}

/// What we can answer with: the preferred codecs, then all that we have.
#[must_use]
pub(crate) fn answerable_formats(preferred: &[CodecName]) -> Vec<Format> {
    let mut codecs = preferred.to_vec();
    codecs.extend(
        CodecName::ALL
            .into_iter()
            .filter(|codec| !preferred.contains(codec)),
    );
    codecs.into_iter().map(format_of).collect()
}

/// Our side of a description, sent from `route.local`.
#[must_use]
pub(crate) fn local_description(
    login: &str,
    name: &str,
    route: Route,
    formats: Vec<Format>,
    ssrc: u32,
    version: u64,
) -> Local {
    Local {
        login: login.into(),
        session_name: name.into(),
        session_id: u64::from(ssrc),
        version,
        address: route.local.ip(),
        port: route.local.port(),
        formats,
        ssrc,
        direction: Direction::SendRecv,
    }
}

/// Where the peer's media lives, as far as its description and the way of its SIP tell.
///
/// Described addresses are taken at their word, but for a private one behind a public source:
/// then a NAT is between, and the way that SIP took is the one that is known to work.
#[must_use]
pub(crate) fn media_addresses(audio: &Audio, sip: Route) -> (SocketAddr, SocketAddr) {
    let one_port = audio.rtcp.is_some_and(|rtcp| rtcp == audio.rtp);
    let described = audio.rtp;
    let translated = is_private(described.ip()) && !is_private(sip.remote.ip());
    let foreign_family = described.is_ipv4() != sip.local.is_ipv4();
    let rtp = if described.ip().is_unspecified() || translated || foreign_family {
        if one_port {
            sip.remote
        } else {
            SocketAddr::new(sip.remote.ip(), described.port())
        }
    } else {
        described
    };
    let rtcp = match audio.rtcp {
        Some(rtcp) if one_port || rtcp.port() == described.port() => rtp,
        Some(rtcp) if rtcp.ip() == described.ip() => SocketAddr::new(rtp.ip(), rtcp.port()),
        Some(rtcp) => rtcp,
        None if rtp.port() == sip.remote.port() => rtp,
        None => SocketAddr::new(rtp.ip(), rtp.port().wrapping_add(1)),
    };
    (rtp, rtcp)
}

/// The plan that follows from the format that was agreed on, from the peer's description, and from
/// the way that the INVITE, or its answer, came.
///
/// Without checks the source of that is heard. With them only what they prove is, or what the peer
/// lists: see [`Sources::settle`].
#[must_use]
pub(crate) fn plan(
    format: Format,
    audio: &Audio,
    sip: Route,
    mut sources: Sources,
) -> Option<MediaPlan> {
    let codec = codec_of(&format)?;
    let (rtp, rtcp) = if sources.are_checked() {
        (sip.remote, sip.remote)
    } else {
        media_addresses(audio, sip)
    };
    sources.settle(sip);
    sources.describe(audio.rtp);
    sources.describe(rtp);
    sources.describe(rtcp);
    sources.note_translation(sip.remote, audio.rtp.ip());
    if audio.rtcp.is_none() {
        sources.allow_next_port_for_rtcp();
    }
    Some(MediaPlan {
        format,
        codec,
        rtp: Route {
            local: sip.local,
            remote: rtp,
        },
        rtcp,
        sources,
    })
}

/// Whether the peer holds: it says that it will not receive.
#[must_use]
pub(crate) fn is_held(audio: &Audio) -> bool {
    audio.rtp.ip().is_unspecified()
        || match audio.direction {
            Direction::SendRecv | Direction::RecvOnly => false,
            Direction::SendOnly | Direction::Inactive => true,
        }
}
