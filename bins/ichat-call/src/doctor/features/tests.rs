use super::super::check::Verdict;
use super::*;

const US: &str = "amy@im.test/desk";

fn answers() -> Answers {
    Answers::new(&FullJid::new(US).unwrap())
}

fn stanza(xml: &str) -> Element {
    let with_namespace = xml.replacen("<iq", "<iq xmlns='jabber:client'", 1);
    with_namespace.parse().unwrap()
}

/// What is said to this, in XML without the namespace.
fn said(answers: &mut Answers, xml: &str) -> Vec<String> {
    let said = answers.take(&stanza(xml));
    let texts = said.iter().map(String::from);
    texts
        .map(|text| text.replacen(" xmlns='jabber:client'", "", 1))
        .collect()
}

#[test]
fn a_server_that_knows_only_the_older_form_is_asked_in_that() {
    let mut answers = answers();
    let refused = "<iq type='error' id='doctor-services-2'><error type='cancel'>\
                   <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";
    let asked = said(&mut answers, refused);
    assert_eq!(asked.len(), 1);
    assert!(asked[0].contains("urn:xmpp:extdisco:1") && asked[0].contains("to='im.test'"));
    assert!(answers.listed.is_none());
    let listed = "<iq type='result' id='doctor-services-1'><services xmlns='urn:xmpp:extdisco:1'>\
                  <service type='stun' host='stun.im.test'/></services></iq>";
    assert!(said(&mut answers, listed).is_empty());
    let check = answers.relays(None);
    assert_eq!(check.verdict, Verdict::Ok);
    assert!(
        check.message.contains("stun:stun.im.test:3478 (udp)"),
        "{}",
        check.message
    );
    assert_eq!(check.details["version"], "urn:xmpp:extdisco:1");

    // One that knows neither is no worse a server for calls.
    let again = refused.replace("services-2", "services-1");
    assert!(said(&mut answers, &again).is_empty());
    assert_eq!(answers.relays(None).verdict, Verdict::Ok);
}

#[test]
fn credentials_that_a_relay_wants_are_asked_for_and_never_told() {
    let mut answers = answers();
    let listed = "<iq type='result' id='doctor-services-2'><services xmlns='urn:xmpp:extdisco:2'>\
                  <service type='turn' host='turn.im.test' restricted='1'/>\
                  <service type='stun' host='turn.im.test'/></services></iq>";
    let asked = said(&mut answers, listed);
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(
        asked[0].contains("<credentials xmlns='urn:xmpp:extdisco:2'>"),
        "{asked:?}"
    );
    assert!(!answers.is_complete());
    let given = "<iq type='result' id='doctor-credentials-0'>\
                 <credentials xmlns='urn:xmpp:extdisco:2'><service type='turn' host='turn.im.test' \
                 username='amy' password='hush-hush' restricted='1'/></credentials></iq>";
    assert!(said(&mut answers, given).is_empty());
    assert_eq!(answers.awaited, 0);
    let credentials = answers.services[0].credentials(SystemTime::now());
    assert_eq!(credentials, Some(("amy", "hush-hush")));
    let check = answers.relays(None);
    assert!(
        check
            .message
            .contains("turn:turn.im.test:3478 (udp, with credentials)")
    );
    assert!(!format!("{check:?}").contains("hush-hush"));
}

#[test]
fn our_own_question_has_to_come_to_us_and_our_answer_back() {
    let verdict = |answers: &Answers| answers.loop_to_ourselves(None).verdict;
    let mut answers = answers();
    assert_eq!(verdict(&answers), Verdict::Warning);
    let asked =
        format!("<iq type='get' id='doctor-own' from='{US}'><ping xmlns='urn:xmpp:ping'/></iq>");
    let stranger = asked.replace("desk", "other");
    assert!(said(&mut answers, &stranger).is_empty());
    assert_eq!(said(&mut answers, &asked).len(), 1);
    let back = format!("<iq type='result' id='doctor-own' from='{US}'/>");
    assert!(said(&mut answers, &back).is_empty());
    assert_eq!(verdict(&answers), Verdict::Ok);

    // The server answers in our place.
    let mut answers = self::answers();
    said(&mut answers, &back);
    assert_eq!(verdict(&answers), Verdict::Warning);
}

#[test]
fn contacts_are_counted_and_a_server_without_a_list_is_a_problem() {
    let mut answers = answers();
    assert_eq!(answers.contact_list(None).verdict, Verdict::Problem);
    said(
        &mut answers,
        "<iq type='result' id='doctor-roster'><query xmlns='jabber:iq:roster'><item jid='a@b'/>\
         <item jid='c@d'/></query></iq>",
    );
    assert_eq!(answers.contact_list(None).details["contacts"], 2);
    said(
        &mut answers,
        "<iq type='error' id='doctor-roster'><error/></iq>",
    );
    let check = answers.contact_list(None);
    assert_eq!(check.verdict, Verdict::Problem);
    assert!(
        check.message.contains("no reason given"),
        "{}",
        check.message
    );
}
