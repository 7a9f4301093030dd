//! Attributes: Apple's and the standards' own. Names compare with regard to case, since
//! `a=RTCP:AUDIO …` stands beside `a=rtcp:…` (`docs/protocol/sip.md`, SDP \[C\]).

use ichat_sip::sdp::Format;

use crate::inspect::field::Field;

/// Completes the field of an `a=` line. `media` is the kind of the `m=` line above it.
pub(super) fn explain(mut field: Field, line: &str, media: Option<&str>) -> Field {
    let (name, value) = match line.split_once(':') {
        Some((name, value)) => (name, Some(value.trim())),
        None => (line.trim(), None),
    };
    field.name = format!("a={name}");
    let mut field = match value {
        Some(value) => field.text(value),
        None => {
            field.value = None;
            field
        }
    };
    let value = value.unwrap_or_default();
    let is_video = media == Some("video");
    match name {
        "FLS;VRA" => field
            .means("unknown [?]; the name, with its semicolon, is none of RFC 8866")
            .graded("C"),
        "hwi" => hardware(field, value),
        "multipoint" => field
            .means("supposedly: takes part in conferences [I]")
            .graded("C"),
        "iChatEncryption" => encryption(field, value),
        "bandwidthDetection" => field
            .means("supposedly: tests the bandwidth, or not [I]")
            .graded("C"),
        "rtcp" => rtcp(field, value),
        "rtpmap" => rtpmap(field, value, is_video),
        "rtpID" => rtp_id(field, value),
        "fmtp" => fmtp(field, value),
        "RTCP" => field
            .means("where RTCP goes, audio and video; not a=rtcp: mind the case")
            .graded("C"),
        "framerate" => field.means("pictures a second").graded("C"),
        "sendrecv" => direction(field, "both send"),
        "sendonly" => direction(field, "only the sender of this sends: on hold"),
        "recvonly" => direction(field, "only the other sends"),
        "inactive" => direction(field, "nobody sends: on hold"),
        "ptime" => standard(field, "milliseconds of sound in a packet (RFC 8866 §6.4)"),
        "maxptime" => standard(
            field,
            "milliseconds of sound in a packet at most (RFC 8866 §6.5)",
        ),
        "rtcp-mux" => standard(field, "RTCP on RTP's port (RFC 5761)"),
        "candidate" | "ice-ufrag" | "ice-pwd" | "ice-lite" | "ice-options" => {
            standard(field, "standard ICE (RFC 8839), which iChat does not speak")
        }
        "crypto" | "fingerprint" | "setup" => standard(
            field,
            "encrypted media (RFC 4568, RFC 8122), which iChat does not speak",
        ),
        "ssrc" => standard(field, "RFC 5576"),
        _ => {
            field.grade = Some("?");
            field.note("an unknown attribute: ignored (RFC 8866 §5.13)")
        }
    }
}

/// An attribute of a standard that the captured description has not.
fn standard(field: Field, meaning: &str) -> Field {
    field.means(meaning).note("not in Viceroy's description")
}

/// The 2009 gateway sent `sendrecv`, and iChat took it.
fn direction(field: Field, meaning: &str) -> Field {
    field
        .means(meaning)
        .graded("G")
        .note("not in Viceroy's description")
}

/// `17412:2:2800`: hardware id, processors, MHz.
fn hardware(field: Field, value: &str) -> Field {
    let field = field.graded("C");
    match value.split(':').collect::<Vec<_>>().as_slice() {
        [id, processors, mhz] => field.means(format!(
            "hardware {id}, {processors} processors of {mhz} MHz"
        )),
        _ => field.note("expected hardware id, processors and MHz"),
    }
}

fn encryption(field: Field, value: &str) -> Field {
    match value {
        "YES" => field
            .means("is able to encrypt [I]: the captured call says so and is plain; we answer NO")
            .graded("C"),
        "NO" => field.means("does not encrypt; what we answer").graded("I"),
        _ => field.note("expected YES or NO").graded("?"),
    }
}

fn rtcp(field: Field, value: &str) -> Field {
    let field = field.graded("C");
    match value
        .split_whitespace()
        .next()
        .and_then(|port| port.parse::<u16>().ok())
    {
        Some(0) | None => field.note("expected a port (RFC 3605)"),
        Some(port) => field.means(format!("RTCP goes to UDP port {port}")),
    }
}

fn rtp_id(field: Field, value: &str) -> Field {
    match value.parse::<u32>() {
        Ok(id) => field
            .means(format!("the sender's SSRC [I], {id:08x} in hex"))
            .graded("C"),
        Err(_) => field
            .graded("C")
            .note("expected an unsigned number of 32 bits"),
    }
}

/// `105 X-AAC_ELD/22050`: `docs/protocol/media.md`, codecs.
fn rtpmap(field: Field, value: &str, is_video: bool) -> Field {
    let Some(format) = Format::parse_rtpmap(value) else {
        return field
            .graded("C")
            .note("expected a payload type and a codec: 0 PCMU/8000");
    };
    if is_video {
        return field.means("video, refused").graded("C");
    }
    let (what, grade) = match format.encoding.to_ascii_uppercase().as_str() {
        "PCMU" => ("G.711 µ-law: every iChat has it, the safe choice", "C, G"),
        "PCMA" => ("G.711 A-law: not iChat's", "?"),
        "GSM" => ("GSM 06.10: offered by older iChats", "G"),
        "QCELP" => ("QCELP: declined", "?"),
        "X-AAC_ELD" | "X-AAC-ELD" => ("AAC-ELD, one access unit a packet [I]", "C"),
        "X-AAC_LD" | "X-AAC-LD" => ("AAC-LD of iChat 3 and 4", "?"),
        "TELEPHONE-EVENT" => ("keys of a telephone (RFC 4733): not iChat's", "?"),
        _ => ("a codec that iChat is not known to have", "?"),
    };
    field.means(what).graded(grade)
}

/// `AAC SamplesPerBlock 480`, `126 imagesize 0 rules 15:320:240:320:240:15`.
fn fmtp(field: Field, value: &str) -> Field {
    let words: Vec<&str> = value.split_whitespace().collect();
    match words.as_slice() {
        ["AAC", "SamplesPerBlock", samples] => field
            .means(format!(
                "{samples} samples in each AAC block; `AAC` is no payload type of RFC 8866"
            ))
            .graded("C")
            .note_if(*samples != "480", "Viceroy's captured offer says 480"),
        [_, "imagesize", _] => field.means("of video; the picture's size [?]").graded("C"),
        [_, "imagesize", _, "rules", ..] => field
            .means("of video; the picture's size [?], and supposedly rates and sizes [I]")
            .graded("C"),
        [number, ..] if number.parse::<u8>().is_ok() => field
            .means(format!("parameters of payload type {number}"))
            .note("not in Viceroy's description"),
        _ => field
            .graded("?")
            .note("expected a payload type and parameters"),
    }
}
