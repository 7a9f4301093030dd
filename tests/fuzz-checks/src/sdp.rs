//! Session descriptions: read, written, answered.

use std::net::{IpAddr, Ipv4Addr};

use ichat_sip::sdp::{self, Description, Direction, Format, Local};

/// What is read is written so that it is read as the same, and an answer fits its offer.
pub(crate) fn description(octets: &[u8]) {
    let Ok(description) = Description::parse(octets) else {
        return;
    };
    let written = description.encode();
    let again = Description::parse(&written).expect("what was written can be read");
    assert_eq!(again.encode(), written);
    assert_eq!(again.media_count(), description.media_count());
    assert_eq!(again.audio(), description.audio());
    let fallback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    assert_eq!(
        again.audio_or_at(fallback),
        description.audio_or_at(fallback)
    );
    answers(&description);
}

fn answers(offer: &Description) {
    let local = Local {
        login: "mac".to_owned(),
        session_name: "me@im.test".to_owned(),
        session_id: 1,
        version: 1,
        address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        port: 16402,
        formats: vec![Format::pcmu(), Format::pcma()],
        ssrc: 7,
        direction: Direction::SendRecv,
    };
    for answer in [
        sdp::answer(offer, &local),
        sdp::answer_in_our_order(offer, &local),
    ] {
        let Ok((octets, chosen)) = answer else {
            continue;
        };
        assert!(local.formats.iter().any(|ours| ours.is_same_codec(&chosen)));
        let answer = Description::parse(&octets).expect("an answer of ours can be read");
        assert_eq!(answer.ignored_lines(), [""; 0]);
        assert_eq!(answer.media_count(), offer.media_count());
        let audio = answer.audio().expect("an answer has audio");
        assert!(!audio.disabled);
        assert_eq!(audio.formats, [chosen]);
    }
}
