//! Lists without their end.

use ichat_invitation::bplist::{
    DecodeError, Kind, Objects, PlistValue, SalvagedValue, decode, encode, salvage,
};

use super::*;

const PREFIX: &str = include_str!("../vectors/invitation-2010.prefix.hex");

#[test]
fn the_cut_capture_shows_its_keys_its_session_id_and_350_octets_of_data() {
    let cut = octets(PREFIX);
    assert_eq!(cut.len(), 450);
    let found = salvage(&cut).unwrap();
    assert_eq!(found.len(), 7);
    let fault = DecodeError::Truncated {
        offset: 100,
        expected: 523,
        found: 350,
    };
    assert_eq!(found.fault(), Some(fault));
    let partial = found.partial().unwrap();
    assert_eq!(
        (partial.number, partial.offset, partial.content_offset),
        (7, 96, 100)
    );
    assert_eq!((partial.kind, partial.expected), (Kind::Data, 523));
    assert_eq!(partial.octets, &cut[100..]);
    let entries = found.entries();
    let keys: Vec<_> = entries
        .iter()
        .map(|entry| entry.key.clone().unwrap())
        .collect();
    assert_eq!(
        keys,
        [
            "VCSessionID",
            "VCICEData",
            "VCInviteesList",
            "VCSecurityEnabled",
            "VCOrderIsFinal"
        ]
    );
    assert_eq!(entries[0].value, SalvagedValue::Whole(integer(0x1c3b_4d78)));
    assert_eq!(entries[1].value, SalvagedValue::Cut(partial));
    assert_eq!(
        (
            entries[3].value_reference.offset,
            entries[3].value_reference.number
        ),
        (17, 26)
    );
    for entry in &entries[2..] {
        assert_eq!(entry.value, SalvagedValue::Missing);
    }
}

#[test]
fn a_list_cut_anywhere_shows_what_is_whole_and_never_anything_else() {
    let whole = octets(HEX);
    let value = decode(&whole).unwrap();
    for length in 19..whole.len() {
        let found = salvage(&whole[..length]).unwrap();
        let objects = Objects::open(&whole).unwrap();
        for (object, expected) in found.objects().zip(objects.iter()) {
            assert_eq!(object, expected.unwrap(), "cut at {length}");
        }
        // All 32 objects end at octet 917.
        assert_eq!(found.fault().is_none(), length >= 917, "cut at {length}");
        for entry in found.entries() {
            let expected = entry.key.and_then(|key| value.get(key.as_str()?));
            match (entry.value, expected) {
                (SalvagedValue::Whole(value), Some(expected)) => assert_eq!(value, *expected),
                (SalvagedValue::Whole(_), None) => {}
                (SalvagedValue::Incomplete(value), _) => assert_eq!(value.kind(), Kind::Array),
                (SalvagedValue::Cut(_) | SalvagedValue::Missing, _) => {}
            }
        }
    }
}

#[test]
fn of_a_cut_container_the_whole_members_are_saved() {
    let whole = octets(HEX);
    // Within the second member's name.
    let found = salvage(&whole[..890]).unwrap();
    let entries = found.entries();
    let SalvagedValue::Incomplete(PlistValue::Array(members)) = &entries[2].value else {
        panic!("{:?}", entries[2].value);
    };
    assert_eq!(members.len(), 2);
    assert_eq!(members[0].as_dictionary().unwrap().len(), 10);
    assert_eq!(
        members[1].get("presentityID"),
        Some(&text("callee@jabber.example"))
    );
    assert_eq!(members[1].get("vcPartyID"), None);
    assert_eq!(
        entries[3].value,
        SalvagedValue::Whole(PlistValue::Boolean(false))
    );
}

#[test]
fn salvage_sees_the_width_of_references() {
    let numbers = PlistValue::Array((0..300).map(integer).collect());
    let written = encode(&numbers).unwrap();
    let found = salvage(&written[..written.len() - 700]).unwrap();
    assert_eq!(found.reference_width(), 2);
    assert!(found.len() > 200);
    assert_eq!(found.object(0).unwrap().references().count(), 300);
    assert!(salvage(b"bplist00").unwrap().is_empty());
    assert!(salvage(b"<plist>").is_err());
}
