use super::*;
use proptest::prelude::*;

fn element(xml: &str) -> Element {
    xml.parse().unwrap()
}

fn enabled() -> Management {
    Management::new(&element(
        "<enabled xmlns='urn:xmpp:sm:3' id='t1' resume='true' max='300'/>",
    ))
}

fn message(number: u32) -> Element {
    element(&format!(
        "<message xmlns='jabber:client' id='{number}'><body>x</body></message>"
    ))
}

fn ids(stanzas: &VecDeque<Element>) -> Vec<&str> {
    stanzas
        .iter()
        .filter_map(|stanza| stanza.attr("id"))
        .collect()
}

fn said(management: &mut Management) -> Vec<String> {
    std::iter::from_fn(|| management.poll_output())
        .map(|element| String::from(&element))
        .collect()
}

fn ack(h: u32) -> Element {
    element(&format!("<a xmlns='urn:xmpp:sm:3' h='{h}'/>"))
}

const REQUEST: &str = "<r xmlns=\"urn:xmpp:sm:3\"/>";

#[test]
fn a_server_is_asked_once_until_it_answers() {
    let mut management = enabled();
    management.request();
    assert_eq!(
        said(&mut management),
        [""; 0],
        "there is nothing to ask about"
    );
    management.handle_sent(message(1));
    management.request();
    management.handle_sent(message(2));
    management.request();
    assert_eq!(said(&mut management).len(), 1);
    assert_eq!(management.handle_arrival(&ack(1)), Ok(Heard::Ours));
    management.request();
    assert_eq!(said(&mut management).len(), 1, "the second is still open");
    assert_eq!(management.handle_arrival(&ack(2)), Ok(Heard::Ours));
    management.request();
    assert_eq!(said(&mut management), [""; 0]);
    assert!(management.into_unacknowledged(None).is_empty());
}

#[test]
fn what_comes_is_counted_if_it_is_a_stanza_and_told_when_asked() {
    let mut management = enabled();
    for xml in [
        "<message xmlns='jabber:client'/>",
        "<iq xmlns='jabber:client' type='get' id='1'/>",
        "<presence xmlns='jabber:client'/>",
        "<message xmlns='urn:other'/>",
        "<other xmlns='jabber:client'/>",
    ] {
        assert_eq!(management.handle_arrival(&element(xml)), Ok(Heard::Stanza));
    }
    management.handle_passed_over();
    let request = element(REQUEST);
    assert_eq!(management.handle_arrival(&request), Ok(Heard::Ours));
    let answer = management.poll_output().unwrap();
    assert!(answer.is("a", SM));
    assert_eq!(answer.attr("h"), Some("4"));
    assert_eq!(management.acknowledgement().attr("h"), Some("4"));
}

#[test]
fn a_resumed_session_sends_again_what_the_server_has_not_got_and_counts_it_once() {
    let mut management = enabled();
    for number in 1..=4 {
        management.handle_sent(message(number));
    }
    management.request();
    management.handle_arrival(&message(9)).unwrap();
    let resume = management.resume().unwrap();
    assert_eq!(resume.attr("previd"), Some("t1"));
    assert_eq!(resume.attr("h"), Some("1"));

    let resumed = element("<resumed xmlns='urn:xmpp:sm:3' previd='t1' h='2'/>");
    let again = management.handle_resumed(&resumed).unwrap();
    assert_eq!(ids(&again), ["3", "4"]);
    assert_eq!(said(&mut management), [""; 0], "the old question is void");
    for stanza in again {
        management.handle_sent(stanza);
    }
    management.request();
    assert_eq!(said(&mut management).len(), 1);
    assert_eq!(management.handle_arrival(&ack(4)), Ok(Heard::Ours));
    assert!(management.into_unacknowledged(None).is_empty());
}

#[test]
fn a_second_drop_in_the_middle_of_sending_again_loses_nothing() {
    let mut management = enabled();
    (1..=3).for_each(|number| management.handle_sent(message(number)));
    let resumed = |h| {
        element(&format!(
            "<resumed xmlns='urn:xmpp:sm:3' previd='t1' h='{h}'/>"
        ))
    };
    let mut again = management.handle_resumed(&resumed(1)).unwrap();
    management.handle_sent(again.pop_front().unwrap());
    let behind = management.handle_resumed(&resumed(1)).unwrap();
    assert_eq!((ids(&behind), ids(&again)), (vec!["2"], vec!["3"]));
}

#[test]
fn what_a_failed_resumption_acknowledges_is_not_sent_again() {
    for (xml, left) in [
        ("<failed xmlns='urn:xmpp:sm:3' h='2'/>", vec!["3"]),
        ("<failed xmlns='urn:xmpp:sm:3'/>", vec!["1", "2", "3"]),
        (
            "<failed xmlns='urn:xmpp:sm:3' h='77'/>",
            vec!["1", "2", "3"],
        ),
    ] {
        let mut management = enabled();
        (1..=3).for_each(|number| management.handle_sent(message(number)));
        let failed = element(xml);
        assert_eq!(ids(&management.into_unacknowledged(Some(&failed))), left);
    }
}

#[test]
fn more_than_was_sent_and_less_than_before_are_errors() {
    let mut management = enabled();
    (1..=3).for_each(|number| management.handle_sent(message(number)));
    assert_eq!(management.handle_arrival(&ack(4)), Err(Miscounted));
    assert_eq!(management.handle_arrival(&ack(2)), Ok(Heard::Ours));
    assert_eq!(management.handle_arrival(&ack(2)), Ok(Heard::Ours));
    assert_eq!(management.handle_arrival(&ack(1)), Err(Miscounted));
    let resumed = element("<resumed xmlns='urn:xmpp:sm:3' previd='t1' h='9'/>");
    assert!(management.handle_resumed(&resumed).is_err());
}

#[test]
fn counters_go_round() {
    let mut management = enabled();
    management.acknowledged = u32::MAX - 1;
    management.handled = u32::MAX;
    (1..=4).for_each(|number| management.handle_sent(message(number)));
    assert_eq!(management.handle_arrival(&ack(1)), Ok(Heard::Ours));
    assert_eq!(ids(&management.unacknowledged), ["4"]);
    management.handle_passed_over();
    assert_eq!(management.acknowledgement().attr("h"), Some("0"));
}

#[test]
fn a_session_that_the_server_does_not_keep_is_not_resumed() {
    for xml in [
        "<enabled xmlns='urn:xmpp:sm:3'/>",
        "<enabled xmlns='urn:xmpp:sm:3' id='t1'/>",
        "<enabled xmlns='urn:xmpp:sm:3' resume='true'/>",
        "<enabled xmlns='urn:xmpp:sm:3' id='t1' resume='false'/>",
    ] {
        let management = Management::new(&element(xml));
        assert!(management.resume().is_none(), "{xml}");
    }
}

#[test]
fn a_server_that_never_acknowledges_costs_no_more_than_so_much_memory() {
    let mut management = enabled();
    for number in 0..5000 {
        management.handle_sent(message(number));
        management.request();
    }
    assert_eq!(said(&mut management).len(), 1);
    assert!(management.resume().is_none(), "something was forgotten");
    assert_eq!(management.unacknowledged.len(), UNACKNOWLEDGED_LIMIT);
    // It may wake up yet.
    assert_eq!(management.handle_arrival(&ack(10)), Ok(Heard::Ours));
    assert_eq!(management.handle_arrival(&ack(5001)), Err(Miscounted));
    assert_eq!(management.handle_arrival(&ack(4999)), Ok(Heard::Ours));
    assert_eq!(management.unacknowledged.len(), 1);
}

#[test]
fn nonsense_for_a_number_says_nothing() {
    let mut management = enabled();
    management.handle_sent(message(1));
    for h in ["", "-1", "many", "4294967296"] {
        let xml = format!("<a xmlns='urn:xmpp:sm:3' h='{h}'/>");
        assert_eq!(management.handle_arrival(&element(&xml)), Ok(Heard::Ours));
    }
    assert_eq!(management.unacknowledged.len(), 1);
}

/// What may happen to a session.
#[derive(Debug, Clone)]
enum Step {
    Send,
    /// So many of what is on the way arrive, and the server acknowledges.
    Deliver(usize),
    /// The stream breaks; so many of what is on the way still arrive.
    Break(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Send),
        1 => (0_usize..6).prop_map(Step::Deliver),
        1 => (0_usize..6).prop_map(Step::Break),
    ]
}

proptest! {
    /// Whatever breaks when: a server that counts gets each stanza once, in order.
    #[test]
    fn every_stanza_arrives_once_and_in_order(
        steps in proptest::collection::vec(step(), 0..120),
        start in prop_oneof![Just(0_u32), Just(u32::MAX - 5)],
    ) {
        let mut ours = enabled();
        ours.acknowledged = start;
        let (mut got, mut wire) = (Vec::new(), VecDeque::new());
        let count = |got: &Vec<String>| start.wrapping_add(u32::try_from(got.len()).unwrap());
        let mut next = 0;
        for step in steps.into_iter().chain([Step::Break(0), Step::Deliver(1000)]) {
            let arriving = match step {
                Step::Send => {
                    next += 1;
                    ours.handle_sent(message(next));
                    wire.push_back(next.to_string());
                    0
                }
                Step::Deliver(many) | Step::Break(many) => many.min(wire.len()),
            };
            got.extend(wire.drain(..arriving));
            match step {
                Step::Send => {}
                Step::Deliver(_) => {
                    prop_assert_eq!(ours.handle_arrival(&ack(count(&got))), Ok(Heard::Ours));
                }
                Step::Break(_) => {
                    let h = count(&got);
                    let resumed = format!("<resumed xmlns='urn:xmpp:sm:3' previd='t1' h='{h}'/>");
                    wire.clear();
                    for stanza in ours.handle_resumed(&element(&resumed)).unwrap() {
                        wire.push_back(stanza.attr("id").unwrap().to_owned());
                        ours.handle_sent(stanza);
                    }
                }
            }
        }
        let expected: Vec<_> = (1..=next).map(|number| number.to_string()).collect();
        prop_assert_eq!(got, expected);
        prop_assert!(ours.unacknowledged.is_empty());
    }
}
