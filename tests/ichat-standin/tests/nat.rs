//! What a reflector says is listed, in both dialects. (Real NATs are the scenarios' matter.)

mod common;

use common::Prosody;
use serde_json::json;
use std::net::{SocketAddr, UdpSocket};
use std::thread;

const MAPPED: ([u8; 4], u16) = ([203, 0, 113, 9], 40001);

/// A reflector that sees everybody there.
fn reflector() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((16, from)) = socket.recv_from(&mut buffer) {
            let mut answer = buffer[..16].to_vec();
            assert_eq!(answer[..4], [0, 0, 0, 1]);
            // What it says of itself is where it asks from.
            let port = u16::from_be_bytes([answer[12], answer[13]]);
            assert_eq!((port, &answer[8..12]), (from.port(), &[127, 0, 0, 1][..]));
            answer[3] = 2;
            answer[8..12].copy_from_slice(&MAPPED.0.map(|octet| !octet));
            answer[12..14].copy_from_slice(&(!MAPPED.1).to_be_bytes());
            answer[14..].fill(0);
            socket.send_to(&answer, from).unwrap();
        }
    });
    address
}

#[test]
fn the_mapped_address_stands_first_in_lists_and_below_the_host_in_invitations() {
    let Some(server) = Prosody::start(&["u0", "u1", "m0", "m1"]) else {
        return;
    };
    let mapped = SocketAddr::from(MAPPED);
    let reflector = reflector();
    for (index, dialect) in ["legacy", "conference"].into_iter().enumerate() {
        let arguments = format!("--snatmap {reflector} --any-source");
        let mut callee = server.standin("answer", &format!("m{index}"), &arguments);
        callee.wait("online");
        assert_eq!(callee.wait("mapped")["address"], mapped.to_string());
        let own = format!("127.0.0.1:{}", callee.port());
        let arguments = format!(
            "--peer m{index}@im.test --duration 1 --no-wait-for-rtp --dialect {dialect} \
             --behind-nat --any-source"
        );
        let mut caller = server.standin("call", &format!("u{index}"), &arguments);
        let listed = &caller.wait("accepted")["candidates"];
        let (caller, callee) = (caller.good_verdict(), callee.good_verdict());
        assert_eq!(callee["mapped"], mapped.to_string());
        assert_eq!(
            (&caller["dialect"], &caller["path"]),
            (&json!(dialect), &json!(own))
        );
        match dialect {
            "legacy" => assert_eq!(*listed, json!([mapped.to_string(), own])),
            _ => {
                let read = caller["candidates"].as_array().unwrap();
                let told: Vec<_> = read
                    .iter()
                    .map(|c| json!([c["kind"], c["priority"], c["address"], c["base"]]))
                    .collect();
                let expected = [
                    json!([1, 45, own, own]),
                    json!([3, 35, mapped.to_string(), own]),
                ];
                assert_eq!(told, expected);
            }
        }
    }
}

#[test]
fn a_reflector_that_is_not_there_is_told_and_the_call_goes_on() {
    let Some(server) = Prosody::start(&["us", "mac"]) else {
        return;
    };
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let arguments = format!("--snatmap {}", silent.local_addr().unwrap());
    let mut callee = server.standin("answer", "mac", &arguments);
    callee.wait("online");
    let arguments = "--peer mac@im.test --duration 1 --no-wait-for-rtp";
    let mut caller = server.standin("call", "us", arguments);
    assert_eq!(caller.good_verdict()["ended"], "hangup");
    let verdict = callee.verdict();
    let faults = verdict["faults"].to_string();
    assert!(faults.contains("does not answer"), "{faults}");
    assert_eq!(verdict["faults"].as_array().unwrap().len(), 1);
    assert_eq!(verdict["connected"], true);
}
