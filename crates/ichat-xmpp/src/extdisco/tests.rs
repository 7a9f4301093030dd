use super::*;

/// As Prosody 0.12 answers with its `turn_external`.
const PROSODY: &str = "<services xmlns='urn:xmpp:extdisco:2'>\
    <service host='127.0.0.1' port='13478' type='stun' transport='udp'/>\
    <service type='turn' restricted='1' port='13478' username='1795467121' transport='udp' \
    expires='2026-11-23T20:52:01Z' password='GIXTnoV3qxRmpx/eRX5oK37HjKo=' host='127.0.0.1'/>\
    </services>";

fn read(xml: &str) -> Vec<ExternalService> {
    services(&xml.parse().unwrap())
}

fn one(attributes: &str) -> Option<ExternalService> {
    let mut all = read(&format!(
        "<services xmlns='urn:xmpp:extdisco:1'><service {attributes}/></services>"
    ));
    assert!(all.len() < 2);
    all.pop()
}

#[test]
fn a_servers_answer_is_read_and_its_password_never_printed() {
    // Each system prints a time in its own way.
    let timeless = |service| ExternalService {
        expires: None,
        ..service
    };
    let all: Vec<ExternalService> = read(PROSODY).into_iter().map(timeless).collect();
    insta::assert_debug_snapshot!(all);
    let turn = &read(PROSODY)[1];
    let (username, password) = turn.credentials(UNIX_EPOCH).unwrap();
    assert_eq!(
        (username, password),
        ("1795467121", "GIXTnoV3qxRmpx/eRX5oK37HjKo=")
    );
    assert!(!format!("{turn:?}").contains(password));
}

#[test]
fn credentials_hold_until_they_expire() {
    let turn = &read(PROSODY)[1];
    let expires = UNIX_EPOCH + Duration::from_secs(1_795_467_121);
    assert_eq!(turn.expires, Some(expires));
    assert!(turn.credentials(expires - Duration::from_secs(1)).is_some());
    assert!(turn.credentials(expires).is_none());
    assert!(!turn.lacks_credentials());
    let forever = one("type='turn' host='h' username='u' password='p'").unwrap();
    assert!(forever.credentials(expires).is_some());
    for (text, seconds) in [
        ("2026-11-23T21:52:01.5+01:00", Some(1_795_467_121)),
        ("1969-07-21T02:56:15Z", Some(0)),
        ("soon", None),
    ] {
        let service = one(&format!("type='turn' host='h' expires='{text}'")).unwrap();
        let expected = seconds.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(service.expires, expected, "{text}");
    }
}

#[test]
fn both_versions_are_asked_and_read() {
    let questions = [Version::Two, Version::One].map(|version| String::from(&query(version)));
    insta::assert_snapshot!(questions.join("\n"));
    let restricted = one("type='turn' host='relay.example.org' restricted='true'").unwrap();
    assert!(restricted.lacks_credentials());
    assert!(restricted.credentials(UNIX_EPOCH).is_none());
    let question = credentials_query(Version::Two, &restricted);
    insta::assert_snapshot!(String::from(&question));
    let answer = read(
        "<credentials xmlns='urn:xmpp:extdisco:2'><service type='turn' host='Relay.example.org' \
         username='u' password='p'/></credentials>",
    );
    assert!(answer[0].is_same(&restricted) && !answer[0].lacks_credentials());
}

#[test]
fn what_a_server_does_not_say_has_its_usual_value() {
    for (attributes, expected) in [
        ("type='stun' host='h'", "stun h 3478 udp"),
        ("type='turns' host='h'", "turns h 5349 tcp"),
        (
            "type='turn' host='[2001:db8::1]' port='80' transport='tcp'",
            "turn 2001:db8::1 80 tcp",
        ),
        ("type='ftp' host='h' port='21'", "ftp h 21 tcp"),
        (
            "type='turn' host='h' transport='sctp' port=''",
            "turn h 3478 sctp",
        ),
    ] {
        let service = one(attributes).unwrap();
        let (kind, transport) = (service.kind.as_str(), service.transport.as_str());
        let found = format!("{kind} {} {} {transport}", service.host, service.port);
        assert_eq!(found, expected);
    }
}

#[test]
fn what_cannot_be_used_is_left_out() {
    let long = format!(
        "type='turn' host='h' username='{}'",
        "x".repeat(TEXT_LIMIT + 1)
    );
    for attributes in [
        "",
        "type='turn'",
        "type='turn' host=''",
        "type='turn' host='a b'",
        "type='turn' host='h/x'",
        "type='turn' host='[]'",
        "host='h'",
        "type='turn' host='h' port='0'",
        "type='turn' host='h' port='65536'",
        "type='turn' host='h' port='many'",
        "type='ftp' host='h'",
        "type='turn' host='h' action='delete'",
        "type='turn' host='h' action='remove'",
        &long,
    ] {
        assert_eq!(one(attributes), None, "{attributes}");
    }
    let service = "<service type='stun' host='h'/>";
    let many = service.repeat(SERVICE_LIMIT + 1);
    let all = read(&format!(
        "<services xmlns='urn:xmpp:extdisco:2'><x/>{many}</services>"
    ));
    assert_eq!(all.len(), SERVICE_LIMIT);
    assert!(read(&format!("<services xmlns='urn:other'>{service}</services>")).is_empty());
}
