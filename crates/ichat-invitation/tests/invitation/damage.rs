//! Invitations that are cut or broken, and what is none.

use ichat_invitation::bplist::{DecodeError, Kind, PlistValue, encode};
use ichat_invitation::invitation::INVITATION_FIELDS;
use ichat_invitation::{HexTextError, Invitation, InvitationError};

use super::*;

const PREFIX: &str = include_str!("../vectors/invitation-2010.prefix.hex");

#[test]
fn what_is_no_invitation_is_told_by_what_it_is() {
    let found = Invitation::decode(b"\x04\x0bstreamtyped").unwrap_err();
    assert_eq!(
        found,
        InvitationError::Form {
            found: *b"\x04\x0bstream"
        }
    );
    assert_eq!(found.offset(), Some(0));
    let list = encode(&PlistValue::Array(vec![])).unwrap();
    let found = Invitation::decode(&list).unwrap_err();
    assert_eq!(found, InvitationError::Kind { found: Kind::Array });
    let found = Invitation::decode_hex("62x").unwrap_err();
    assert_eq!(
        found,
        InvitationError::Hex(HexTextError::NotHex {
            offset: 2,
            found: 'x'
        })
    );
    let found = Invitation::decode(b" <plist><key/></plist>").unwrap_err();
    assert_eq!(found.offset(), Some(8));
}

#[test]
fn the_cut_capture_is_an_error_that_says_where_and_still_shows_what_is_there() {
    let found = Invitation::decode_hex(PREFIX).unwrap_err();
    let cut = InvitationError::Cut(DecodeError::Truncated {
        offset: 100,
        expected: 523,
        found: 350,
    });
    assert_eq!(found, cut);
    assert_eq!(
        found.to_string(),
        "an invitation as binary property list, cut short: at octet 100: expected 523 octets, \
         found 350"
    );
    let salvaged = Invitation::salvage_hex(PREFIX).unwrap();
    assert_eq!(salvaged.fault, Some(cut));
    let keys: Vec<_> = INVITATION_FIELDS.iter().map(|field| field.key).collect();
    assert_eq!(salvaged.keys, keys);
    assert_eq!(salvaged.invitation.session_id, captured().session_id);
    assert_eq!(salvaged.invitation.invitees, []);
    let data = salvaged.ice_data.unwrap();
    assert_eq!((data.offset, data.expected), (100, 523));
    assert_eq!(data.octets, ICE_DATA[..350]);
}

#[test]
fn a_whole_invitation_is_salvaged_whole() {
    let salvaged = Invitation::salvage_hex(HEX).unwrap();
    assert_eq!(salvaged.invitation, captured());
    assert_eq!(salvaged.keys.len(), 5);
    assert_eq!((salvaged.ice_data, salvaged.fault), (None, None));
    // Hex that goes wrong ends there.
    let wrong = HEX.trim().replace("63616c6c6565", "63616c6c-565");
    let salvaged = Invitation::salvage_hex(&wrong).unwrap();
    assert!(matches!(
        salvaged.fault,
        Some(InvitationError::Hex(HexTextError::NotHex { .. }))
    ));
    assert_eq!(salvaged.invitation.invitees[0], captured().invitees[0]);
    assert_eq!(salvaged.invitation.ice_data.as_deref(), Some(ICE_DATA));
    assert!(Invitation::salvage_hex("zz").is_err());
    assert!(Invitation::salvage(b"bplist00").is_err());
}

/// Reads damaged octets in every way there is: no panic, and less than 1 MiB is ever allocated.
fn survives(octets: &[u8]) -> Option<Invitation> {
    let mut read = None;
    let cost = allocation_counter::measure(|| {
        read = Invitation::decode(octets).ok();
        if let Some(invitation) = &read {
            drop(invitation.ice_data());
            drop(invitation.deviations());
            drop(invitation.encode());
        }
        drop(Invitation::salvage(octets));
    });
    assert!(cost.bytes_total < 1 << 20, "{cost:?}");
    read
}

#[test]
fn every_truncation_ends_in_an_error_and_in_what_is_left() {
    let whole = octets();
    for length in 0..whole.len() {
        assert_eq!(survives(&whole[..length]), None, "cut at {length}");
        let salvaged = Invitation::salvage(&whole[..length]);
        // The dictionary ends at octet 19, its last key at 91, the session id at 96.
        assert_eq!(salvaged.is_ok(), length >= 19, "cut at {length}");
        if let Ok(salvaged) = salvaged {
            let invitation = salvaged.invitation;
            assert_eq!(salvaged.keys.len() == 5, length >= 91, "cut at {length}");
            assert_eq!(
                invitation.session_id.is_some(),
                length >= 96,
                "cut at {length}"
            );
            assert_eq!(
                invitation.ice_data.is_some(),
                length >= 623,
                "cut at {length}"
            );
            assert!(salvaged.fault.is_some());
        }
    }
}

#[test]
fn every_change_of_one_octet_ends_in_a_value_or_an_error() {
    let whole = octets();
    let mut values = 0;
    let mut damaged = whole.clone();
    for offset in 0..whole.len() {
        let original = whole[offset];
        let flips = (0..8).map(|bit| original ^ (1 << bit));
        for octet in flips.chain([0x00, 0x0f, 0x13, 0x4f, 0x5f, 0x6f, 0xaf, 0xdf, 0xff]) {
            damaged[offset] = octet;
            values += usize::from(survives(&damaged).is_some());
        }
        damaged[offset] = original;
    }
    // Most octets are content, which may be anything.
    assert!(values > 10_000, "{values}");
}
