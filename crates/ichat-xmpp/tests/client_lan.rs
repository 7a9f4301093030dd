//! The local network: two of us at the ends of a cable between network namespaces, a real avahi,
//! and neighbours who mean harm. Multicast never leaves the namespaces.
#![cfg(all(feature = "client", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed"
)]
#![allow(unreachable_pub, reason = "the parts of a test are no library")]

#[path = "client_lan/avahi.rs"]
mod avahi;
#[path = "client_lan/end.rs"]
mod end;
#[path = "client_lan/net.rs"]
mod net;

use avahi::Avahi;
use net::{End, Net, ROLE};

/// Not a test: what the tests start at the ends of their networks.
#[test]
#[ignore = "started by the others"]
fn one_end() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    match role.split_once(' ').unwrap_or((&role, "")) {
        ("neighbour", user) => end::neighbour(user),
        ("flood", count) => end::flood(count.parse().unwrap()),
        ("intrude", port) => end::intrude(port.parse().unwrap()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_neighbours_find_each_other_talk_and_part() {
    let Some(net) = Net::lay() else { return };
    let mut ada = net.start(End::Here, "neighbour ada");
    ada.expect(&["name ada@powerbook port 5298"], 10);
    let mut bob = net.start(End::There, "neighbour bob");
    for (one, other) in [(&mut ada, "bob"), (&mut bob, "ada")] {
        let line = one.expect(&["appeared", other, "callable=true", "über all"], 15);
        assert!(line.contains(&format!("{other}@powerbook")), "{line}");
    }

    ada.tell("connect bob byron");
    ada.expect(&["unknown"], 5);
    ada.tell("connect 10.77.0.2");
    bob.expect(&["stream ada@powerbook from 10.77.0.1:"], 10);
    bob.expect(&["heard ada@powerbook: hello 10.77.0.2"], 5);
    ada.expect(&["answered hello 10.77.0.2"], 5);
    bob.expect(&["ended ada@powerbook"], 5);
    bob.tell("connect ADA@powerbook");
    ada.expect(&["heard bob@powerbook: hello ADA@powerbook"], 10);
    bob.expect(&["answered hello"], 5);

    bob.tell("status dnd");
    ada.expect(&["changed bob@powerbook", "dnd"], 10);
    bob.tell("status avail");
    ada.expect(&["changed bob@powerbook", "avail"], 20);

    bob.tell("stop");
    bob.expect(&["stopped"], 5);
    ada.expect(&["vanished bob@powerbook"], 5);
    ada.assert_never("problem");
    ada.assert_never("appeared ada");
    ada.tell("stop");
    ada.expect(&["stopped"], 5);
    ada.wait();
}

#[test]
fn addresses_of_both_kinds_are_found_and_followed() {
    let Some(net) = Net::lay() else { return };
    let mut ada = net.start(End::Here, "neighbour ada");
    let _bob = net.start(End::There, "neighbour bob");
    ada.expect(
        &[
            "bob@powerbook",
            "10.77.0.2:5298",
            "[fd77::2]:5298",
            "[fe80::",
        ],
        20,
    );
    net.ip(End::There, &["addr", "add", "10.77.0.9/24", "dev", "cable"]);
    ada.expect(&["changed bob@powerbook", "10.77.0.9:5298"], 20);
    net.ip(End::There, &["-4", "addr", "flush", "dev", "cable"]);
    ada.tell("connect bob");
    ada.expect(&["answered hello bob"], 15);
}

#[test]
fn a_neighbour_that_drops_dead_is_noticed_when_it_is_called() {
    let Some(net) = Net::lay() else { return };
    let mut ada = net.start(End::Here, "neighbour ada");
    let mut bob = net.start(End::There, "neighbour bob");
    ada.expect(&["appeared bob@powerbook"], 15);
    bob.expect(&["appeared ada@powerbook"], 15);
    bob.kill();
    ada.tell("connect bob");
    ada.expect(&["unreachable bob"], 10);
    ada.expect(&["vanished bob@powerbook"], 15);
    ada.tell("peers");
    ada.expect(&["peers 0"], 5);

    // And it may come back.
    let _bob = net.start(End::There, "neighbour bob");
    ada.expect(&["appeared bob@powerbook"], 15);
}

#[test]
fn those_of_one_name_are_told_apart() {
    let Some(net) = Net::lay() else { return };
    let mut first = net.start(End::Here, "neighbour ada");
    first.expect(&["name ada@powerbook"], 10);
    let mut second = net.start(End::There, "neighbour ada");
    first.expect(&["appeared ada1@powerbook"], 20);
    second.expect(&["appeared ada@powerbook"], 15);
    second.tell("who");
    second.expect(&["who ada1@powerbook"], 5);
    let mut third = net.start(End::There, "neighbour Ada");
    first.expect(&["appeared Ada2@powerbook"], 20);
    third.tell("who");
    third.expect(&["who Ada2@powerbook"], 5);
    // What mdns-sd calls us for a moment, `ada@powerbook (2)`, does not stay.
    for end in [&mut first, &mut second, &mut third] {
        assert!(end.hears_in_time("peers", "peers 2", 15));
        end.assert_never("problem");
    }
}

#[test]
fn two_who_take_one_name_at_the_same_time_end_with_two_names() {
    let Some(net) = Net::lay() else { return };
    let mut ends = [
        net.start(End::Here, "neighbour ada"),
        net.start(End::There, "neighbour ada"),
    ];
    for end in &mut ends {
        end.expect(&["appeared"], 20);
    }
    // Whoever lost the name says so.
    std::thread::sleep(std::time::Duration::from_secs(3));
    let names = ends.each_mut().map(|end| {
        end.tell("who");
        end.expect(&["who "], 5)
    });
    assert_ne!(names[0], names[1]);
    for (end, other) in [(0, 1), (1, 0)] {
        let name = names[other].trim_start_matches("who ");
        ends[end].tell(&format!("has {name}"));
        ends[end].expect(&["has", name, "true"], 5);
        ends[end].tell("peers");
        ends[end].expect(&["peers 1"], 5);
    }
}

#[test]
fn avahi_sees_us_and_we_see_what_avahi_announces() {
    let Some(net) = Net::lay() else { return };
    let Some(avahi) = Avahi::start(&net, End::There) else {
        return;
    };
    let mut ada = net.start(End::Here, "neighbour ada");
    ada.expect(&["name ada@powerbook port 5298"], 10);
    let wanted = ["ada@powerbook", "\"txtvers=1\"", "\"status=avail\""];
    let record = avahi.browse(&wanted, 15);
    for part in [
        ";_presence._tcp;local;",
        ";5298;",
        "\"port.p2pj=5298\"",
        "\"vc=A!\"",
        "\"1st=Ada\"",
        "\"last=Byron\"",
        "\"msg=über all\"",
    ] {
        assert!(record.contains(part), "{part} is not in {record}");
    }
    assert!(
        record.contains(";10.77.0.1;")
            || record.contains(";fd77::1;")
            || record.contains(";fe80::")
    );
    ada.tell("status away");
    let record = avahi.browse(&["ada@powerbook", "\"status=away\""], 15);
    assert!(!record.contains("status=avail"), "{record}");

    ada.tell("status avail");
    let record = avahi.browse(&["ada@powerbook", "\"status=avail\""], 15);
    assert!(!record.contains("status=away"), "{record}");

    let mac = avahi.publish(
        "juliet@Capulets-Mac.x",
        5562,
        &[
            "txtvers=1",
            "1st=Juliet",
            "status=away",
            "vc=CA!",
            "msg=hi",
            "phsh=00",
        ],
    );
    let line = ada.expect(&["appeared juliet@Capulets-Mac.x", ":5562"], 15);
    assert!(line.contains("away hi callable=true other=1"), "{line}");
    drop(mac);
    ada.expect(&["vanished juliet@Capulets-Mac.x"], 15);

    ada.tell("stop");
    ada.expect(&["stopped"], 5);
    avahi.until_gone("ada@powerbook", 10);
}

#[test]
fn neighbours_who_mean_harm_are_kept_small() {
    let Some(net) = Net::lay() else { return };
    let mut ada = net.start(End::Here, "neighbour ada");
    ada.expect(&["name ada@powerbook port 5298"], 10);
    let mut bob = net.start(End::There, "neighbour bob");
    ada.expect(&["appeared bob@powerbook"], 15);

    let mut flood = net.start(End::There, "flood 1000");
    flood.expect(&["flooded"], 60);
    ada.expect(&["appeared fake99"], 30);
    ada.tell("peers");
    ada.expect(&["peers 256"], 15);
    ada.tell("has bob");
    ada.expect(&["has bob true"], 5);

    let mut intruder = net.start(End::There, "intrude 5298");
    intruder.expect(&["refused 30"], 30);
    // In the midst of it a friend calls.
    bob.tell("connect ada@powerbook");
    bob.expect(&["answered hello ada@powerbook"], 15);
    intruder.expect(&["intruded"], 90);
    bob.tell("connect ada@powerbook");
    bob.expect(&["answered hello ada@powerbook"], 15);
    ada.tell("connect bob@powerbook");
    ada.expect(&["answered hello bob@powerbook"], 15);
    ada.assert_never("problem");
}

#[test]
fn after_a_flood_the_network_is_as_it_was() {
    let Some(net) = Net::lay() else { return };
    let mut ada = net.start(End::Here, "neighbour ada");
    let mut bob = net.start(End::There, "neighbour bob");
    ada.expect(&["appeared bob@powerbook"], 15);
    bob.expect(&["appeared ada@powerbook"], 15);
    // A flood that is noticed before its end leaves those behind who came after that: the next one
    // will not.
    let recovered = (0..3).any(|_| {
        let mut flood = net.start(End::There, "flood 2000");
        flood.expect(&["flooded"], 60);
        drop(flood);
        let ada = ada.hears_in_time("peers", "peers 1", 25);
        bob.hears_in_time("peers", "peers 1", 25) && ada
    });
    assert!(recovered);
    ada.tell("connect bob@powerbook");
    ada.expect(&["answered hello bob@powerbook"], 15);
    bob.tell("connect ada@powerbook");
    bob.expect(&["answered hello ada@powerbook"], 15);
    ada.assert_never("problem");
}
