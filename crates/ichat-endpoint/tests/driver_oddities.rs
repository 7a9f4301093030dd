//! Whole endpoints whose peers are early, late, or do not hear what is said to them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails shall say so where it fails"
)]

mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::bob::{Bob, to_bob, with_bob};
use common::endpoints::{Mirror, asking, callee, config, full, streams};
use common::sip::Telephone;
use common::{at, names, summary};
use ichat_endpoint::{
    Allowed, AnswerMode, Command, EndpointConfig, Event, Outcome, Reason, RunError, Signalling,
    Tapped, Target, Task, run,
};
use ichat_invitation::{CandidateKind, Invitation, IpPort, IpPortList, encode_hex};
use ichat_xmpp::CallDialect;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

/// How long is long enough for what happens at once.
const SOON: Duration = Duration::from_millis(400);

/// An endpoint that takes one plain SIP call, and a telephone that is about to call it.
struct Called {
    telephone: Telephone,
    address: SocketAddr,
    commands: mpsc::UnboundedSender<Command>,
    events: mpsc::UnboundedReceiver<Event>,
    running: tokio::task::JoinHandle<Result<Outcome, RunError>>,
}

impl Called {
    async fn new(answer: AnswerMode) -> Self {
        let (happened, mut events) = mpsc::unbounded_channel();
        let (commands, wanted) = mpsc::unbounded_channel();
        let task = Task::Answer {
            once: true,
            sip: true,
        };
        let config = EndpointConfig {
            answer,
            allow: vec![Allowed::Anyone],
            ..config(CallDialect::Legacy)
        };
        let running = tokio::spawn(run(config, Signalling::default(), task, wanted, happened));
        let Some(Event::Listening { address, .. }) = events.recv().await else {
            panic!()
        };
        Self {
            telephone: Telephone::new(address, "first").await,
            address,
            commands,
            events,
            running,
        }
    }

    /// Waits for the last event, which comes at once.
    async fn ended(&mut self) -> Reason {
        loop {
            let event = timeout(SOON, self.events.recv()).await;
            if let Some(Event::Ended { summary, .. }) = event.expect("it is told at once") {
                return summary.reason;
            }
        }
    }

    async fn outcome(self) -> Outcome {
        let outcome = timeout(Duration::from_secs(6), self.running).await;
        outcome.expect("it ends by itself").unwrap().unwrap()
    }
}

#[tokio::test]
async fn a_good_bye_that_is_repeated_is_answered_again_although_the_program_ends() {
    let mut called = Called::new(AnswerMode::Auto).await;
    called.telephone.connect().await;
    called.telephone.send("BYE", 2).await;
    assert!(called.telephone.is_answered(200, "BYE").await);
    let since = Instant::now();
    assert_eq!(called.ended().await, Reason::RemoteHangup);
    // Two answers in a row are lost.
    for pause in [500, 1000] {
        sleep(Duration::from_millis(pause)).await;
        called.telephone.send("BYE", 2).await;
        assert!(called.telephone.is_answered(200, "BYE").await, "{pause}");
    }
    let mut another = Telephone::new(called.address, "second").await;
    another.send("INVITE", 1).await;
    assert!(another.is_answered(603, "INVITE").await, "nobody is called");
    let outcome = called.outcome().await;
    assert_eq!(outcome.reason, Some(Reason::RemoteHangup));
    assert!(since.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn where_nothing_is_repeated_the_program_ends_after_a_second() {
    let mut called = Called::new(AnswerMode::Auto).await;
    called.telephone.connect().await;
    called.telephone.send("BYE", 2).await;
    let since = Instant::now();
    assert_eq!(called.ended().await, Reason::RemoteHangup);
    assert_eq!(called.outcome().await.exit_status(), 0);
    let took = since.elapsed();
    assert!(took > Duration::from_millis(900), "{took:?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn who_wants_to_leave_does_not_wait_for_repetitions() {
    let mut called = Called::new(AnswerMode::Auto).await;
    called.telephone.connect().await;
    called.telephone.send("BYE", 2).await;
    assert_eq!(called.ended().await, Reason::RemoteHangup);
    let since = Instant::now();
    called.commands.send(Command::Leave).unwrap();
    let outcome = called.outcome().await;
    assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
    assert_eq!(outcome.reason, Some(Reason::RemoteHangup));
    assert!(!outcome.interrupted, "the call had its own end");
}

#[tokio::test]
async fn who_hangs_up_and_is_answered_is_done_at_once() {
    let mut called = Called::new(AnswerMode::Auto).await;
    called.telephone.connect().await;
    while !matches!(called.events.recv().await, Some(Event::Connected { .. })) {}
    called.commands.send(Command::HangUp).unwrap();
    let bye = called.telephone.receive("BYE").await;
    called.telephone.reply(&bye).await;
    let since = Instant::now();
    assert_eq!(called.ended().await, Reason::Hangup);
    called.outcome().await;
    assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
}

#[tokio::test]
async fn a_caller_who_gave_up_is_answered_until_it_has_heard_of_it() {
    let mut called = Called::new(AnswerMode::Ask).await;
    called.telephone.send("INVITE", 1).await;
    assert!(called.telephone.is_answered(180, "INVITE").await);
    called.telephone.forget_tag();
    called.telephone.send("CANCEL", 1).await;
    assert_eq!(called.ended().await, Reason::Cancelled);
    // It says so again by itself until it is confirmed (RFC 3261 §17.2.1).
    for _ in 0..2 {
        assert!(called.telephone.is_answered(487, "INVITE").await);
    }
    called.telephone.send("ACK", 1).await;
    assert_eq!(called.outcome().await.exit_status(), 4);
}

/// Where somebody listens whom the peer did not list: the outside of its NAT.
async fn outside() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

/// Whether an INVITE comes there at once.
async fn is_invited(socket: &UdpSocket) -> bool {
    let mut octets = [0; 2048];
    let received = timeout(SOON, socket.recv_from(&mut octets)).await;
    received.is_ok_and(|received| {
        let (length, _) = received.unwrap();
        common::is_sip(&octets[..length], "INVITE")
    })
}

#[tokio::test]
async fn a_pinhole_that_overtakes_the_acceptance_is_where_the_invite_goes_too() {
    let (events, ()) = with_bob(
        to_bob(),
        config(CallDialect::Legacy),
        async |bob: &mut Bob| {
            let request = bob.hear("VCNewCallerIPPortData").await;
            let list = child(&request, "VCNewCallerIPPortData");
            let alice = IpPortList::parse_hex(list).unwrap().addresses()[0];
            let sockets = [outside().await, outside().await, outside().await];
            // Somebody's pinhole, a keepalive, and what is neither.
            let datagrams: [&[u8]; 3] = [&[0xff, 1, 2, 3, 4], b"\r\n\r\n", &[0x80; 12]];
            for (socket, datagram) in sockets.iter().zip(datagrams) {
                socket.send_to(datagram, alice).await.unwrap();
            }
            // They have to be there before it.
            sleep(SOON).await;
            let nobody = outside().await;
            let record = IpPort::new("en1", nobody.local_addr().unwrap());
            bob.accept("connectData", &encode_hex(&[record])).await;
            let [pinhole, keepalive, media] = &sockets;
            assert!(is_invited(pinhole).await);
            assert!(is_invited(keepalive).await);
            assert!(!is_invited(media).await);
        },
    )
    .await;
    assert_eq!(names(&events)[1..3], ["ringing", "accepted"]);
}

/// The text of a child of a stanza.
fn child<'a>(stanza: &'a str, name: &str) -> &'a str {
    let (_, rest) = stanza.split_once(&format!("<{name}>")).expect(stanza);
    rest.split_once("</").expect(stanza).0
}

#[tokio::test]
async fn an_address_that_turns_up_before_the_invite_is_answered_is_told_as_a_list() {
    let mapped = at("203.0.113.9:40000");
    let (open, opened) = oneshot::channel();
    let opened = async move { opened.await.unwrap() };
    let mirror = Mirror::open_until(mapped, opened).await;
    let legacy = EndpointConfig {
        reflectors: asking(mirror.address),
        ..config(CallDialect::Legacy)
    };
    let (_, [request, proposal]) = with_bob(to_bob(), legacy, async |bob: &mut Bob| {
        let request = bob.hear("VCNewCallerIPPortData").await;
        let list = encode_hex(&[bob.record()]);
        bob.accept("connectData", &list).await;
        bob.receive(ichat_rtp::DatagramKind::Sip).await;
        open.send(()).unwrap();
        [request, bob.hear("counterProposal").await]
    })
    .await;
    let list = |text| IpPortList::parse_hex(text).unwrap().addresses().to_vec();
    let rang = list(child(&request, "VCNewCallerIPPortData"));
    let told = list(child(&proposal, "connectData"));
    assert_eq!(rang.len(), 1);
    assert_eq!(told, [mapped, rang[0]]);
    assert!(
        proposal.contains("<query xmlns='apple:iq:vc:counterProposal'>"),
        "{proposal}"
    );
    assert!(proposal.contains("type='set'"), "{proposal}");
    assert!(
        proposal.contains("<VCProtocolVersion>1</VCProtocolVersion>"),
        "{proposal}"
    );
}

#[tokio::test]
async fn an_address_that_turns_up_in_a_call_is_told_in_an_invitation_with_the_others() {
    let mapped = at("203.0.113.9:40000");
    let (open, opened) = oneshot::channel();
    let opened = async move { opened.await.unwrap() };
    let mirror = Mirror::open_until(mapped, opened).await;
    let (tap, mut tapped) = mpsc::unbounded_channel();
    let caller = EndpointConfig {
        reflectors: asking(mirror.address),
        duration: Some(Duration::from_secs(3)),
        tap: Some(tap),
        ..config(CallDialect::Conference)
    };
    let (alice, bob) = streams().await;
    let (happened, mut events) = mpsc::unbounded_channel();
    let (_commands, wanted) = mpsc::unbounded_channel();
    let task = Task::Call(Target::Jid(full(common::endpoints::BOB).into()));
    let calling = tokio::spawn(run(caller, alice, task, wanted, happened));
    let answering = tokio::spawn(callee(bob, config(CallDialect::Conference)));
    while !matches!(
        events.recv().await.expect("it connects"),
        Event::Connected { .. }
    ) {}
    open.send(()).unwrap();
    calling.await.unwrap().unwrap();
    let bob = answering.await.unwrap();
    assert_eq!(summary(&bob.events).reason, Reason::RemoteHangup);
    assert_eq!(summary(&bob.events).lost, 0);
    let mut said = Vec::new();
    while let Ok((_, one)) = tapped.try_recv() {
        if let Tapped::Stanza { sent: true, xml } = one {
            said.push(xml);
        }
    }
    let texts: Vec<&String> = said
        .iter()
        .filter(|xml| xml.contains("AVChatConferenceData"))
        .collect();
    let [request, proposal] = texts[..] else {
        panic!("{said:?}")
    };
    let read = |stanza| {
        let text = child(stanza, "AVChatConferenceData");
        let invitation = Invitation::decode_hex(text).unwrap();
        assert_eq!(invitation.deviations(), []);
        let candidates = invitation.ice_data().unwrap().unwrap().candidates;
        (invitation.session_id, candidates)
    };
    let (rang, told) = (read(request), read(proposal));
    assert!(
        proposal.contains("apple:iq:vc:counterProposal"),
        "{proposal}"
    );
    assert_eq!(rang.0, told.0, "of the same session");
    let [host, reflexive] = &told.1[..] else {
        panic!("{told:?}")
    };
    assert_eq!(rang.1, [*host], "with the id that the peer knows");
    assert_eq!(reflexive.kind, CandidateKind::ServerReflexive);
    assert_eq!(reflexive.address.address(), mapped);
}
