//! Whom we ring without seeing them: strangers, and contacts that are not there. And what servers ask
//! about us.

use std::path::Path;
use std::time::{Duration, Instant};

use scenarios::ejabberd::Ejabberd;
use scenarios::ichat_call::{self, text};
use scenarios::prosody::{Prosody, Security};
use scenarios::xmpp::{Client, attribute, has};
use scenarios::{SOON, seconds};

use crate::sites::{Site, at_each_server};
use crate::stanzas::{is_vc, response};

at_each_server!(
    a_stranger_sees_us_while_we_ring_it_and_no_longer,
    a_contact_that_is_not_there_is_probed_and_then_given_up,
    the_server_asks_what_we_can_do_and_is_answered,
);

/// The stanzas of a trace in this direction, `->` or `<-`.
fn traced(file: &Path, arrow: &str) -> Vec<String> {
    let trace = std::fs::read_to_string(file).unwrap_or_default();
    let arrow = format!(" {arrow} ");
    let stanzas = trace.lines().filter_map(|line| line.split_once(&arrow));
    stanzas.map(|(_, stanza)| stanza.to_owned()).collect()
}

fn a_stranger_sees_us_while_we_ring_it_and_no_longer(site: Site) {
    let [ours, mac] = site.strangers(["amy", "mac"]);
    let mut mac = Client::sign_in_callable(&mac, "iChat");
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .set_file("--trace", "trace.xml")
        .spawn();
    let jid = text(&we.wait_for("online", SOON), "jid").to_owned();
    // A presence to itself comes as well, and to nobody else's account.
    let is_ours = |stanza: &str| has(stanza, "from", &jid);
    let first = mac.wait("anything of ours", is_ours);
    assert!(first.starts_with("<presence"), "{first}");
    assert!(has(&first, "to", &mac.jid), "to this device alone: {first}");
    assert!(first.contains("avavail"), "{first}");
    let second = mac.wait("anything more of ours", is_ours);
    assert!(is_vc(&second, "request"), "{second}");
    mac.send(&response(&jid, "a1", 1, &[]));
    let gone = mac.wait("our leave", |stanza| {
        is_ours(stanza) && stanza.starts_with("<presence")
    });
    assert!(has(&gone, "type", "unavailable"), "{gone}");
    let we = we.finish(seconds(10));
    we.assert_reason("declined");
    // The server tells it, too, when the stream ends: we did so ourselves, before.
    let sent = traced(&we.path("trace.xml"), "->");
    let at = |what: &dyn Fn(&str) -> bool| {
        let place = sent.iter().position(|stanza| what(stanza));
        place.unwrap_or_else(|| panic!("{}", sent.join("\n")))
    };
    let directed = |stanza: &str| stanza.starts_with("<presence") && has(stanza, "to", &mac.jid);
    let shown = at(&|stanza| directed(stanza) && stanza.contains("avavail"));
    let rang = at(&|stanza| is_vc(stanza, "request"));
    let left = at(&|stanza| directed(stanza) && has(stanza, "type", "unavailable"));
    assert!(shown < rang && rang < left, "{}", sent.join("\n"));
}

fn a_contact_that_is_not_there_is_probed_and_then_given_up(site: Site) {
    let [ours, mac] = site.friends(["amy", "mac"]);
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .set_file("--trace", "trace.xml")
        .spawn();
    let we = we.finish(seconds(30));
    we.assert_reason("not-callable").assert_no("ringing");
    let at = |event: &str| we.last(event)["t"].as_f64().expect("events have a time");
    let took = at("warning") - at("online");
    assert_eq!(we.last("warning")["code"], "not-callable");
    assert!((6.9..12.0).contains(&took), "{took}\n{}", we.transcript);
    let sent = traced(&we.path("trace.xml"), "->");
    let is_probe = |stanza: &&String| {
        stanza.starts_with("<presence")
            && has(stanza, "type", "probe")
            && has(stanza, "to", &mac.jid)
    };
    assert_eq!(
        sent.iter().filter(is_probe).count(),
        1,
        "{}",
        sent.join("\n")
    );
}

/// Prosody asks for our own account, ejabberd as it would another server's.
fn the_server_asks_what_we_can_do_and_is_answered(site: Site) {
    // The one that is shared keeps what it once was told.
    let mut own = None;
    let ours = match site {
        Site::Prosody => Prosody::shared().account("amy"),
        Site::Ejabberd => own.insert(Ejabberd::own()).account(Security::Plain, "amy"),
    };
    let we = ichat_call::answer()
        .account(&ours)
        .flag("--auto")
        .set_file("--trace", "trace.xml")
        .spawn();
    let jid = text(&we.wait_for("online", SOON), "jid").to_owned();
    let trace = we.path("trace.xml");
    let asked = |stanza: &str| {
        let from = attribute(stanza, "from");
        stanza.starts_with("<iq")
            && has(stanza, "type", "get")
            && stanza.contains("http://jabber.org/protocol/disco#info")
            && from.is_none_or(|from| [&ours.jid, &jid].contains(&&from))
    };
    let deadline = Instant::now() + SOON;
    let (questions, answers) = loop {
        let questions: Vec<String> = traced(&trace, "<-");
        let questions: Vec<String> = questions.into_iter().filter(|it| asked(it)).collect();
        let sent = traced(&trace, "->");
        let answers: Vec<Option<&String>> = questions
            .iter()
            .map(|question| {
                let id = attribute(question, "id").expect("an IQ has an id");
                sent.iter()
                    .find(|stanza| stanza.starts_with("<iq") && has(stanza, "id", &id))
            })
            .collect();
        if !questions.is_empty() && answers.iter().all(Option::is_some) {
            let answers: Vec<String> = answers.into_iter().flatten().cloned().collect();
            break (questions, answers);
        }
        assert!(
            Instant::now() < deadline,
            "{}",
            std::fs::read_to_string(&trace).unwrap_or_default()
        );
        // A file tells nobody that it has grown.
        std::thread::sleep(Duration::from_millis(20));
    };
    for (question, answer) in questions.iter().zip(&answers) {
        let query = question.split("<query").nth(1).unwrap_or_default();
        let node = attribute(&format!("<query{query}"), "node").expect("it asks for a node");
        assert!(node.starts_with("apple:ichat:caps#"), "{question}");
        assert!(has(answer, "type", "result"), "{question}\n{answer}");
        assert!(answer.contains(&node), "{question}\n{answer}");
        assert!(
            answer.contains("category='client'") && answer.contains("<feature"),
            "{answer}"
        );
        let from = attribute(question, "from");
        match site {
            Site::Prosody => assert!(from.is_none_or(|from| from == ours.jid), "{question}"),
            Site::Ejabberd => assert_eq!(from, Some(jid.clone()), "{question}"),
        }
    }
    we.process().interrupt();
    we.finish(seconds(5)).assert_status(0).assert_no_error();
}
