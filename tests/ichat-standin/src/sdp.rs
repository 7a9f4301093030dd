//! SDP as Viceroy writes it, and a strict look at the peer's
//! (`docs/protocol/sip.md`, SDP of the captured INVITE `[C]`).

use crate::checks::Findings;
use crate::options::PeerKind;
use std::net::{IpAddr, SocketAddr};

/// What our description says.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    /// Whether `a=rtcp` is written; without it RTCP is at port + 1.
    pub(crate) one_port: bool,
    pub(crate) ssrc: u32,
    /// `s=`.
    pub(crate) name: String,
    /// Viceroy writes none; a hold does.
    pub(crate) direction: Option<&'static str>,
    pub(crate) audio: bool,
    pub(crate) video: bool,
    pub(crate) aac: bool,
}

fn session(shape: &Shape, encryption: bool) -> String {
    let family = if shape.address.is_ipv6() {
        "IP6"
    } else {
        "IP4"
    };
    let (address, name) = (shape.address, &shape.name);
    let encryption = if encryption { "YES" } else { "NO" };
    format!(
        "v=0\r\no=mac 0 0 IN {family} {address}\r\ns={name}\r\nc=IN {family} {address}\r\n\
         b=AS:250\r\nt=0 0\r\na=FLS;VRA:0;RVRA:1;AS:2\r\na=hwi:17412:2:2800\r\na=multipoint:1\r\n\
         a=iChatEncryption:{encryption}\r\na=bandwidthDetection:NO\r\n"
    )
}

fn audio(shape: &Shape) -> String {
    let port = shape.port;
    let aac = if shape.aac { "105 " } else { "" };
    let mut text = format!("m=audio {port} RTP/AVP {aac}0\r\n");
    if shape.one_port {
        text.push_str(&format!("a=rtcp:{port}\r\n"));
    }
    if shape.aac {
        text.push_str("a=rtpmap:105 X-AAC_ELD/22050\r\n");
    }
    text.push_str(&format!(
        "a=rtpmap:0 PCMU/8000\r\na=rtpID:{}\r\n",
        shape.ssrc
    ));
    if let Some(direction) = shape.direction {
        text.push_str(&format!("a={direction}\r\n"));
    }
    if shape.aac {
        text.push_str("a=fmtp:AAC SamplesPerBlock 480\r\n");
    }
    text
}

fn video(shape: &Shape) -> String {
    let port = shape.port;
    format!(
        "m=video {port} RTP/AVP 123 126 34\r\na=rtcp:{port}\r\na=rtpmap:123 H264/90000\r\n\
         a=rtpmap:126 X-H264/90000\r\na=rtpmap:34 H263/90000\r\na=fmtp:34 imagesize 0\r\n\
         a=framerate:15\r\na=RTCP:AUDIO {port} VIDEO {port}\r\n\
         a=fmtp:126 imagesize 0 rules 15:320:240:320:240:15\r\n\
         a=fmtp:123 imagesize 0 rules 15:320:240:320:240:15\r\na=rtpID:{}\r\n",
        shape.ssrc ^ 0x5555_5555
    )
}

/// The offer.
pub(crate) fn offer(shape: &Shape) -> String {
    let mut text = session(shape, true);
    if shape.audio {
        text.push_str(&audio(shape));
    }
    if shape.video {
        text.push_str(&video(shape));
    }
    text
}

/// The answer to the peer's offer.
pub(crate) fn answer(shape: &Shape, offer: &Sdp) -> String {
    let mut text = session(shape, false);
    for media in &offer.media {
        if media.kind == "audio" && shape.audio {
            text.push_str(&audio(&Shape {
                aac: false,
                ..shape.clone()
            }));
        } else {
            let format = media.formats.first().map_or("0", String::as_str);
            text.push_str(&format!(
                "m={} 0 {} {format}\r\n",
                media.kind, media.protocol
            ));
        }
    }
    text
}

/// Where a Content-Length that is too short ends: after `a=rtpmap:0`, so that a call is possible.
pub(crate) fn cut(text: &str) -> usize {
    const LAST: &str = "a=rtpmap:0 PCMU/8000\r\n";
    text.find(LAST).map_or(text.len() / 2, |at| at + LAST.len())
}

/// One `m=` line with what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Media {
    pub(crate) kind: String,
    pub(crate) port: u16,
    pub(crate) protocol: String,
    pub(crate) formats: Vec<String>,
    lines: Vec<(char, String)>,
}

/// A description as lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sdp {
    session: Vec<(char, String)>,
    pub(crate) media: Vec<Media>,
}

fn value<'a>(lines: &'a [(char, String)], letter: char, prefix: &str) -> Option<&'a str> {
    lines
        .iter()
        .filter(|(known, _)| *known == letter)
        .find_map(|(_, v)| v.strip_prefix(prefix))
}

impl Sdp {
    /// Reads it.
    ///
    /// # Errors
    /// A line that is no SDP.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(body).map_err(|_| "SDP is no UTF-8".to_owned())?;
        let mut sdp = Self::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let wrong = || format!("no SDP line: {line:?}");
            let (letter, value) = line.split_once('=').ok_or_else(wrong)?;
            let mut letters = letter.chars();
            let (Some(letter), None) = (letters.next(), letters.next()) else {
                return Err(wrong());
            };
            if letter == 'm' {
                let mut words = value.split_whitespace();
                sdp.media.push(Media {
                    kind: words.next().ok_or_else(wrong)?.to_owned(),
                    port: words
                        .next()
                        .and_then(|port| port.parse().ok())
                        .ok_or_else(wrong)?,
                    protocol: words.next().ok_or_else(wrong)?.to_owned(),
                    formats: words.map(str::to_owned).collect(),
                    lines: Vec::new(),
                });
                continue;
            }
            let lines = match sdp.media.last_mut() {
                Some(media) => &mut media.lines,
                None => &mut sdp.session,
            };
            lines.push((letter, value.to_owned()));
        }
        Ok(sdp)
    }

    /// The audio line that is not switched off.
    fn audio(&self) -> Option<&Media> {
        self.media
            .iter()
            .find(|media| media.kind == "audio" && media.port != 0)
    }

    /// Where RTP and RTCP go.
    pub(crate) fn audio_addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        let audio = self.audio()?;
        let line = value(&audio.lines, 'c', "IN IP").or(value(&self.session, 'c', "IN IP"))?;
        let ip: IpAddr = line.split_whitespace().nth(1)?.parse().ok()?;
        let rtcp =
            value(&audio.lines, 'a', "rtcp:").and_then(|v| v.split(' ').next()?.parse().ok());
        let rtcp = rtcp.unwrap_or(audio.port.saturating_add(1));
        Some((SocketAddr::new(ip, audio.port), SocketAddr::new(ip, rtcp)))
    }

    /// A session attribute.
    fn attribute(&self, prefix: &str) -> Option<&str> {
        value(&self.session, 'a', prefix)
    }
}

fn check_common(body: &[u8], sdp: &Sdp, source: SocketAddr, held: bool) -> Findings {
    let mut found = Findings::default();
    let text = String::from_utf8_lossy(body);
    found.expect(text.ends_with("\r\n"), || "SDP does not end in CRLF".into());
    found.expect(
        text.matches('\n').count() == text.matches("\r\n").count(),
        || "an SDP line that does not end in CRLF".into(),
    );
    let order: String = sdp.session.iter().map(|(letter, _)| *letter).collect();
    found.expect(order.starts_with("vos") && order.contains('t'), || {
        format!("the session's lines are {order:?}: v, o, s first, and t")
    });
    let rank = |letter: char| "vosiuepcbtrzka".find(letter).unwrap_or(usize::MAX);
    let ranks: Vec<usize> = order.chars().map(rank).collect();
    found.expect(ranks.is_sorted(), || {
        format!("the session's lines are out of order: {order:?}")
    });
    found.expect(
        value(&sdp.session, 'v', "").is_some_and(|v| v == "0"),
        || "no v=0".into(),
    );
    let origin = value(&sdp.session, 'o', "").unwrap_or_default();
    found.expect(origin.split(' ').count() == 6, || {
        format!("o={origin}: not six fields")
    });
    let Some(audio) = sdp.audio() else {
        found.add("no m=audio with a port");
        return found;
    };
    found.expect(audio.protocol == "RTP/AVP", || {
        format!("{} is no RTP/AVP", audio.protocol)
    });
    found.expect(audio.formats.iter().any(|format| format == "0"), || {
        format!("payload type 0 is not in {:?}", audio.formats)
    });
    let map = value(&audio.lines, 'a', "rtpmap:0 ");
    found.expect(map.is_some_and(|map| map.starts_with("PCMU/8000")), || {
        format!("a=rtpmap:0 is {map:?} instead of PCMU/8000")
    });
    for direction in ["sendonly", "recvonly", "inactive"] {
        let there = audio.lines.iter().any(|(l, v)| *l == 'a' && v == direction);
        // Whoever is held may say so (RFC 3264 §6.1).
        let right = !there || (held && direction == "recvonly");
        found.expect(right, || format!("a={direction}"));
    }
    match sdp.audio_addresses() {
        None => found.add("no c= with a numeric address"),
        Some((rtp, rtcp)) => {
            found.expect(!rtp.ip().is_unspecified(), || format!("c= is {}", rtp.ip()));
            let explicit = value(&audio.lines, 'a', "rtcp:").is_some();
            found.expect(explicit && rtcp.port() != 0, || "no a=rtcp".into());
            found.expect(
                rtp.port() == source.port() && rtcp.port() == source.port(),
                || {
                    format!(
                        "RTP {} and RTCP {} are not on the one port {}",
                        rtp.port(),
                        rtcp.port(),
                        source.port()
                    )
                },
            );
        }
    }
    found
}

/// What is wrong with the peer's offer.
pub(crate) fn check_offer(
    body: &[u8],
    sdp: &Sdp,
    source: SocketAddr,
    kind: PeerKind,
) -> Vec<String> {
    let mut found = check_common(body, sdp, source, false);
    let audio_only = sdp.media.iter().all(|media| media.kind == "audio");
    found.expect(audio_only || kind == PeerKind::IChat, || {
        "the offer has more than audio".into()
    });
    found.0
}

/// What is wrong with the peer's answer to our offer.
pub(crate) fn check_answer(
    body: &[u8],
    sdp: &Sdp,
    source: SocketAddr,
    offered: &Sdp,
) -> Vec<String> {
    let held = offered.audio().is_some_and(|audio| {
        audio
            .lines
            .iter()
            .any(|(letter, text)| *letter == 'a' && text == "sendonly")
    });
    let mut found = check_common(body, sdp, source, held);
    let kinds = |sdp: &Sdp| -> Vec<String> { sdp.media.iter().map(|m| m.kind.clone()).collect() };
    found.expect(kinds(sdp) == kinds(offered), || {
        format!("m= lines {:?} answer {:?}", kinds(sdp), kinds(offered))
    });
    for (media, offered) in sdp.media.iter().zip(&offered.media) {
        if media.kind != "audio" {
            found.expect(media.port == 0, || {
                format!("m={} is not refused with port 0", media.kind)
            });
        }
        found.expect(media.protocol == offered.protocol, || {
            format!(
                "m={}: {} answers {}",
                media.kind, media.protocol, offered.protocol
            )
        });
        // The format of a refused line means nothing (RFC 3264 §6).
        for format in media.formats.iter().filter(|_| media.port != 0) {
            found.expect(offered.formats.contains(format), || {
                format!("m={}: format {format} was not offered", media.kind)
            });
        }
    }
    if let Some(audio) = sdp.audio() {
        found.expect(
            audio.formats.first().is_some_and(|format| format == "0"),
            || {
                format!(
                    "the answer prefers {:?}; only PCMU is spoken here",
                    audio.formats
                )
            },
        );
    }
    if offered.attribute("iChatEncryption:").is_some() {
        let answered = sdp.attribute("iChatEncryption:");
        found.expect(answered == Some("NO"), || {
            format!("a=iChatEncryption is answered with {answered:?} instead of NO")
        });
    }
    found.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Shape {
        Shape {
            address: IpAddr::from([192, 168, 20, 198]),
            port: 16402,
            one_port: true,
            ssrc: 1_261_706_994,
            name: "1021".into(),
            direction: None,
            audio: true,
            video: true,
            aac: true,
        }
    }

    fn source() -> SocketAddr {
        SocketAddr::from(([192, 168, 20, 198], 16402))
    }

    fn viceroy() -> &'static str {
        let text = include_str!("../tests/vectors/viceroy-1.4.1-invite.sip");
        text.split_once("\r\n\r\n").unwrap().1
    }

    #[test]
    fn our_offer_is_the_captured_one_but_for_the_second_ssrc() {
        let ours = offer(&shape());
        let (ours, second) = ours.rsplit_once("a=rtpID:").unwrap();
        assert!(second.ends_with("\r\n"));
        assert_eq!(ours, viceroy().rsplit_once("a=rtpID:").unwrap().0);
    }

    fn good_answer() -> String {
        "v=0\r\no=- 1 1 IN IP4 192.168.20.198\r\ns=-\r\nc=IN IP4 192.168.20.198\r\nt=0 0\r\n\
         a=iChatEncryption:NO\r\nm=audio 16402 RTP/AVP 0\r\na=rtcp:16402\r\n\
         a=rtpmap:0 PCMU/8000\r\na=sendrecv\r\nm=video 0 RTP/AVP 123\r\n"
            .into()
    }

    fn look(answer: &str) -> String {
        let offered = Sdp::parse(viceroy().as_bytes()).unwrap();
        let sdp = Sdp::parse(answer.as_bytes()).unwrap();
        check_answer(answer.as_bytes(), &sdp, source(), &offered).join("\n")
    }

    #[test]
    fn a_good_answer_passes_and_each_deviation_is_found() {
        let good = good_answer();
        assert_eq!(look(&good), "");
        for (from, to, word) in [
            ("m=video 0", "m=video 16402", "port 0"),
            ("m=video 0 RTP/AVP 123\r\n", "", "answer"),
            ("a=iChatEncryption:NO\r\n", "", "iChatEncryption"),
            ("a=rtcp:16402\r\n", "", "no a=rtcp"),
            ("m=audio 16402", "m=audio 16404", "one port"),
            (
                "m=audio 16402 RTP/AVP 0",
                "m=audio 16402 RTP/AVP 105 0",
                "prefers",
            ),
            (
                "m=audio 16402 RTP/AVP 0",
                "m=audio 16402 RTP/SAVP 0",
                "RTP/SAVP",
            ),
            (
                "m=audio 16402 RTP/AVP 0",
                "m=audio 16402 RTP/AVP 0 8",
                "8 was not offered",
            ),
            ("m=audio 16402", "m=audio 0", "no m=audio"),
            ("PCMU/8000", "PCMA/8000", "rtpmap:0"),
            ("sendrecv", "inactive", "inactive"),
            ("t=0 0\r\n", "", "v, o, s first"),
            (
                "c=IN IP4 192.168.20.198\r\nt=0 0\r\n",
                "t=0 0\r\nc=IN IP4 192.168.20.198\r\n",
                "order",
            ),
            ("c=IN IP4 192.168.20.198", "c=IN IP4 mac.local", "numeric"),
            ("c=IN IP4 192.168.20.198", "c=IN IP4 0.0.0.0", "c= is"),
            ("o=- 1 1", "o=- 1", "six"),
            (
                "m=video 0 RTP/AVP 123\r\n",
                "m=video 0 RTP/AVP 123\n",
                "CRLF",
            ),
        ] {
            let found = look(&good.replace(from, to));
            assert!(found.contains(word), "{word}: {found:?}");
        }
    }

    #[test]
    fn who_is_held_may_only_receive() {
        let held = good_answer().replace("sendrecv", "recvonly");
        assert!(look(&held).contains("recvonly"));
        let offer = offer(&Shape {
            direction: Some("sendonly"),
            ..shape()
        });
        let offered = Sdp::parse(offer.as_bytes()).unwrap();
        let sdp = Sdp::parse(held.as_bytes()).unwrap();
        assert_eq!(
            check_answer(held.as_bytes(), &sdp, source(), &offered),
            [""; 0]
        );
    }

    #[test]
    fn our_own_offers_and_answers_pass_the_checks() {
        let plain = Shape {
            video: false,
            aac: false,
            ..shape()
        };
        let text = offer(&plain);
        let sdp = Sdp::parse(text.as_bytes()).unwrap();
        assert_eq!(
            check_offer(text.as_bytes(), &sdp, source(), PeerKind::Endpoint),
            [""; 0]
        );
        let both = offer(&shape());
        let offered = Sdp::parse(both.as_bytes()).unwrap();
        let look = |kind| check_offer(both.as_bytes(), &offered, source(), kind);
        assert_eq!(look(PeerKind::Endpoint), ["the offer has more than audio"]);
        assert_eq!(look(PeerKind::IChat), [""; 0]);
        let text = answer(&shape(), &offered);
        let sdp = Sdp::parse(text.as_bytes()).unwrap();
        assert_eq!(
            check_answer(text.as_bytes(), &sdp, source(), &offered),
            [""; 0]
        );
    }

    #[test]
    fn a_cut_offer_still_has_audio_and_no_video() {
        let text = offer(&shape());
        let sdp = Sdp::parse(&text.as_bytes()[..cut(&text)]).unwrap();
        assert_eq!(sdp.media.len(), 1);
        assert!(sdp.audio_addresses().is_some());
    }

    #[test]
    fn rtcp_is_the_next_port_without_the_attribute() {
        let text = offer(&Shape {
            one_port: false,
            video: false,
            ..shape()
        });
        let (rtp, rtcp) = Sdp::parse(text.as_bytes())
            .unwrap()
            .audio_addresses()
            .unwrap();
        assert_eq!((rtp.port(), rtcp.port()), (16402, 16403));
        assert!(Sdp::parse(b"hello").is_err() && Sdp::parse(b"m=audio x RTP/AVP 0").is_err());
    }
}
