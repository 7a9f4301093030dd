//! Hex text: cases, white space, faults with their places, round trips, memory.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's helpers may fail the test"
)]

use ichat_invitation::HexTextError;
use ichat_invitation::hex_text::{MAX_TEXT_LEN, decode, decode_lossy, encode};
use proptest::prelude::*;

const INVITATION: &str = include_str!("vectors/invitation-2010.hex");
const PREFIX: &str = include_str!("vectors/invitation-2010.prefix.hex");

/// What the reader must find, told the slow way: one character after the other.
fn model(text: &str) -> (Vec<u8>, Option<HexTextError>) {
    let mut digits = Vec::new();
    let mut fault = None;
    for (offset, found) in text.char_indices() {
        match found.to_digit(16) {
            Some(value) => digits.push((u8::try_from(value).unwrap(), offset)),
            None if found.is_whitespace() => {}
            None => {
                fault = Some(HexTextError::NotHex { offset, found });
                break;
            }
        }
    }
    if fault.is_none() && digits.len() % 2 == 1 {
        fault = Some(HexTextError::OddDigits {
            offset: digits.last().unwrap().1,
            found: digits.len(),
        });
    }
    let octets = digits
        .chunks_exact(2)
        .map(|pair| pair[0].0 << 4 | pair[1].0)
        .collect();
    (octets, fault)
}

#[test]
fn the_captured_text_reads_and_writes_back() {
    let octets = decode(INVITATION).unwrap();
    assert_eq!(octets.len(), 1013);
    assert!(octets.starts_with(b"bplist00"));
    assert_eq!(encode(&octets), INVITATION.trim());
    assert!(octets.starts_with(&decode(PREFIX).unwrap()));
}

#[test]
fn upper_case_and_white_space_read_as_the_same_octets_at_every_alignment() {
    let octets = decode(INVITATION).unwrap();
    let digits = INVITATION.trim().to_uppercase();
    for columns in 1..80 {
        let lines: Vec<_> = digits
            .as_bytes()
            .chunks(columns)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        let text = format!("\n{}\u{a0}\r\n", lines.join(" \t\n"));
        assert_eq!(decode(&text).as_ref(), Ok(&octets), "{columns} columns");
    }
}

#[test]
fn a_blank_text_stands_for_no_octets() {
    for text in ["", "\n", " \t\r\n\u{2003}"] {
        assert_eq!(decode(text), Ok(Vec::new()), "{text:?}");
    }
}

#[test]
fn a_fault_is_told_with_its_place_wherever_it_stands() {
    let digits = INVITATION.trim();
    for at in 0..=digits.len() {
        let (before, after) = digits.split_at(at);
        let text = format!("\n {before}ß{after}");
        let (offset, found) = (at + 2, 'ß');
        let (octets, fault) = decode_lossy(&text);
        assert_eq!(fault, Some(HexTextError::NotHex { offset, found }));
        assert_eq!(octets, decode(&before[..at & !1]).unwrap());
        assert_eq!(decode(&text), Err(HexTextError::NotHex { offset, found }));
    }
}

#[test]
fn neighbours_of_the_digits_in_ascii_are_no_digits() {
    for found in ['/', ':', '@', 'G', '`', 'g', '\0', '\u{7f}', 'x', '-'] {
        let text = format!("{}{found}{}", "0".repeat(33), "0".repeat(70));
        let error = HexTextError::NotHex { offset: 33, found };
        assert_eq!(decode(&text), Err(error));
    }
}

#[test]
fn a_lone_digit_at_the_end_is_told_and_the_octets_before_it_are_kept() {
    let (octets, fault) = decode_lossy(" 0aF\n");
    assert_eq!(octets, [0x0a]);
    let fault = fault.unwrap();
    assert_eq!(
        fault,
        HexTextError::OddDigits {
            offset: 3,
            found: 3
        }
    );
    assert_eq!(
        fault.to_string(),
        "hex text ends in half an octet at offset 3: expected an even number of digits, found 3"
    );
}

#[test]
fn a_text_above_the_limit_is_refused_unread_and_one_at_the_limit_is_read() {
    let mut text = "0".repeat(MAX_TEXT_LEN);
    assert_eq!(decode(&text).unwrap().len(), MAX_TEXT_LEN / 2);
    text.push('0');
    let error = HexTextError::TooLong {
        limit: MAX_TEXT_LEN,
        found: MAX_TEXT_LEN + 1,
    };
    assert_eq!(decode_lossy(&text), (Vec::new(), Some(error)));
}

#[test]
fn reading_allocates_once_and_half_a_text_at_most() {
    let spread = "a \n".repeat(MAX_TEXT_LEN / 3);
    for text in [INVITATION, &spread] {
        let info = allocation_counter::measure(|| {
            decode_lossy(text);
        });
        assert_eq!(info.count_total, 1);
        assert!(info.bytes_total <= (text.len() / 2) as u64);
    }
}

proptest! {
    #[test]
    fn octets_survive_the_round_trip(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(decode(&encode(&octets)), Ok(octets));
    }

    #[test]
    fn texts_read_as_a_slow_reader_reads_them(text in "[0-9a-fA-F]{0,90}[ \n0-9a-fA-F]{0,9}[0-9a-fA-F]{0,90}[ -~é]{0,2}[0-9a-f]{0,9}") {
        prop_assert_eq!(decode_lossy(&text), model(&text));
    }

    #[test]
    fn any_text_reads_as_a_slow_reader_reads_it(text in any::<String>()) {
        prop_assert_eq!(decode_lossy(&text), model(&text));
    }
}
