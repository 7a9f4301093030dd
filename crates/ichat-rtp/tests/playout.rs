//! The play-out buffer in virtual time: order, sizes, loss, drift, pauses, jumps.
#![expect(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

use std::time::{Duration, Instant};

use ichat_rtp::{Inserted, PlayoutBuffer, Pulled};
use proptest::prelude::*;

const DELAY: Duration = Duration::from_millis(60);

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn buffer() -> PlayoutBuffer {
    PlayoutBuffer::new(DELAY, 8000, 160)
}

/// The sound of one packet, told from any other's of these tests.
fn sound(index: u32) -> Vec<u8> {
    let [.., high, low] = index.to_be_bytes();
    [low, high].repeat(80)
}

/// What a pull yields: the index of the packet, `-` for missing, `.` for idle.
fn name(pulled: &Pulled) -> String {
    match pulled {
        Pulled::Frame(octets) => {
            let [low, high] = *octets.first_chunk().unwrap();
            let index = u32::from_be_bytes([0, 0, high, low]);
            assert_eq!(*octets, sound(index), "a frame is one packet");
            index.to_string()
        }
        Pulled::Missing => "-".to_owned(),
        Pulled::Idle => ".".to_owned(),
    }
}

/// Inserts packets (arrival in ms, index) and pulls every 20 ms from 1 ms on.
fn play(buffer: &mut PlayoutBuffer, mut arrivals: Vec<(u64, u32)>, until: u64) -> String {
    arrivals.sort_by_key(|(at, _)| *at);
    let start = Instant::now();
    let mut arrivals = arrivals.into_iter().peekable();
    let mut played = Vec::new();
    for tick in (1..until).step_by(20) {
        while let Some((at, index)) = arrivals.next_if(|(at, _)| *at <= tick) {
            buffer.insert(start + ms(at), index.wrapping_mul(160), &sound(index));
        }
        played.push(name(&buffer.pull(start + ms(tick))));
    }
    played.join(" ")
}

#[test]
fn a_stream_in_order_plays_a_delay_later_and_whole() {
    let arrivals = (0..10)
        .map(|index| (20 * u64::from(index), index))
        .collect();
    assert_eq!(
        play(&mut buffer(), arrivals, 260),
        ". . . 0 1 2 3 4 5 6 7 8 9"
    );
}

#[test]
fn packets_that_overtake_each_other_play_in_order() {
    let arrivals = vec![
        (0, 0),
        (30, 2),
        (31, 1),
        (60, 3),
        (119, 4),
        (101, 5),
        (120, 6),
    ];
    assert_eq!(play(&mut buffer(), arrivals, 200), ". . . 0 1 2 3 4 5 6");
}

#[test]
fn packets_that_overtook_the_first_one_wait_for_it() {
    let arrivals = vec![(60, 3), (60, 1), (60, 2), (60, 0), (80, 4)];
    assert_eq!(play(&mut buffer(), arrivals, 160), ". . . 0 1 2 3 4");
}

#[test]
fn what_is_lost_is_missing_and_moves_nothing() {
    let arrivals = vec![(0, 0), (20, 1), (80, 4), (100, 5)];
    let mut buffer = buffer();
    assert_eq!(play(&mut buffer, arrivals, 180), ". . . 0 1 - - 4 5");
    let statistics = buffer.statistics();
    assert_eq!((statistics.missing, statistics.concealed), (2, ms(40)));
    assert_eq!((statistics.queued, statistics.played), (4, 4));
}

#[test]
fn what_comes_too_late_is_dropped_and_counted() {
    let arrivals = vec![(0, 0), (20, 1), (130, 2), (60, 3), (80, 4)];
    let mut buffer = buffer();
    assert_eq!(play(&mut buffer, arrivals, 160), ". . . 0 1 - 3 4");
    assert_eq!(buffer.statistics().late, 1);
}

#[test]
fn what_comes_twice_plays_once() {
    let mut buffer = buffer();
    let start = Instant::now();
    assert_eq!(buffer.insert(start, 0, &sound(0)), Inserted::Queued);
    assert_eq!(buffer.insert(start, 0, &sound(0)), Inserted::Duplicate);
    assert_eq!(buffer.depth(), ms(20));
    assert_eq!(buffer.statistics().duplicates, 1);
}

#[test]
fn a_packet_without_payload_is_counted_and_not_played() {
    let mut buffer = buffer();
    let start = Instant::now();
    assert_eq!(buffer.insert(start, 0, &[]), Inserted::Empty);
    assert_eq!(buffer.pull(start + ms(500)), Pulled::Idle);
    assert_eq!(
        (buffer.statistics().empty, buffer.statistics().queued),
        (1, 0)
    );
}

#[test]
fn timestamps_may_wrap_in_mid_stream() {
    let mut buffer = buffer();
    let start = Instant::now();
    let first = u32::MAX - 319; // two packets before the wrap
    for index in 0..6 {
        let now = start + ms(20) * index;
        let inserted = buffer.insert(now, first.wrapping_add(160 * index), &sound(index));
        assert_eq!(inserted, Inserted::Queued);
    }
    let played: Vec<_> = (0..6)
        .map(|tick| name(&buffer.pull(start + DELAY + ms(20) * tick)))
        .collect();
    assert_eq!(played.join(" "), "0 1 2 3 4 5");
}

#[test]
fn packets_of_other_sizes_leave_as_whole_intervals() {
    for size in [80, 240, 320, 100, 1] {
        let mut buffer = buffer();
        let start = Instant::now();
        let sent: Vec<u8> = (0..4800_u32)
            .map(|n| n.to_be_bytes()[3] ^ n.to_be_bytes()[2])
            .collect();
        let mut received = Vec::new();
        let mut packets = sent.chunks(size).zip((0_u32..).step_by(size)).peekable();
        for tick in 0..34_u32 {
            let now = start + ms(20) * tick;
            // What a peer has recorded until now.
            while let Some((payload, timestamp)) = packets.next_if(|(payload, at)| {
                at + u32::try_from(payload.len()).unwrap() <= 160 * (tick + 1)
            }) {
                assert_eq!(buffer.insert(now, timestamp, payload), Inserted::Queued);
            }
            if let Pulled::Frame(octets) = buffer.pull(now) {
                assert_eq!(octets.len(), 160);
                received.extend(octets);
            }
        }
        assert_eq!(received.len(), sent.len(), "packets of {size}");
        assert_eq!(received, sent, "packets of {size}");
        assert_eq!(buffer.statistics().partial, 0);
    }
}

#[test]
fn a_gap_inside_a_frame_is_filled_with_silence() {
    let start = Instant::now();
    for (buffer, silence) in [(buffer(), 0xff), (buffer().with_silence(0xd5), 0xd5)] {
        let mut buffer = buffer;
        buffer.insert(start, 0, &[1; 80]);
        buffer.insert(start, 160, &[3; 80]);
        assert_eq!(
            buffer.pull(start + DELAY),
            Pulled::Frame([[1; 80], [silence; 80]].concat())
        );
        assert_eq!(
            (buffer.statistics().partial, buffer.statistics().concealed),
            (1, ms(10))
        );
    }
}

#[test]
fn a_pause_is_concealed_for_a_moment_then_idle_and_what_follows_plays_whole() {
    // The clock of the timestamps may have run on in the pause, or not.
    for after in [40, 2] {
        let mut arrivals = vec![(0, 0), (20, 1)];
        arrivals.extend((0..5).map(|index| (800 + 20 * u64::from(index), after + index)));
        let played = play(&mut buffer(), arrivals, 960);
        let resumed = (after..after + 5)
            .map(|index| index.to_string())
            .collect::<Vec<_>>()
            .join(" ");
        assert!(played.starts_with(". . . 0 1 - - - - - - ."), "{played}");
        assert!(played.ends_with(&format!(". . . {resumed}")), "{played}");
    }
}

#[test]
fn a_stream_that_goes_on_elsewhere_loses_nothing_of_what_follows() {
    for elsewhere in [20_000_000, 0x9000_0000_u32] {
        let mut buffer = buffer();
        let start = Instant::now();
        for index in 0..5 {
            buffer.insert(start + ms(20) * index, 160 * index, &sound(index));
        }
        buffer.pull(start + ms(80));
        let inserted: Vec<_> = (0..5_u32)
            .map(|index| {
                let timestamp = elsewhere + 160 * index;
                buffer.insert(
                    start + ms(100) + ms(20) * index,
                    timestamp,
                    &sound(9 + index),
                )
            })
            .collect();
        use Inserted::{Held, Queued, Restarted};
        assert_eq!(inserted, [Held, Restarted, Queued, Queued, Queued]);
        let played: Vec<_> = (0..5)
            .map(|tick| name(&buffer.pull(start + ms(160) + ms(20) * tick)))
            .collect();
        assert_eq!(played.join(" "), "9 10 11 12 13");
        assert_eq!(buffer.statistics().restarts, 1);
    }
}

#[test]
fn one_packet_from_far_away_disturbs_nothing() {
    let mut buffer = buffer();
    let start = Instant::now();
    let mut played = Vec::new();
    for index in 0..20 {
        let now = start + ms(20) * index;
        assert_eq!(
            buffer.insert(now, 160 * index, &sound(index)),
            Inserted::Queued
        );
        if index % 5 == 2 {
            let far = 0x4000_0000 + 1_000_000 * index;
            assert_eq!(buffer.insert(now, far, &sound(77)), Inserted::Held);
        }
        played.push(name(&buffer.pull(now)));
    }
    assert_eq!(
        played.join(" "),
        ". . . 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"
    );
}

#[test]
fn a_stream_that_is_late_for_good_starts_over() {
    // From packet 10 on all come 150 ms later than they should.
    let arrivals = (0..40)
        .map(|index| {
            (
                20 * u64::from(index) + if index < 10 { 0 } else { 150 },
                index,
            )
        })
        .collect();
    let mut buffer = buffer();
    let played = play(&mut buffer, arrivals, 1100);
    // Until the buffer takes the silence for a pause, 10 and 11 are dropped.
    let rest: Vec<_> = (12..40).map(|index| index.to_string()).collect();
    assert!(
        played.contains(&format!("- . . . . {} -", rest.join(" "))),
        "{played}"
    );
    assert_eq!(buffer.statistics().late, 2);
}

#[test]
fn a_burst_that_was_held_up_does_not_shift_what_follows() {
    // Packets 10 to 17 come together with packet 18.
    let arrivals = (0..40)
        .map(|index| {
            (
                20 * u64::from(if (10..18).contains(&index) { 18 } else { index }),
                index,
            )
        })
        .collect();
    let mut buffer = buffer();
    let played = play(&mut buffer, arrivals, 860);
    let expected: Vec<_> = (0..40)
        .map(|index| {
            if (10..15).contains(&index) {
                "-".to_owned()
            } else {
                index.to_string()
            }
        })
        .collect();
    assert_eq!(played, format!(". . . {}", expected.join(" ")));
    assert_eq!(
        (buffer.statistics().late, buffer.statistics().restarts),
        (5, 0)
    );
}

#[test]
fn more_than_is_kept_makes_the_oldest_give_way() {
    let mut buffer = buffer();
    let start = Instant::now();
    for index in 0..100 {
        buffer.insert(start, 160 * index, &sound(index));
        assert!(buffer.depth() <= ms(460), "{:?}", buffer.depth());
    }
    assert!(buffer.statistics().overflow > 0);
    let last: Vec<_> = (0..23)
        .map(|tick| name(&buffer.pull(start + DELAY + ms(20) * tick)))
        .collect();
    assert!(last.contains(&"99".to_owned()), "{last:?}");
}

#[test]
fn a_payload_above_the_limit_is_dropped() {
    let mut buffer = buffer();
    assert_eq!(
        buffer.insert(Instant::now(), 0, &[0; 3681]),
        Inserted::Overflow
    );
    assert_eq!(buffer.depth(), ms(0));
}

/// Plays a stream whose clock runs fast or slow by so many parts in a million.
fn drift(parts_per_million: i64, seconds: u64) -> (PlayoutBuffer, Duration) {
    let mut buffer = buffer();
    let start = Instant::now();
    let interval = u64::try_from(20_000_000 - 20 * parts_per_million).unwrap();
    let (mut index, mut deepest) = (0_u64, Duration::ZERO);
    for tick in 0..seconds * 50 {
        let now = start + ms(20 * tick) + Duration::from_micros(500);
        while start + Duration::from_nanos(index * interval) <= now {
            let at = start + Duration::from_nanos(index * interval);
            let number = u32::try_from(index).unwrap();
            buffer.insert(at, number.wrapping_mul(160), &sound(number % 1000));
            index += 1;
        }
        deepest = deepest.max(buffer.depth());
        buffer.pull(now);
    }
    (buffer, deepest)
}

#[test]
fn a_fast_peer_never_makes_the_delay_grow_beyond_bounds() {
    let (buffer, deepest) = drift(2000, 450);
    let statistics = buffer.statistics();
    // 900 ms of drift, of which 100 may remain.
    assert!((38..=46).contains(&statistics.skipped), "{statistics:?}");
    assert!(deepest <= ms(200), "{deepest:?}");
    assert_eq!(
        (statistics.missing, statistics.restarts, statistics.overflow),
        (0, 0, 0)
    );
}

#[test]
fn a_slow_peer_is_waited_for_and_loses_nothing() {
    let (buffer, _) = drift(-2000, 450);
    let statistics = buffer.statistics();
    assert!((42..=46).contains(&statistics.stretched), "{statistics:?}");
    assert_eq!(statistics.missing, statistics.stretched);
    assert_eq!((statistics.late, statistics.restarts), (0, 0));
}

#[test]
fn a_long_call_without_drift_changes_nothing() {
    let (buffer, deepest) = drift(0, 600);
    let statistics = buffer.statistics();
    assert_eq!(
        (statistics.stretched, statistics.skipped, statistics.missing),
        (0, 0, 0)
    );
    assert!(deepest <= ms(80), "{deepest:?}");
}

#[test]
fn a_caller_that_fell_behind_finds_its_delay_again() {
    // 600 ms without pulls or inserts; then all that came in between, and one pull for each
    // interval missed, or none.
    for catch_up in [true, false] {
        let mut buffer = buffer();
        let start = Instant::now();
        let mut pulled = Vec::new();
        for tick in 0..400_u32 {
            let now = start + ms(20) * tick;
            if (100..130).contains(&tick) {
                continue;
            }
            if tick == 130 {
                for index in 100..130 {
                    buffer.insert(now, 160 * index, &sound(index));
                }
                if catch_up {
                    (100..130).for_each(|_| drop(buffer.pull(now)));
                }
            }
            buffer.insert(now, 160 * tick, &sound(tick));
            pulled.push(name(&buffer.pull(now)));
        }
        let last: u32 = pulled.last().unwrap().parse().unwrap();
        assert!(
            (388..=396).contains(&last),
            "catch-up {catch_up}: {last} plays at 399"
        );
    }
}

#[test]
fn odd_numbers_make_no_panic() {
    let start = Instant::now();
    for mut buffer in [
        PlayoutBuffer::new(Duration::ZERO, 0, 0),
        PlayoutBuffer::new(Duration::MAX, 1, 1),
        PlayoutBuffer::new(Duration::MAX, u32::MAX, 1),
        PlayoutBuffer::new(ms(1), 8000, 100_000),
    ] {
        for step in 0..10_u32 {
            buffer.insert(
                start + ms(20) * step,
                step.wrapping_mul(0x7000_0000),
                &[1, 2, 3],
            );
            buffer.insert(start, step, &[1, 2, 3]);
            buffer.pull(start + ms(20) * step);
            let _ = (buffer.depth(), buffer.statistics());
        }
    }
}

proptest! {
    #[test]
    fn whatever_arrives_within_the_delay_plays_in_order_and_complete(
        first: u32,
        delays in prop::collection::vec(0_u64..=60, 1..200),
        phase in 0_u64..20,
    ) {
        let start = Instant::now();
        let mut buffer = buffer();
        let mut arrivals: Vec<_> = (0_u32..)
            .zip(&delays)
            .map(|(index, delay)| (20 * u64::from(index) + delay, index))
            .collect();
        arrivals.sort_by_key(|(at, _)| *at);
        let mut arrivals = arrivals.into_iter().peekable();
        let mut played = Vec::new();
        let last_pull = 20 * (delays.len() as u64 + 60);
        for tick in (phase..last_pull).step_by(20) {
            while let Some((at, index)) = arrivals.next_if(|(at, _)| *at <= tick) {
                let timestamp = first.wrapping_add(index * 160);
                buffer.insert(start + ms(at), timestamp, &sound(index));
            }
            if let frame @ Pulled::Frame(_) = buffer.pull(start + ms(tick)) {
                played.push(name(&frame));
            }
        }
        let sent: Vec<_> = (0..delays.len()).map(|index| index.to_string()).collect();
        prop_assert_eq!(played, sent);
    }

    #[test]
    fn whatever_arrives_the_buffer_stays_small_and_frames_stay_whole(
        steps in prop::collection::vec(
            (0_u64..100, prop_oneof![0_u32..20_000, any::<u32>()], 0_usize..4000, any::<bool>()),
            0..200,
        ),
    ) {
        let mut now = Instant::now();
        let mut buffer = buffer();
        for (wait, timestamp, length, pull) in steps {
            now += ms(wait);
            buffer.insert(now, timestamp, &vec![1; length]);
            prop_assert!(buffer.depth() <= ms(460));
            if pull && let Pulled::Frame(octets) = buffer.pull(now) {
                prop_assert_eq!(octets.len(), 160);
            }
        }
    }
}
