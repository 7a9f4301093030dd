use super::*;
use crate::Dialect;
use proptest::prelude::*;

fn read(pairs: &[(&str, &str)]) -> LanPresence {
    LanPresence::from_txt(pairs.iter().map(|(key, value)| (*key, value.as_bytes())))
}

fn ours() -> LanPresence {
    LanPresence {
        first: Some("Ada".to_owned()),
        last: Some("Byron".to_owned()),
        availability: LanAvailability::Away,
        message: Some("at lunch".to_owned()),
        caps: Some(Caps {
            node: CapsNode::IChat,
            version: "448".to_owned(),
            tokens: Dialect::Legacy.tokens(),
        }),
        vc: Some(VcLetters::audio(false)),
        port: Some(LAN_PORT),
        ..LanPresence::default()
    }
}

#[test]
fn our_record_has_the_keys_of_ichats() {
    let lines: Vec<String> = ours()
        .to_txt()
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    txtvers=1
    port.p2pj=5298
    status=away
    vc=A!
    node=apple:ichat:caps
    ver=448
    ext=avavail avcap audio
    1st=Ada
    last=Byron
    msg=at lunch
    ");
}

#[test]
fn the_example_of_the_standard_is_read() {
    let presence = read(&[
        ("txtvers", "1"),
        ("1st", "Juliet"),
        ("email", "juliet@capulet.lit"),
        ("last", "Capulet"),
        ("msg", "Hanging out downtown"),
        ("nick", "JuliC"),
        ("phsh", "a3839614e1a382bcfebbcf20464f519e81770813"),
        ("port.p2pj", "5562"),
        ("status", "avail"),
        ("vc", "CA!"),
    ]);
    assert_eq!(presence.display_name().unwrap(), "Juliet Capulet");
    assert_eq!(presence.availability, LanAvailability::Available);
    assert_eq!((presence.port, presence.caps.clone()), (Some(5562), None));
    assert_eq!(presence.other.len(), 1);
    assert!(presence.is_callable());
}

#[test]
fn empty_values_as_ichat_sends_them_are_none() {
    let presence = read(&[
        ("last", ""),
        ("ext", ""),
        ("node", ""),
        ("vc", ""),
        ("port.p2pj", "0"),
    ]);
    assert_eq!(presence, LanPresence::default());
    assert_eq!(presence.display_name(), None);
}

#[test]
fn a_neighbour_in_a_call_or_without_a_microphone_is_not_callable() {
    assert!(!read(&[("vc", "A")]).is_callable());
    assert!(!read(&[("vc", "!")]).is_callable());
    assert!(!read(&[("ext", "avcap audio")]).is_callable());
    assert!(read(&[("ext", "audio avavail")]).is_callable());
    assert!(VcLetters::audio(false).is_free() && !VcLetters::audio(true).is_free());
}

#[test]
fn keys_in_any_case_count_once() {
    let presence = read(&[("1ST", "a"), ("1st", "b"), ("Status", "DND"), ("", "x")]);
    assert_eq!(presence.first.as_deref(), Some("a"));
    assert_eq!(presence.availability, LanAvailability::DoNotDisturb);
    assert!(presence.other.is_empty());
}

#[test]
fn what_would_harm_a_terminal_is_replaced() {
    let hostile: &[u8] = b"\x1b[2Jhi\nthere\xff\xe2\x80\xae";
    let presence = LanPresence::from_txt([("msg", hostile)].into_iter());
    assert_eq!(
        presence.message.as_deref(),
        Some("\u{fffd}[2Jhi there\u{fffd}\u{fffd}")
    );
}

#[test]
fn of_a_flood_of_keys_and_octets_little_is_kept() {
    let keys: Vec<String> = (0..10_000).map(|number| format!("k{number}")).collect();
    let value = vec![b'x'; 100_000];
    let presence = LanPresence::from_txt(keys.iter().map(|key| (key.as_str(), &value[..])));
    assert_eq!(presence.other.len(), KEY_LIMIT);
    assert!(
        presence
            .other
            .iter()
            .all(|(_, value)| value.len() == VALUE_LIMIT)
    );
    let long = LanPresence::from_txt([("msg", &value[..])].into_iter());
    assert_eq!(long.message.unwrap().len(), VALUE_LIMIT);
}

#[test]
fn what_is_needed_stays_when_a_record_is_full() {
    let mut presence = ours();
    presence.message = Some("ü".repeat(400));
    for number in 0..20 {
        presence.other.push((format!("k{number}"), vec![b'x'; 200]));
    }
    let record = presence.to_txt();
    let message = &record.iter().find(|(key, _)| key == "msg").unwrap().1;
    assert_eq!(message.len(), 250, "251 would cut a character in two");
    assert!(record.len() > 10 && record.len() < 30, "{}", record.len());
}

proptest! {
    #[test]
    fn every_record_is_within_its_limits_and_is_read_as_it_was_written(
        names in prop::collection::vec("\\PC{0,300}", 5),
        keys in prop::collection::vec(("[ -~]{0,20}", prop::collection::vec(any::<u8>(), 0..300)), 0..20),
        port in any::<Option<u16>>(),
    ) {
        let name = |at: usize| Some(text::safe(names[at].as_bytes())).filter(|name| !name.is_empty());
        let presence = LanPresence {
            first: name(0), last: name(1), nick: name(2), email: name(3), message: name(4),
            port, other: keys, ..LanPresence::default()
        };
        let record = presence.to_txt();
        let octets: usize = record.iter().map(|(key, value)| key.len() + value.len() + 2).sum();
        prop_assert!(octets <= RECORD_LIMIT);
        prop_assert!(record.iter().all(|(key, value)| key.len() + value.len() < STRING_LIMIT));
        prop_assert_eq!(&record[0], &("txtvers".to_owned(), "1".to_owned()));
        let read = read(&record.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>());
        if octets < 800 && names.iter().all(|name| name.len() < 200) {
            prop_assert_eq!(read.first, presence.first);
            prop_assert_eq!(read.message, presence.message);
        }
    }

    #[test]
    fn nothing_that_is_announced_breaks_the_reader(
        pairs in prop::collection::vec((".{0,20}", prop::collection::vec(any::<u8>(), 0..300)), 0..80),
    ) {
        let presence = LanPresence::from_txt(pairs.iter().map(|(key, value)| (key.as_str(), &value[..])));
        let _ = (presence.is_callable(), presence.display_name(), presence.to_txt());
    }
}
