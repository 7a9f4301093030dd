use super::world::{JID, Meets, World, element, message, new, uncounted, unreachable};
use super::*;
use crate::client::stream_error::StreamFault;
use tokio::time::Instant;

/// Lets the session work until this happens; tells what happens on the way.
async fn until(session: &mut Persistent, wanted: &str) -> Vec<String> {
    let mut happened = Vec::new();
    loop {
        let happening = name(&session.recv().await);
        let found = happening == wanted;
        happened.push(happening);
        if found {
            return happened;
        }
        assert!(happened.len() < 100, "{happened:?}");
    }
}

fn name(happening: &Happening) -> String {
    match happening {
        Happening::Stanza(stanza) => {
            format!(
                "{} {}",
                stanza.name(),
                stanza.attr("id").unwrap_or_default()
            )
        }
        Happening::Lost { .. } => "lost".into(),
        Happening::Resumed => "resumed".into(),
        Happening::Reconnected { jid } => format!("reconnected {jid}"),
        Happening::GaveUp(_) => "gave up".into(),
    }
}

/// Works for some time; nothing may happen.
async fn quiet(session: &mut Persistent, time: Duration) {
    if let Ok(happening) = timeout(time, session.recv()).await {
        panic!("{happening:?}");
    }
}

const REQUEST: &str = "<iq xmlns='jabber:client' type='get' id='q' to='im.test'/>";
const SOON: Duration = Duration::from_millis(50);

#[tokio::test(start_paused = true)]
async fn a_lost_stream_is_resumed_and_what_the_server_has_not_got_is_sent_once_more() {
    let (mut session, mut peer, mut world) = World::begin(vec![new(), Meets::Resumed(2)]).await;
    for id in ["1", "2", "3"] {
        session.send(message(id)).unwrap();
    }
    quiet(&mut session, SOON).await;
    assert_eq!(
        peer.hear_all(4).await,
        ["message 1", "message 2", "message 3", "r"]
    );
    peer.say("<a xmlns='urn:xmpp:sm:3' h='1'/>").await;
    peer.say("<message xmlns='jabber:client' id='theirs'/>")
        .await;
    assert_eq!(name(&session.recv().await), "message theirs");
    let begun = Instant::now();
    drop(peer);
    assert_eq!(name(&session.recv().await), "lost");
    session.send(element(REQUEST)).unwrap();
    session.send(message("4")).unwrap();
    assert_eq!(name(&session.recv().await), "resumed");
    assert!(begun.elapsed() < SOON, "at once");
    assert_eq!(session.jid().to_string(), JID);

    let mut peer = world.peer().await;
    quiet(&mut session, SOON).await;
    assert_eq!(
        peer.hear_all(4).await,
        ["message 3", "iq q", "message 4", "r"]
    );
    peer.say("<a xmlns='urn:xmpp:sm:3' h='5'/>").await;
    quiet(&mut session, SOON).await;

    let tries = world.tries.lock().unwrap().clone();
    assert_eq!(tries.len(), 2);
    let resume = tries[1].wish.resume.as_ref().unwrap();
    assert_eq!(
        (resume.attr("previd"), resume.attr("h")),
        (Some("t1"), Some("1"))
    );
    assert!(tries[0].wish.resume.is_none() && !tries[0].wish.again);
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_address_is_gone_is_left_at_once_and_the_session_goes_on() {
    let (mut session, peer, mut world) = World::begin(vec![new(), Meets::Resumed(0)]).await;
    let begun = Instant::now();
    session.note_move();
    let Happening::Lost { error, resumable } = session.recv().await else {
        panic!()
    };
    assert!(matches!(error, StreamError::Moved) && resumable, "{error}");
    session.send(message("1")).unwrap();
    assert_eq!(name(&session.recv().await), "resumed");
    assert!(begun.elapsed() < SOON, "at once");
    drop(peer);
    let mut peer = world.peer().await;
    quiet(&mut session, SOON).await;
    assert_eq!(peer.hear().await, "message 1");
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_the_next_try_tries_at_once_from_another_address() {
    let (mut session, peer, mut world) =
        World::begin(vec![new(), unreachable(), unreachable(), new()]).await;
    drop(peer);
    assert_eq!(name(&session.recv().await), "lost");
    // The first two tries come at once and after a second; the third would after two.
    quiet(&mut session, Duration::from_millis(1500)).await;
    let before = Instant::now();
    session.note_move();
    assert_eq!(name(&session.recv().await), format!("reconnected {JID}"));
    assert!(before.elapsed() < SOON, "at once");
    world.peer().await;
}

#[tokio::test(start_paused = true)]
async fn where_resumption_fails_another_session_begins_and_only_chat_goes_over() {
    let failed = Meets::Failed("<failed xmlns='urn:xmpp:sm:3' h='1'/>");
    let (mut session, peer, mut world) = World::begin(vec![new(), failed]).await;
    session.send(message("had")).unwrap();
    session.send(element(REQUEST)).unwrap();
    session.send(message("lost")).unwrap();
    quiet(&mut session, SOON).await;
    drop(peer);
    assert_eq!(name(&session.recv().await), "lost");
    session
        .send(element("<presence xmlns='jabber:client'/>"))
        .unwrap();
    session.send(message("late")).unwrap();
    assert_eq!(name(&session.recv().await), "reconnected me@im.test/other");
    assert_eq!(session.jid().to_string(), "me@im.test/other");
    session.send(element(REQUEST)).unwrap();
    let mut peer = world.peer().await;
    quiet(&mut session, SOON).await;
    assert_eq!(
        peer.hear_all(4).await,
        ["message lost", "message late", "iq q", "r"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_made_for_the_session_before_goes_out_only_if_it_still_means_something() {
    let (mut session, peer, mut world) = World::begin(vec![uncounted(), uncounted()]).await;
    drop(peer);
    until(&mut session, &format!("reconnected {JID}")).await;
    session.send_of_last(element(REQUEST)).unwrap();
    session.send_of_last(message("chat")).unwrap();
    session.send(element(REQUEST)).unwrap();
    let mut peer = world.peer().await;
    quiet(&mut session, SOON).await;
    assert_eq!(peer.hear_all(2).await, ["message chat", "iq q"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_without_stream_management_is_signed_in_to_anew() {
    let (mut session, mut peer, mut world) = World::begin(vec![uncounted(), uncounted()]).await;
    session.send(message("1")).unwrap();
    quiet(&mut session, SOON).await;
    assert_eq!(peer.hear().await, "message 1");
    drop(peer);
    let lost = session.recv().await;
    assert!(
        matches!(
            lost,
            Happening::Lost {
                resumable: false,
                ..
            }
        ),
        "{lost:?}"
    );
    session.send(message("2")).unwrap();
    assert_eq!(name(&session.recv().await), format!("reconnected {JID}"));
    let mut peer = world.peer().await;
    quiet(&mut session, SOON).await;
    assert_eq!(peer.hear().await, "message 2");
    let tries = world.tries.lock().unwrap().clone();
    assert!(tries[1].wish.resume.is_none());
    assert_eq!(tries[1].wish.resource.as_deref(), Some("desk"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_is_tried_ever_more_seldom_and_found_when_it_returns() {
    let away = (0..9).map(|_| unreachable());
    let meets = [new()].into_iter().chain(away).chain([Meets::Resumed(0)]);
    let (mut session, peer, world) = World::begin(meets.collect()).await;
    let begun = Instant::now();
    drop(peer);
    assert_eq!(until(&mut session, "resumed").await, ["lost", "resumed"]);
    let waits = world.waits();
    let expected = [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0];
    assert_eq!(waits.len(), expected.len());
    for (wait, expected) in waits.iter().zip(expected) {
        assert!(
            *wait >= expected * 0.75 - 0.01 && *wait <= expected * 1.25 + 0.01,
            "{waits:?}"
        );
    }
    assert!(begun.elapsed() < Duration::from_secs(310));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_again_at_once_is_no_reason_to_hurry() {
    let meets = (0..8).map(|_| new()).collect();
    let (mut session, mut peer, mut world) = World::begin(meets).await;
    for _ in 0..6 {
        drop(peer);
        until(&mut session, &format!("reconnected {JID}")).await;
        peer = world.peer().await;
    }
    assert!(world.waits()[5] >= 12.0, "{:?}", world.waits());
    // One that has stood is.
    quiet(&mut session, Duration::from_secs(24)).await;
    peer.say("<message xmlns='jabber:client' id='1'/>").await;
    until(&mut session, "message 1").await;
    quiet(&mut session, Duration::from_secs(10)).await;
    let begun = Instant::now();
    drop(peer);
    until(&mut session, &format!("reconnected {JID}")).await;
    assert!(begun.elapsed() < SOON);
}

#[tokio::test(start_paused = true)]
async fn whoever_lost_the_resource_to_another_program_does_not_fight_for_it() {
    for condition in ["conflict", "policy-violation", "not-authorized"] {
        let (mut session, peer, world) = World::begin(vec![new(), new()]).await;
        peer.fail(condition).await;
        let Happening::GaveUp(gave_up) = session.recv().await else {
            panic!("{condition}")
        };
        assert_eq!(gave_up.is_conflict(), condition == "conflict");
        assert!(gave_up.to_string().contains(condition), "{gave_up}");
        assert_eq!(gave_up.code(), "server-unreachable");
        assert!(!session.is_online());
        sleep(Duration::from_secs(1000)).await;
        assert_eq!(name(&session.recv().await), "gave up");
        assert_eq!(world.tries.lock().unwrap().len(), 1, "{condition}");
        session.close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_seen_though_we_were_sending_at_the_time() {
    // So little goes through that our stanza is still on its way.
    let (mut session, mut peer, world) = World::begin_with(vec![new(), new()], 200).await;
    let mut large = message("1");
    large.append_text("x".repeat(4000));
    session.send(large).unwrap();
    let conflict = "<error xmlns='http://etherx.jabber.org/streams'>\
                    <conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></error>";
    let hanging_up = async {
        peer.say(conflict).await;
        drop(peer);
    };
    let (happening, ()) = tokio::join!(session.recv(), hanging_up);
    assert_eq!(name(&happening), "gave up", "{happening:?}");
    assert_eq!(world.tries.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_password_that_is_no_longer_right_is_not_tried_twice() {
    let rejected = Meets::Error(ConnectError::Rejected {
        jid: "me@im.test".into(),
        condition: "not-authorized".into(),
        text: None,
    });
    let (mut session, peer, world) = World::begin(vec![new(), unreachable(), rejected]).await;
    drop(peer);
    assert_eq!(until(&mut session, "gave up").await, ["lost", "gave up"]);
    sleep(Duration::from_secs(1000)).await;
    let Happening::GaveUp(GaveUp::Stream(_)) = session.recv().await else {
        panic!()
    };
    assert_eq!(world.tries.lock().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_acknowledge_is_dead_after_a_quarter_of_a_minute() {
    let (mut session, mut peer, _world) = World::begin(vec![new(), new()]).await;
    session.send(message("1")).unwrap();
    let begun = Instant::now();
    let Happening::Lost { error, .. } = session.recv().await else {
        panic!()
    };
    assert!(matches!(error, StreamError::Silent(_)), "{error}");
    assert_eq!(begun.elapsed().as_secs(), 15);
    assert_eq!(peer.hear_all(2).await, ["message 1", "r"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_counts_nothing_is_asked_by_a_ping_when_an_answer_is_late() {
    let (mut session, mut peer, _world) = World::begin(vec![uncounted(), uncounted()]).await;
    session.send(message("1")).unwrap();
    let begun = Instant::now();
    let Happening::Lost { error, .. } = session.recv().await else {
        panic!()
    };
    let text = error.to_string();
    assert!(text.contains("no sign of life for 25 s"), "{text}");
    assert_eq!(begun.elapsed().as_secs(), 25);
    assert_eq!(peer.hear_all(2).await, ["message 1", "iq keep-alive-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_asked_and_lives_if_it_answers() {
    let (mut session, mut peer, _world) = World::begin(vec![new(), new()]).await;
    let mut last = Instant::now();
    for _ in 0..5 {
        let answering = async {
            assert_eq!(peer.hear().await, "r");
            assert_eq!(last.elapsed().as_secs(), 25);
            last = Instant::now();
            peer.say("<a xmlns='urn:xmpp:sm:3' h='0'/>").await;
        };
        let working = timeout(Duration::from_secs(26), session.recv());
        let (worked, ()) = tokio::join!(working, answering);
        assert!(worked.is_err(), "{worked:?}");
    }
    assert_eq!(name(&session.recv().await), "lost");
    assert_eq!(last.elapsed().as_secs(), 40);
}

#[tokio::test(start_paused = true)]
async fn the_server_learns_how_many_of_its_stanzas_we_have() {
    let (mut session, mut peer, _world) = World::begin(vec![new()]).await;
    for id in ["1", "2"] {
        peer.say(&format!("<message xmlns='jabber:client' id='{id}'/>"))
            .await;
        until(&mut session, &format!("message {id}")).await;
    }
    peer.say("<r xmlns='urn:xmpp:sm:3'/>").await;
    quiet(&mut session, SOON).await;
    assert_eq!(peer.hear().await, "a 2");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_begun_anew_when_receiving_is_given_up_early() {
    let slow = Meets::Slow(Duration::from_secs(7), Box::new(Meets::Resumed(0)));
    let (mut session, peer, mut world) = World::begin(vec![new(), slow]).await;
    session.send(message("1")).unwrap();
    quiet(&mut session, SOON).await;
    drop(peer);
    let mut happened = Vec::new();
    while happened.len() < 2 {
        let patience = Duration::from_millis(300);
        if let Ok(happening) = timeout(patience, session.recv()).await {
            happened.push(name(&happening));
        }
    }
    assert_eq!(happened, ["lost", "resumed"]);
    assert_eq!(world.tries.lock().unwrap().len(), 2);
    let mut peer = world.peer().await;
    quiet(&mut session, SOON).await;
    assert_eq!(peer.hear_all(2).await, ["message 1", "r"]);
}

#[tokio::test(start_paused = true)]
async fn who_closes_sends_what_waits_and_says_what_it_has() {
    let (mut session, mut peer, _world) = World::begin(vec![new()]).await;
    peer.say("<message xmlns='jabber:client' id='1'/>").await;
    until(&mut session, "message 1").await;
    session
        .send(element(
            "<presence xmlns='jabber:client' type='unavailable'/>",
        ))
        .unwrap();
    let begun = Instant::now();
    let ((), heard) = tokio::join!(session.close(), peer.hear_all(4));
    assert_eq!(heard, ["presence", "r", "a 1", "footer"]);
    assert_eq!(begun.elapsed().as_secs(), 2, "the server said nothing");
}

#[tokio::test(start_paused = true)]
async fn who_has_no_stream_closes_at_once() {
    let (mut session, peer, _world) = World::begin(vec![new()]).await;
    drop(peer);
    assert_eq!(name(&session.recv().await), "lost");
    quiet(&mut session, Duration::from_secs(10)).await;
    let begun = Instant::now();
    session.close().await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_reads_nothing_is_given_up() {
    let (mut session, _peer, _world) = World::begin_with(vec![uncounted()], 256).await;
    let mut large = message("1");
    large.append_text("x".repeat(10_000));
    session.send(large).unwrap();
    let begun = Instant::now();
    let Happening::Lost { error, .. } = session.recv().await else {
        panic!()
    };
    assert!(matches!(error, StreamError::Stuck(_)), "{error}");
    assert_eq!(begun.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_miscounts_gets_another_session() {
    let (mut session, mut peer, world) = World::begin(vec![new(), new()]).await;
    session.send(message("1")).unwrap();
    quiet(&mut session, SOON).await;
    peer.say("<a xmlns='urn:xmpp:sm:3' h='7'/>").await;
    let Happening::Lost { error, .. } = session.recv().await else {
        panic!()
    };
    assert!(matches!(error, StreamError::Miscounted), "{error}");
    until(&mut session, &format!("reconnected {JID}")).await;
    assert!(world.tries.lock().unwrap()[1].wish.resume.is_none());

    // The same when it resumes.
    let (mut session, peer, world) = World::begin(vec![new(), Meets::Resumed(9), new()]).await;
    drop(peer);
    let happened = until(&mut session, &format!("reconnected {JID}")).await;
    assert_eq!(happened.len(), 2, "{happened:?}");
    assert!(world.tries.lock().unwrap()[2].wish.resume.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stanza_that_the_server_cannot_bear_is_not_sent_again_and_again() {
    let (mut session, mut peer, mut world) = World::begin(vec![new(), new()]).await;
    session.send(message("bad")).unwrap();
    quiet(&mut session, SOON).await;
    assert_eq!(peer.hear().await, "message bad");
    peer.fail("not-well-formed").await;
    until(&mut session, &format!("reconnected {JID}")).await;
    session.send(message("good")).unwrap();
    let mut peer = world.peer().await;
    quiet(&mut session, SOON).await;
    assert_eq!(peer.hear().await, "message good");
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_resumption_breaks_the_stream_is_let_go() {
    let broken = || {
        Meets::Error(ConnectError::Lost {
            stage: Stage::Binding,
            source: None,
        })
    };
    let (mut session, peer, mut world) = World::begin(vec![new(), broken(), new()]).await;
    session.send(message("1")).unwrap();
    quiet(&mut session, SOON).await;
    drop(peer);
    until(&mut session, &format!("reconnected {JID}")).await;
    let tries = world.tries.lock().unwrap().clone();
    assert!(tries[1].wish.resume.is_some() && tries[2].wish.resume.is_none());
    let mut peer = world.peer().await;
    quiet(&mut session, SOON).await;
    assert_eq!(peer.hear().await, "message 1");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_shuts_down_is_waited_for() {
    let (mut session, peer, _world) = World::begin(vec![new(), unreachable(), new()]).await;
    peer.fail("system-shutdown").await;
    let Happening::Lost {
        error: StreamError::Fault(StreamFault { condition, .. }),
        resumable: true,
    } = session.recv().await
    else {
        panic!()
    };
    assert_eq!(condition, "system-shutdown");
    until(&mut session, &format!("reconnected {JID}")).await;
}

#[tokio::test]
async fn a_session_and_the_way_to_it_can_live_in_a_task_of_their_own() {
    fn assert_send<T: Send>(value: T) -> T {
        value
    }
    let jid = crate::BareJid::new("im.test").unwrap();
    let connecting = assert_send(Persistent::connect(ConnectConfig::new(jid, "hunter2")));
    assert_eq!(connecting.await.unwrap_err().code(), "auth-failed");
    let (session, _peer, _world) = World::begin(vec![new()]).await;
    assert!(!format!("{session:?}").contains("hunter2"));
    tokio::spawn(session.close()).await.unwrap();
}
