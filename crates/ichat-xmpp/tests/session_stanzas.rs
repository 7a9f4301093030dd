//! The catalogue: every stanza that a session makes, as it is printed, and every one that it takes,
//! as it was understood.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]

mod common;

use common::*;
use ichat_xmpp::*;

const MAC: &str = "mac@im.test/iChat";
const CONTACT: &str = "<item jid='mac@im.test' subscription='both'/>";
const TOKENS: [&str; 12] = [
    "avavail", "avcap", "audio", "video", "maudio", "mvideo", "auxvideo", "ice", "recauth",
    "rdserver", "rdclient", "rdmuxing",
];

/// What came out that is a stanza, a title before it.
#[derive(Default)]
struct Catalogue(Vec<String>);

impl Catalogue {
    fn add(&mut self, title: &str, out: &str) {
        let stanzas = out.lines().filter(|line| line.starts_with('<'));
        self.0.push(format!(
            "{title}\n  {}",
            stanzas.collect::<Vec<_>>().join("\n  ")
        ));
    }

    fn print(self) -> String {
        self.0.join("\n")
    }
}

fn with(accept: AcceptPolicy, dialect: CallDialect) -> SessionConfig {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_795_380_721);
    SessionConfig {
        accept,
        tokens: dialect.advertised().tokens(),
        wall_clock: Some(WallClock {
            at: std::time::Instant::now(),
            time,
        }),
        ..config("me@im.test/pc")
    }
}

/// A contact's iChat, in a session that has said nothing yet.
fn contact() -> Table {
    let mut table = Table::online(CONTACT);
    table.available(MAC, "avavail avcap audio");
    table.drain();
    table
}

#[test]
fn made_presence_and_roster() {
    let mut made = Catalogue::default();
    for dialect in [
        CallDialect::Legacy,
        CallDialect::Conference,
        CallDialect::Auto,
    ] {
        let mut table = Table::new(with(AcceptPolicy::None, dialect));
        made.add(&format!("signing in, {dialect}"), &table.drain());
    }
    let mut table = contact();
    let push = "<iq type='set' id='push'><query xmlns='jabber:iq:roster'><item jid='x@im.test'/></query></iq>";
    made.add("the answer to a change of the roster", &table.ask(push));
    let push = push.replace("id='push'", "id='push' from='eve@im.test/x'");
    made.add("the same from somebody else", &table.ask(&push));
    table.session.set_available(false);
    made.add("in a call", &table.drain());
    table.session.set_available(true);
    made.add("free again", &table.drain());
    table.session.go_offline(table.now);
    made.add("good-bye", &table.drain());

    let mut table = Table::online("");
    let call = table.call(MAC);
    made.add("ringing a stranger's device", &table.drain());
    table.session.cancel(table.now, call);
    made.add("giving up there", &table.drain());
    table.call("mac@im.test");
    made.add("asking a stranger", &table.drain());
    let mut table = Table::online(CONTACT);
    table.call("mac@im.test");
    table.wait(5.0);
    made.add("probing a contact", &table.drain());

    let ask = "<presence type='subscribe' from='eve@im.test'/>";
    let mut table = Table::online_with(with(AcceptPolicy::All, CallDialect::Legacy), "");
    made.add("letting somebody see us", &table.ask(ask));
    let mut table = Table::online_with(with(AcceptPolicy::Ask, CallDialect::Legacy), "");
    table.feed(ask);
    let eve = BareJid::new("eve@im.test").unwrap();
    table.session.allow_subscription(table.now, &eve, false);
    made.add("not letting somebody see us", &table.drain());
    insta::assert_snapshot!(made.print());
}

#[test]
fn made_answers() {
    let mut made = Catalogue::default();
    let config = with(AcceptPolicy::None, CallDialect::Legacy);
    let noted = config.wall_clock.unwrap().at;
    let mut table = Table::online_with(config, "");
    table.now = noted;
    let disco = |node: &str| {
        format!(
            "<query xmlns='http://jabber.org/protocol/disco#info' node='apple:ichat:caps#{node}'/>"
        )
    };
    let mut questions = vec![
        "<query xmlns='http://jabber.org/protocol/disco#info'/>".to_owned(),
        disco("471"),
    ];
    questions.extend(TOKENS.map(disco));
    questions.extend(
        [
            disco("388").as_str(),
            "<query xmlns='http://jabber.org/protocol/disco#items'/>",
            "<query xmlns='jabber:iq:version'/>",
            "<ping xmlns='urn:xmpp:ping'/>",
            "<time xmlns='urn:xmpp:time'/>",
            "<query xmlns='jabber:iq:time'/>",
            "<query xmlns='jabber:iq:last'/>",
            "<vCard xmlns='vcard-temp'/>",
        ]
        .map(str::to_owned),
    );
    for question in questions {
        let asked = format!("<iq type='get' id='q' from='{MAC}'>{question}</iq>");
        made.add(&question, &table.ask(&asked));
    }
    assert!(
        table
            .try_feed(&format!("<iq type='get' id='q' from='{MAC}'/>"))
            .is_err()
    );
    made.add("a request without a payload", &table.drain());
    let long = request(MAC, "q").replace("00ff", &"0".repeat(70_000));
    assert!(table.try_feed(&long).is_err());
    made.add("a request that is too long", &table.drain());
    insta::assert_snapshot!(made.print());
}

#[test]
fn made_calls() {
    let mut made = Catalogue::default();
    for dialect in [CallDialect::Legacy, CallDialect::Conference] {
        let mut table = contact();
        let call = table.call_in(dialect, "mac@im.test");
        made.add(&format!("request, {dialect}"), &table.drain());
        table.session.cancel(table.now, call);
        made.add(&format!("cancel, {dialect}"), &table.drain());
        let ring = match dialect {
            CallDialect::Legacy | CallDialect::Auto => request(MAC, "1"),
            CallDialect::Conference => invitation(MAC, "1"),
        };
        let ours = match dialect {
            CallDialect::Legacy | CallDialect::Auto => ADDRESSES,
            CallDialect::Conference => INVITATION,
        };
        for code in [1, 2, 3, 7] {
            table.feed(&ring);
            table.drain();
            let newest = CallId(code.min(3) + 1 + u32::from(code == 7));
            table
                .session
                .refuse(table.now, newest, ResponseCode::from(code))
                .unwrap();
            made.add(&format!("response {code}, {dialect}"), &table.drain());
        }
        made.add(&format!("result, {dialect}"), &table.ask(&ring));
        table
            .session
            .accept(table.now, CallId(6), ours.to_owned())
            .unwrap();
        made.add(&format!("response 0, {dialect}"), &table.drain());
        table
            .session
            .counter_proposal(table.now, CallId(6), ours.to_owned())
            .unwrap();
        made.add(&format!("counter-proposal, {dialect}"), &table.drain());
    }
    let mut table = contact();
    let peer = Jid::new("mac@im.test").unwrap();
    let external = Some("203.0.113.7:50123".parse().unwrap());
    let minute = std::time::Duration::from_secs(60);
    table.session.call(
        table.now,
        peer,
        offer(),
        CallDialect::Legacy,
        external,
        minute,
    );
    made.add("request with a mapped address, legacy", &table.drain());
    insta::assert_snapshot!(made.print());
}

/// What a query of a call means.
fn query(stanza: &str) -> String {
    let stanza = element(stanza);
    let payload = stanza.children().next().unwrap();
    shorten(&format!("{:#?}", vc::Query::parse(payload).unwrap()))
}

fn read_query(inner: &str) -> String {
    query(&format!("<iq type='set'>{inner}</iq>"))
}

#[test]
fn taken_calls() {
    let mut taken = Vec::new();
    let captured = [
        include_str!("vectors/gateway-2009-request.xml"),
        include_str!("vectors/gateway-2009-response.xml"),
    ];
    taken.extend(captured.map(|stanza| query(stanza.trim())));
    taken.extend([
        query(&request(MAC, "1")),
        query(&request(MAC, "1").replace(">0</extSIPPort>", ">50123</extSIPPort>").replace("127.0.0.1", "203.0.113.7")),
        query(&invitation(MAC, "1")),
        query(&response(MAC, 0, "\n00ff")),
        query(&response(MAC, 0, " ")),
        query(&response(MAC, 2, "")),
        query(&response(MAC, 99, "")),
        query(&response_in("AVChatConferenceData", MAC)),
        query(&response_in("connectData", MAC)),
        query(&cancel(MAC)),
        query(&counter(MAC, "00ff")),
        read_query("<query xmlns='apple:iq:vc:counterProposal'><AVChatConferenceData>62706c6973</AVChatConferenceData></query>"),
        read_query("<query xmlns='apple:iq:vc:response'><response>no</response><responseData>x</responseData></query>"),
        read_query("<query xmlns='apple:iq:vc:conference'><AVChatConferenceData>62706c6973</AVChatConferenceData></query>"),
        read_query("<query xmlns='apple:iq:vc:conference'><x/></query>"),
    ]);
    insta::assert_snapshot!(taken.join("\n"));
}

#[test]
fn taken_presence_and_roster() {
    let roster = "<item jid='buddy@jabber.example' name='Buddy' subscription='both'/>\
        <item jid='new@im.test' subscription='none' ask='subscribe'/><item jid='from@im.test' subscription='from'/>";
    let mut table = Table::online(roster);
    let mut taken = Vec::new();
    let buddy = BareJid::new("buddy@jabber.example").unwrap();
    for line in include_str!("vectors/ichat3-presence.xml").lines() {
        table.feed(line);
        let contact = table.session.contact(&buddy).unwrap();
        taken.push(format!("{contact:#?}"));
    }
    table.feed("<presence type='unavailable' from='buddy@jabber.example/iChat'/>");
    taken.push(format!("{:#?}", table.session.contacts()));
    table.drain();
    for kind in [
        "subscribe",
        "subscribed",
        "unsubscribe",
        "unsubscribed",
        "probe",
        "error",
    ] {
        let out = table.ask(&format!("<presence type='{kind}' from='x@im.test'/>"));
        taken.push(format!("{kind}: {out}"));
    }
    table.call("x@im.test");
    table.drain();
    taken.push(table.ask("<presence type='unsubscribed' from='x@im.test'/>"));
    let push =
        "<query xmlns='jabber:iq:roster'><item jid='new@im.test' subscription='remove'/></query>";
    taken.push(table.ask(&format!("<iq type='set' id='p'>{push}</iq>")));
    insta::assert_snapshot!(taken.join("\n"));
}

#[test]
fn taken_errors_messages_and_features() {
    let mut taken = Vec::new();
    let fault = |text: &str| format!("{:#?}", StanzaFault::find(&element(text)));
    taken.push(fault(include_str!("vectors/ichat3-error.xml").trim()));
    taken.push(fault("<iq type='error'><error code='404'/></iq>"));
    taken.push(fault(
        "<iq type='error'><error code='503'>Service Unavailable</error></iq>",
    ));
    taken.push(fault("<iq type='error'/>"));

    let stanza = element(include_str!("vectors/ichat3-disco-info.xml").trim());
    let features = disco::features(stanza.children().next().unwrap());
    taken.push(format!("{features:#?}"));

    let mut table = Table::online("");
    for message in [
        "<message from='mac@im.test/iChat' type='chat'><body>hello</body></message>",
        "<message from='mac@im.test/iChat'><subject>s</subject><body>b</body></message>",
        "<message type='headline'><body>maintenance tonight</body></message>",
    ] {
        taken.push(table.ask(message));
    }
    let streams = "urn:ietf:params:xml:ns:xmpp-streams";
    for inner in [
        format!("<conflict xmlns='{streams}'/>"),
        format!("<system-shutdown xmlns='{streams}'/><text xmlns='{streams}'>see you</text>"),
    ] {
        let text = format!("<error xmlns='http://etherx.jabber.org/streams'>{inner}</error>");
        let error: Element = text.parse().unwrap();
        table.session.handle_stanza(table.now, &error).unwrap();
        taken.push(table.drain());
    }
    insta::assert_snapshot!(taken.join("\n"));
}
