//! XML property lists: every element, what is refused, damage.
#![cfg(feature = "plist")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers may fail the test"
)]

use ichat_invitation::bplist::{Integer, Kind, Limits, PlistValue, Real, Uid};
use ichat_invitation::xml_plist::{XmlError, decode, decode_with, is_xml};
use proptest::prelude::*;

const INVITATION: &[u8] = include_bytes!("vectors/property-lists/invitation.xml");

fn value(xml: &str) -> PlistValue<'_> {
    decode(xml.as_bytes()).unwrap()
}

fn string(text: &str) -> PlistValue<'_> {
    PlistValue::String(text.into())
}

fn integer(value: i128) -> PlistValue<'static> {
    PlistValue::Integer(Integer::new(value))
}

#[test]
fn every_element_is_read() {
    let data = |octets: &'static [u8]| PlistValue::Data(octets.into());
    let real = |value| PlistValue::Real(Real::Double(value));
    let cases = [
        ("<true/>", PlistValue::Boolean(true)),
        ("<false></false>", PlistValue::Boolean(false)),
        ("<integer>7</integer>", integer(7)),
        (
            "<integer> -9223372036854775808\n</integer>",
            integer(i64::MIN.into()),
        ),
        (
            "<integer>+18446744073709551615</integer>",
            integer(u64::MAX.into()),
        ),
        ("<integer>0x1c3B4d78</integer>", integer(0x1c3b_4d78)),
        ("<real>1.5</real>", real(1.5)),
        ("<real>-1e-3</real>", real(-0.001)),
        ("<real>+infinity</real>", real(f64::INFINITY)),
        ("<date>2001-01-01T00:00:00Z</date>", PlistValue::Date(0.0)),
        (
            "<date>2010-11-21T19:48:04Z</date>",
            PlistValue::Date(312_061_684.0),
        ),
        (
            "<date>1970-01-01T00:00:00Z</date>",
            PlistValue::Date(-978_307_200.0),
        ),
        (
            "<date>2000-02-29T23:59:59Z</date>",
            PlistValue::Date(-26_438_401.0),
        ),
        ("<string/>", string("")),
        ("<string>mac</string>", string("mac")),
        ("<string> a\n</string>", string(" a\n")),
        (
            "<string>☺ &lt;&amp;&gt;&quot;&apos;</string>",
            string("☺ <&>\"'"),
        ),
        (
            "<string>&#65;&#x263a;&#x10ffff;</string>",
            string("A☺\u{10ffff}"),
        ),
        (
            "<string>a<![CDATA[<b>&amp;]]>c</string>",
            string("a<b>&amp;c"),
        ),
        ("<string>a<!-- no -->b<?no?>c</string>", string("abc")),
        ("<data></data>", data(b"")),
        (
            "<data>\n\tBAtz dHJl\r\nYW0=\n</data>",
            data(b"\x04\x0bstream"),
        ),
        ("<data>AP8</data>", data(b"\x00\xff")),
        ("<data>AA==</data>", data(b"\x00")),
        ("<array/>", PlistValue::Array(vec![])),
        (
            "<array> <true/> <string>a</string></array>",
            PlistValue::Array(vec![PlistValue::Boolean(true), string("a")]),
        ),
        ("<dict></dict>", PlistValue::Dictionary(vec![])),
        (
            "<dict><key>b</key><true/><key>a&amp;</key><array/></dict>",
            PlistValue::Dictionary(vec![
                ("b".into(), PlistValue::Boolean(true)),
                ("a&".into(), PlistValue::Array(vec![])),
            ]),
        ),
        (
            "<dict><key>CF$UID</key><integer>7</integer></dict>",
            PlistValue::Uid(Uid::new(7)),
        ),
    ];
    for (xml, expected) in cases {
        assert_eq!(value(xml), expected, "{xml}");
        let whole = format!(
            "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \
             \"-//Apple//DTD PLIST 1.0//EN\" \"http://example.org/a>b[.dtd\">\n<plist \
             version='1.0' a=\">\"> {xml}\n</plist >\n<!-- end -->\n"
        );
        assert_eq!(value(&whole), expected, "{whole}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let cases = [
        (
            "",
            "at octet 0: expected an element, found the end of the document",
        ),
        (
            "<plist>",
            "at octet 7: expected a value, found the end of the document",
        ),
        (
            "<plist></plist>",
            "at octet 7: expected a value, found \"plist\"",
        ),
        (
            "<plist><true/>",
            "at octet 14: expected plist, found the end of the document",
        ),
        (
            "<true/>x",
            "at octet 7: expected the end of the document, found \"x\"",
        ),
        (
            "<true/><true/>",
            "at octet 7: expected the end of the document, found \"true\"",
        ),
        (
            "<plist>x<true/></plist>",
            "at octet 7: expected a value, found \"x\"",
        ),
        ("<tru/>", "at octet 0: expected a value, found \"tru\""),
        (
            "<key>a</key>",
            "at octet 0: expected a value, found \"key\"",
        ),
        (
            "<array><key>a</key></array>",
            "at octet 7: expected a value, found \"key\"",
        ),
        (
            "<array></dict>",
            "at octet 7: expected array, found \"dict\"",
        ),
        (
            "<dict><true/></dict>",
            "at octet 6: expected a key, found \"true\"",
        ),
        (
            "<dict><key>a</key></dict>",
            "at octet 18: expected the value of a key, found \"dict\"",
        ),
        (
            "<string>a</strin>",
            "at octet 9: expected string, found \"strin\"",
        ),
        (
            "<string>a<b/></string>",
            "at octet 9: expected string, found \"b\"",
        ),
        (
            "<string>a",
            "at octet 9: expected string, found the end of the document",
        ),
        (
            "<string",
            "at octet 0: expected the end of a tag, found the end of the document",
        ),
        (
            "<!-- ",
            "at octet 0: expected the end of a comment, found the end of the document",
        ),
        (
            "<?xml",
            "at octet 0: expected the end of an instruction, found the end of the document",
        ),
        (
            "<!ENTITY a 'b'>",
            "at octet 0: expected an element, found \"<!ENTITY a 'b'>\"",
        ),
        (
            "<!DOCTYPE a [",
            "at octet 12: expected a document type without declarations, found \"[\"",
        ),
        (
            "<string>a &lol; b</string>",
            "at octet 10: expected an entity of XML itself, found \"&lol; b\"",
        ),
        (
            "<string>&#xd800;</string>",
            "at octet 8: expected an entity of XML itself, found \"&#xd800;\"",
        ),
        (
            "<string>&amp</string>",
            "at octet 8: expected an entity of XML itself, found \"&amp\"",
        ),
        (
            "<integer>1.5</integer>",
            "at octet 0: expected a whole number of 64 bits, found \"1.5\"",
        ),
        (
            "<integer/>",
            "at octet 0: expected a whole number of 64 bits, found \"\"",
        ),
        (
            "<integer>--1</integer>",
            "at octet 0: expected a whole number of 64 bits, found \"--1\"",
        ),
        (
            "<integer>0x+1</integer>",
            "at octet 0: expected a whole number of 64 bits, found \"0x+1\"",
        ),
        (
            "<integer>-9223372036854775809</integer>",
            "at octet 0: expected a whole number of 64 bits, found \"-9223372036854775809\"",
        ),
        (
            "<real>1,5</real>",
            "at octet 0: expected a floating-point number, found \"1,5\"",
        ),
        (
            "<date>2001-02-29T00:00:00Z</date>",
            "at octet 0: expected a date as 2001-01-01T00:00:00Z, found \"2001-02-29T00:00:00Z\"",
        ),
        (
            "<date>2001-01-01T24:00:00Z</date>",
            "at octet 0: expected a date as 2001-01-01T00:00:00Z, found \"2001-01-01T24:00:00Z\"",
        ),
        (
            "<date>2001-01-01</date>",
            "at octet 0: expected a date as 2001-01-01T00:00:00Z, found \"2001-01-01\"",
        ),
        (
            "<data>A*==</data>",
            "at octet 0: expected data in base64, found \"*==\"",
        ),
        (
            "<data>A</data>",
            "at octet 0: expected data in base64, found \"A\"",
        ),
        (
            "<data>AA==AA==</data>",
            "at octet 0: expected data in base64, found \"AA==\"",
        ),
        (
            "<data>AA=</data>",
            "at octet 0: expected data in base64, found \"AA=\"",
        ),
        (
            "<string>\u{1b}[31m</string><",
            "at octet 22: expected the end of a tag, found the end of the document",
        ),
    ];
    for (xml, expected) in cases {
        let fault = decode(xml.as_bytes()).unwrap_err();
        assert_eq!(fault.to_string(), expected, "{xml}");
        assert!(
            expected.starts_with(&format!("at octet {}:", fault.offset())),
            "{xml}"
        );
    }
    let fault = decode(b"<string>\xff</string>").unwrap_err();
    assert_eq!(
        fault,
        XmlError::Encoding {
            offset: 8,
            found: 0xff
        }
    );
    // What a peer wrote is quoted with escapes, and not all of it.
    let fault = decode("<\u{1b}[31m☺☺☺☺☺☺☺☺☺/>".as_bytes()).unwrap_err();
    assert_eq!(
        fault.to_string(),
        "at octet 0: expected a value, found \"\\u{1b}[31m☺☺☺☺☺☺\""
    );
}

#[test]
fn limits_can_be_tightened() {
    let xml = b"<array><dict><key>a</key><true/></dict></array>";
    let limits = |depth, objects| Limits {
        octets: xml.len(),
        depth,
        objects,
    };
    assert_eq!(decode_with(xml, limits(2, 4)).unwrap().kind(), Kind::Array);
    let fault = decode_with(xml, limits(1, 4)).unwrap_err();
    assert_eq!(
        fault,
        XmlError::Depth {
            offset: 7,
            limit: 1
        }
    );
    let fault = decode_with(xml, limits(2, 3)).unwrap_err();
    assert_eq!(
        fault,
        XmlError::Objects {
            offset: 25,
            limit: 3
        }
    );
}

#[test]
fn xml_is_told_from_other_things() {
    assert!(is_xml(INVITATION));
    assert!(is_xml(b"\xef\xbb\xbf\r\n <plist>"));
    assert!(!is_xml(b"bplist00"));
    assert!(!is_xml(b""));
}

#[test]
fn every_truncation_is_an_error_and_every_change_ends_somewhere() {
    let end = INVITATION.trim_ascii_end().len();
    let mut damaged = INVITATION.to_vec();
    for length in 0..end {
        assert!(decode(&INVITATION[..length]).is_err(), "cut at {length}");
    }
    for offset in 0..INVITATION.len() {
        for octet in *b"<>&/\"[]=;\0\xff" {
            damaged[offset] = octet;
            let cost = allocation_counter::measure(|| drop(decode(&damaged)));
            assert!(cost.bytes_total < 1 << 16, "{cost:?}");
        }
        damaged[offset] = INVITATION[offset];
    }
}

proptest! {
    #[test]
    fn any_text_ends_in_a_value_or_an_error(text in "(<(/?(array|dict|key|string|data|true/)|!--)>?|&|[a;]| |-->){0,30}") {
        drop(decode(text.as_bytes()));
    }
}
