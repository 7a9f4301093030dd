//! Ten seconds of a call through a network that loses, delays and reorders: what both sides count.
//!
//! `cargo run --example lossy_call`

use std::time::{Duration, Instant, SystemTime};

use ichat_rtp::{
    CodecImpairment, DatagramKind, PlayoutBuffer, Pulled, Session, SessionConfig, classify, mos,
};

const INTERVAL: Duration = Duration::from_millis(20);
const DELAY: Duration = Duration::from_millis(60);

/// Datagrams on their way, with the time at which they arrive.
type Wire = Vec<(Instant, Vec<u8>)>;

fn main() {
    let started = Instant::now();
    let started_wall = SystemTime::now();
    let session = |ssrc: u32| {
        Session::new(SessionConfig {
            ssrc,
            sequence: 65_000,
            timestamp: u32::MAX - 8000,
            clock_rate_hz: 8000,
            samples_per_packet: 160,
            payload_type: 0,
            cname: format!("user@192.0.2.{ssrc}"),
            started,
            started_wall,
            seed: u64::from(ssrc),
        })
    };
    let (mut caller, mut callee) = (session(1), session(2));
    let mut playout = PlayoutBuffer::new(DELAY, 8000, 160);
    let (mut to_callee, mut to_caller) = (Wire::new(), Wire::new());
    let (mut played, mut concealed) = (0_u32, 0_u32);

    for tick in 0..500_u32 {
        let now = started + INTERVAL * tick;
        // One packet in fifteen is lost; every seventh takes 45 ms longer than the others.
        let packet = caller.send(now, &[0x55; 160], tick == 0);
        if tick % 15 != 14 {
            let extra = if tick % 7 == 3 { 45 } else { 0 };
            to_callee.push((now + Duration::from_millis(30 + extra), packet));
        }
        to_callee.extend(caller.poll_rtcp(now).map(|report| (now + INTERVAL, report)));
        to_caller.extend(callee.poll_rtcp(now).map(|report| (now + INTERVAL, report)));

        for (at, datagram) in arrived(&mut to_callee, now) {
            receive(&mut callee, Some(&mut playout), at, &datagram);
        }
        for (at, datagram) in arrived(&mut to_caller, now) {
            receive(&mut caller, None, at, &datagram);
        }
        match playout.pull(now) {
            Pulled::Frame(_) => played += 1,
            Pulled::Missing => concealed += 1,
            Pulled::Idle => {}
        }
    }

    println!("caller: {:#?}", caller.statistics());
    println!("callee: {:#?}", callee.statistics());
    println!("play-out: {:#?}", playout.statistics());
    let loss = f64::from(concealed) / f64::from((played + concealed).max(1));
    let score = mos(
        CodecImpairment::PCMU,
        loss,
        Duration::from_millis(50) + DELAY,
    );
    println!("{played} frames played, {concealed} concealed: estimated MOS {score:.2}");
}

/// Takes what has arrived off the wire, in the order of arrival.
fn arrived(wire: &mut Wire, now: Instant) -> Wire {
    let mut arrived: Wire = wire.extract_if(.., |(at, _)| *at <= now).collect();
    arrived.sort_by_key(|(at, _)| *at);
    arrived
}

fn receive(
    session: &mut Session,
    playout: Option<&mut PlayoutBuffer>,
    at: Instant,
    datagram: &[u8],
) {
    match classify(datagram) {
        DatagramKind::Rtp => match (session.handle_rtp(at, datagram), playout) {
            (Ok(packet), Some(playout)) => {
                playout.insert(at, packet.timestamp, packet.payload);
            }
            (Ok(_), None) => {}
            (Err(error), _) => eprintln!("refused: {error}"),
        },
        DatagramKind::Rtcp => {
            if let Err(error) = session.handle_rtcp(at, datagram) {
                eprintln!("refused: {error}");
            }
        }
        DatagramKind::Keepalive
        | DatagramKind::Probe
        | DatagramKind::Sip
        | DatagramKind::Snatmap
        | DatagramKind::Stun
        | DatagramKind::Unknown => {}
    }
}
