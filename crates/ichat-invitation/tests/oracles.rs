//! Property lists held against those of others: the `plist` crate, Python's plistlib, libplist.
//!
//! Python is `$ICHAT_TEST_PYTHON`, else `python3`; libplist is its program `plistutil`. Where one is
//! missing its test says so and does nothing, and fails if `CI` is set.
#![cfg(feature = "plist")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a test's helpers may fail the test"
)]

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use ichat_invitation::bplist::{Integer, PlistValue, Real, Text, Uid, decode, encode};
use ichat_invitation::{Invitation, InvitationParams, Party, SessionId, xml_plist};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::json;

const CAPTURED: &str = include_str!("vectors/invitation-2010.hex");
const ICE_DATA: &[u8] = include_bytes!("vectors/vcicedata-intel.typedstream");

type Value = PlistValue<'static>;

/// Values of the kinds that everybody knows.
fn values() -> impl Strategy<Value = Value> {
    let string = || {
        prop_oneof![
            "[a-c]{0,3}",
            "[ -~äß☺😀]{0,20}",
            "[a-z]{14,17}",
            "[☺é]{120,140}"
        ]
    };
    let scalar = prop_oneof![
        any::<bool>().prop_map(PlistValue::Boolean),
        any::<i64>().prop_map(|value| PlistValue::Integer(Integer::from(value))),
        (0_i64..70_000).prop_map(|value| PlistValue::Integer(Integer::from(value))),
        (-1e9..1e9).prop_map(|value| PlistValue::Real(Real::Double(value))),
        (-2_000_000_000_i32..2_000_000_000).prop_map(|seconds| PlistValue::Date(seconds.into())),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|data| PlistValue::Data(data.into())),
        string().prop_map(|text| PlistValue::String(text.into())),
    ];
    scalar.prop_recursive(4, 48, 16, move |inner| {
        // Whoever keeps keys in a table forgets the second of two.
        let entries = prop::collection::btree_map(string(), inner.clone(), 0..17);
        prop_oneof![
            prop::collection::vec(inner, 0..17).prop_map(PlistValue::Array),
            entries.prop_map(|entries| PlistValue::Dictionary(
                entries
                    .into_iter()
                    .map(|(key, value)| (Text::from(key), value))
                    .collect()
            )),
        ]
    })
}

/// A number of such values, the same in every run, and invitations.
fn samples() -> Vec<Value> {
    let mut runner = TestRunner::deterministic();
    let strategy = values();
    let mut samples: Vec<_> = (0..120)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .collect();
    let captured = Invitation::decode_hex(CAPTURED).unwrap();
    let params = InvitationParams {
        caller: Party {
            jid: "jürgen@example.org/☺",
            name: "Jürgen",
        },
        callee: Party {
            jid: "mac@example.org",
            name: "",
        },
        video: false,
        ice_data: ICE_DATA,
    };
    let built = Invitation::build(SessionId::new(0x1234_5678), &params);
    for invitation in [&captured, &built, &captured.answer(&params)] {
        samples.push(invitation.to_plist().into_owned());
    }
    samples
}

// The plist crate.

fn to_plist(value: &PlistValue<'_>) -> plist::Value {
    let list =
        |members: &[PlistValue<'_>]| plist::Value::Array(members.iter().map(to_plist).collect());
    match value {
        PlistValue::Boolean(value) => plist::Value::Boolean(*value),
        PlistValue::Integer(integer) => match integer.to_i64() {
            Some(value) => plist::Value::Integer(value.into()),
            None => plist::Value::Integer(u64::try_from(integer.value()).unwrap().into()),
        },
        PlistValue::Real(real) => plist::Value::Real(real.value()),
        PlistValue::Date(seconds) => plist::Value::Date(date(*seconds).into()),
        PlistValue::Data(data) => plist::Value::Data(data.to_vec()),
        PlistValue::String(text) => plist::Value::String(text.as_str().unwrap().to_owned()),
        PlistValue::Uid(uid) => plist::Value::Uid(plist::Uid::new(uid.value())),
        PlistValue::Array(members) => list(members),
        PlistValue::Dictionary(entries) => plist::Value::Dictionary(
            entries
                .iter()
                .map(|(key, value)| (key.to_string(), to_plist(value)))
                .collect(),
        ),
        PlistValue::Null | PlistValue::Fill | PlistValue::OrderedSet(_) | PlistValue::Set(_) => {
            panic!("the plist crate knows no {}", value.kind())
        }
    }
}

fn date(seconds: f64) -> SystemTime {
    let begin_of_2001 = SystemTime::UNIX_EPOCH + Duration::from_secs(978_307_200);
    let distance = Duration::from_secs_f64(seconds.abs());
    if seconds < 0.0 {
        begin_of_2001 - distance
    } else {
        begin_of_2001 + distance
    }
}

proptest! {
    #[test]
    fn the_plist_crate_reads_what_we_write(value in values(), uid in any::<u32>()) {
        let value = PlistValue::Array(vec![value, PlistValue::Uid(Uid::new(uid.into()))]);
        let written = encode(&value).unwrap();
        let read = plist::Value::from_reader(std::io::Cursor::new(written)).unwrap();
        prop_assert_eq!(read, to_plist(&value));
    }

    #[test]
    fn we_read_what_the_plist_crate_writes(value in values()) {
        let mut binary = Vec::new();
        to_plist(&value).to_writer_binary(&mut binary).unwrap();
        prop_assert_eq!(to_plist(&decode(&binary).unwrap()), to_plist(&value));
    }

    #[test]
    fn we_read_the_xml_that_the_plist_crate_writes(value in values()) {
        let mut xml = Vec::new();
        to_plist(&value).to_writer_xml(&mut xml).unwrap();
        prop_assert_eq!(to_plist(&xml_plist::decode(&xml).unwrap()), to_plist(&value));
    }
}

#[test]
fn the_plist_crate_and_we_see_the_same_in_every_sample() {
    for value in samples() {
        let written = encode(&value).unwrap();
        let read = plist::Value::from_reader(std::io::Cursor::new(&written)).unwrap();
        assert_eq!(read, to_plist(&value));
    }
}

/// What the plist crate does in place of writing the same octets: why there is a writer of our own.
#[test]
fn the_plist_crate_numbers_objects_otherwise() {
    let captured = hex::decode(CAPTURED.trim()).unwrap();
    let mut written = Vec::new();
    let value = plist::Value::from_reader(std::io::Cursor::new(&captured)).unwrap();
    value.to_writer_binary(&mut written).unwrap();
    assert_ne!(written, captured);
    assert_eq!(encode(&decode(&captured).unwrap()).unwrap(), captured);
}

/// What the plist crate's XML reader passes over in silence: why there is a reader of our own.
#[test]
fn the_plist_crate_loses_text_that_we_keep_or_refuse() {
    let read = |xml: &[u8]| plist::Value::from_reader_xml(xml).unwrap();
    let verbatim = b"<string>a<![CDATA[b]]>c</string>";
    assert_eq!(read(verbatim), plist::Value::String("ac".to_owned()));
    let text = PlistValue::String("abc".into());
    assert_eq!(xml_plist::decode(verbatim).unwrap(), text);
    let unknown = b"<string>a&lol;c</string>";
    assert_eq!(read(unknown), plist::Value::String("ac".to_owned()));
    assert!(xml_plist::decode(unknown).is_err());
}

// Programs.

/// Runs a program with input; none if it is not there.
fn run(program: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(why) => {
            eprintln!("SKIPPED: {program} does not run: {why}");
            assert!(std::env::var_os("CI").is_none(), "{program} is missing");
            return None;
        }
    };
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{program}: {}", output.status);
    Some(output.stdout)
}

/// Reads lines of JSON, each a property list in hex and its value with the types named; prints the
/// lines in which plistlib sees another value.
const PLISTLIB: &str = r#"
import datetime, json, plistlib, struct, sys
def told(v):
    if isinstance(v, bool): return ["boolean", v]
    if isinstance(v, int): return ["integer", str(v)]
    if isinstance(v, float): return ["real", struct.pack(">d", v).hex()]
    if isinstance(v, datetime.datetime): return ["date", int((v - datetime.datetime(2001, 1, 1)).total_seconds())]
    if isinstance(v, bytes): return ["data", v.hex()]
    if isinstance(v, str): return ["string", v]
    if isinstance(v, list): return ["array", [told(x) for x in v]]
    if isinstance(v, dict): return ["dictionary", [[k, told(x)] for k, x in v.items()]]
    return ["?", repr(v)]
seen = 0
for line in sys.stdin:
    octets, expected = json.loads(line)
    found = told(plistlib.loads(bytes.fromhex(octets), fmt=plistlib.FMT_BINARY))
    if found != expected: print(json.dumps([octets, found, expected]))
    seen += 1
print("seen", seen)
"#;

fn told(value: &PlistValue<'_>) -> serde_json::Value {
    match value {
        PlistValue::Boolean(value) => json!(["boolean", value]),
        PlistValue::Integer(value) => json!(["integer", value.value().to_string()]),
        PlistValue::Real(real) => json!(["real", hex::encode(real.value().to_be_bytes())]),
        PlistValue::Date(seconds) => json!(["date", *seconds as i64]),
        PlistValue::Data(data) => json!(["data", hex::encode(data)]),
        PlistValue::String(text) => json!(["string", text.as_str()]),
        PlistValue::Array(members) => {
            json!(["array", members.iter().map(told).collect::<Vec<_>>()])
        }
        PlistValue::Dictionary(entries) => {
            let told =
                |(key, value): &(Text<'_>, PlistValue<'_>)| json!([key.as_str(), told(value)]);
            json!(["dictionary", entries.iter().map(told).collect::<Vec<_>>()])
        }
        PlistValue::Null
        | PlistValue::Fill
        | PlistValue::Uid(_)
        | PlistValue::OrderedSet(_)
        | PlistValue::Set(_) => panic!("no sample has {}", value.kind()),
    }
}

#[test]
fn pythons_plistlib_finds_the_same_values() {
    let python = std::env::var("ICHAT_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let samples = samples();
    let mut lines = String::new();
    for value in &samples {
        let octets = hex::encode(encode(value).unwrap());
        lines.push_str(&json!([octets, told(value)]).to_string());
        lines.push('\n');
    }
    if let Some(output) = run(&python, &["-c", PLISTLIB], lines.as_bytes()) {
        let output = String::from_utf8(output).unwrap();
        assert_eq!(output, format!("seen {}\n", samples.len()));
    }
}

#[test]
fn libplists_plistutil_finds_the_same_values() {
    let mut compared = 0;
    for value in samples() {
        let written = encode(&value).unwrap();
        let Some(xml) = run("plistutil", &["-i", "-", "-f", "xml"], &written) else {
            return;
        };
        let read = plist::Value::from_reader_xml(xml.as_slice()).unwrap();
        assert_eq!(rounded(read), rounded(to_plist(&value)));
        // The XML of libplist is one more that our own reader reads.
        let own = xml_plist::decode(&xml).unwrap();
        assert_eq!(rounded(to_plist(&own)), rounded(to_plist(&value)));
        compared += 1;
    }
    assert!(compared > 100);
}

/// A value with its real numbers in as many digits as libplist prints.
fn rounded(value: plist::Value) -> plist::Value {
    match value {
        plist::Value::Real(real) => plist::Value::String(format!("{real:.3}")),
        plist::Value::Array(members) => {
            plist::Value::Array(members.into_iter().map(rounded).collect())
        }
        plist::Value::Dictionary(entries) => plist::Value::Dictionary(
            entries
                .into_iter()
                .map(|(key, value)| (key, rounded(value)))
                .collect(),
        ),
        other => other,
    }
}
