//! Round trips of generated values, and octets of no meaning.

use ichat_invitation::bplist::{
    Integer, Objects, PlistValue, Real, Text, Uid, decode, encode, salvage,
};
use proptest::prelude::*;

/// Values of every kind, of which equal ones occur.
fn values() -> impl Strategy<Value = PlistValue<'static>> {
    let string = prop_oneof!["[a-c]{0,3}", "\\PC{0,20}", "[a-z]{14,17}", "[☺é]{120,140}"]
        .prop_map(Text::from);
    let width = prop::sample::select(vec![1_u8, 2, 4, 8, 16]);
    let number = (any::<i64>(), width).prop_map(|(value, width)| {
        let value = i128::from(value);
        Integer::with_width(value, width).unwrap_or(Integer::new(value))
    });
    let scalar = prop_oneof![
        Just(PlistValue::Null),
        Just(PlistValue::Fill),
        any::<bool>().prop_map(PlistValue::Boolean),
        number.prop_map(PlistValue::Integer),
        any::<i128>().prop_map(|value| PlistValue::Integer(Integer::new(value))),
        (0_i128..3).prop_map(|value| PlistValue::Integer(Integer::new(value))),
        any::<f32>().prop_map(|value| PlistValue::Real(Real::Single(value))),
        any::<f64>().prop_map(|value| PlistValue::Real(Real::Double(value))),
        any::<f64>().prop_map(PlistValue::Date),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|data| PlistValue::Data(data.into())),
        string.clone().prop_map(PlistValue::String),
        any::<u64>().prop_map(|value| PlistValue::Uid(Uid::new(value))),
        any::<u8>().prop_map(|value| PlistValue::Uid(Uid::new(value.into()))),
    ];
    scalar.prop_recursive(4, 64, 16, move |inner| {
        let members = prop::collection::vec(inner.clone(), 0..17);
        prop_oneof![
            members.clone().prop_map(PlistValue::Array),
            members.clone().prop_map(PlistValue::Set),
            members.prop_map(PlistValue::OrderedSet),
            prop::collection::vec((string.clone(), inner), 0..17).prop_map(PlistValue::Dictionary),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(value in values()) {
        let written = encode(&value).unwrap();
        prop_assert_eq!(&decode(&written).unwrap(), &value);
        // And nothing of it is left to chance.
        prop_assert_eq!(encode(&decode(&written).unwrap()).unwrap(), written);
    }

    #[test]
    fn a_scan_finds_all_objects_of_what_we_write(value in values()) {
        let written = encode(&value).unwrap();
        let trailer = *Objects::open(&written).unwrap().trailer();
        let found = salvage(&written).unwrap();
        prop_assert_eq!(found.fault(), None);
        prop_assert_eq!(found.len(), trailer.object_count);
        let objects = Objects::open(&written).unwrap();
        for (found, expected) in found.objects().zip(objects.iter()) {
            prop_assert_eq!(format!("{found:?}"), format!("{:?}", expected.unwrap()));
        }
    }

    #[test]
    fn octets_of_no_meaning_end_in_a_value_or_an_error(
        body in prop::collection::vec(any::<u8>(), 0..200),
        widths in (0_u8..4, 0_u8..4),
        count in 0_u64..40,
    ) {
        let mut list = b"bplist00".to_vec();
        list.extend(&body);
        list.extend([0, 0, 0, 0, 0, 0, widths.0, widths.1]);
        let table = (8 + body.len() as u64).saturating_sub(count * u64::from(widths.0));
        for number in [count, 0, table] {
            list.extend(number.to_be_bytes());
        }
        if let Ok(value) = decode(&list) {
            let written = encode(&value).unwrap();
            prop_assert_eq!(encode(&decode(&written).unwrap()).unwrap(), written);
        }
        if let Ok(found) = salvage(&list) {
            found.entries();
        }
    }
}
