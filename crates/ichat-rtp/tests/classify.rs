//! The kind of every datagram of the vectors, and of any other.

use ichat_rtp::{DatagramKind, classify};
use proptest::prelude::*;

const VECTORS: &str = include_str!("vectors/datagrams.json");
const VICEROY_INVITE: &[u8] = include_bytes!("vectors/viceroy-1.4.1-invite.sip");

fn name(kind: DatagramKind) -> &'static str {
    match kind {
        DatagramKind::Keepalive => "keepalive",
        DatagramKind::Probe => "probe",
        DatagramKind::Sip => "sip",
        DatagramKind::Rtp => "rtp",
        DatagramKind::Rtcp => "rtcp",
        DatagramKind::Snatmap => "snatmap",
        DatagramKind::Stun => "stun",
        DatagramKind::Unknown => "unknown",
    }
}

#[test]
fn every_vector_is_what_its_file_says() {
    let vectors: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
    for vector in vectors.as_array().unwrap() {
        let text = vector["hex"].as_str().unwrap();
        let kind = classify(&hex::decode(text).unwrap());
        assert_eq!(name(kind), vector["kind"].as_str().unwrap(), "{text}");
    }
}

#[test]
fn the_captured_invite_is_sip_however_much_of_it_arrives() {
    assert_eq!(classify(VICEROY_INVITE), DatagramKind::Sip);
    let line = VICEROY_INVITE
        .iter()
        .position(|octet| *octet == b'\r')
        .unwrap();
    for length in line..VICEROY_INVITE.len() {
        assert_eq!(classify(&VICEROY_INVITE[..length]), DatagramKind::Sip);
    }
}

#[test]
fn text_that_names_sip_elsewhere_is_no_sip() {
    for text in [
        "SIP/2.0",
        "SIP/2.01 200 OK",
        "hello SIP/2.0 you",
        "xSIP/2.0",
        "1 a SIP/2.0",
    ] {
        assert_eq!(classify(text.as_bytes()), DatagramKind::Unknown, "{text}");
    }
}

#[test]
fn a_line_that_ends_with_a_line_feed_alone_and_lower_case_letters_are_sip() {
    for text in [
        "BYE sip:a@b SIP/2.0\nVia: x",
        "sip/2.0 200 OK\n",
        "\n\r\nACK sip:a@b SIP/2.0 \n",
    ] {
        assert_eq!(classify(text.as_bytes()), DatagramKind::Sip, "{text}");
    }
}

#[test]
fn a_few_blank_octets_keep_a_mapping_open() {
    for octets in [
        &b" "[..],
        b"\r\n",
        b"\0\0\0\0",
        b"\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n",
    ] {
        assert_eq!(classify(octets), DatagramKind::Keepalive, "{octets:?}");
    }
}

#[test]
fn payload_types_that_look_like_rtcp_are_rtcp() {
    for (second, kind) in [
        (191, DatagramKind::Rtp),
        (192, DatagramKind::Rtcp),
        (223, DatagramKind::Rtcp),
        (224, DatagramKind::Rtp),
    ] {
        let octets = [&[0x80, second][..], &[0; 10]].concat();
        assert_eq!(classify(&octets), kind, "{second}");
    }
}

#[test]
fn datagrams_too_short_for_their_kind_are_unknown() {
    for octets in [
        &[0x80; 11][..],
        &[0x80, 200, 0, 0, 0, 0, 0],
        &[0, 1, 0, 0],
        &[1; 15],
    ] {
        assert_eq!(classify(octets), DatagramKind::Unknown, "{octets:?}");
    }
}

proptest! {
    #[test]
    fn any_datagram_has_a_kind(octets in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = classify(&octets);
    }

    #[test]
    fn any_payload_behind_an_rtp_header_is_rtp(
        second in prop_oneof![0_u8..192, 224_u8..],
        payload in prop::collection::vec(any::<u8>(), 10..200),
    ) {
        let octets = [&[0x80, second][..], &payload].concat();
        prop_assert_eq!(classify(&octets), DatagramKind::Rtp);
    }
}
