//! Invitations that differ from the captured form.

use ichat_invitation::bplist::{Kind, PlistValue, Real, Text, decode, encode};
use ichat_invitation::invitation::{Deviation, INVITATION_FIELDS, INVITEE_FIELDS, Place};
use ichat_invitation::{Invitation, InviteeState};

use super::*;

#[test]
fn what_is_not_changed_is_written_as_it_came_and_what_is_changed_is_not() {
    let odd = changed(|entries| {
        set(entries, "VCSecurityEnabled", integer(1, 2));
        set(
            member(entries, 0),
            "state",
            PlistValue::Real(Real::Single(2.0)),
        );
        set(
            member(entries, 0),
            "presentityName",
            PlistValue::String(Text::Narrow(b"B\xe4r".into())),
        );
        set(member(entries, 1), "error", integer(0, 4));
        set(
            member(entries, 1),
            "usingICE",
            PlistValue::Data(b"?".into()),
        );
    });
    let mut invitation = Invitation::decode(&odd).unwrap();
    assert_eq!(invitation.security_enabled, Some(true));
    assert_eq!(invitation.invitees[0].state, Some(InviteeState::Waiting));
    assert_eq!(
        invitation.invitees[0].presentity_name.as_deref(),
        Some("B\u{fffd}r")
    );
    assert_eq!(invitation.invitees[1].error, Some(0));
    assert_eq!(invitation.invitees[1].using_ice, None);
    assert_eq!(invitation.encode().unwrap(), odd);

    invitation.security_enabled = Some(false);
    invitation.invitees[0].state = Some(InviteeState::None);
    invitation.invitees[0].presentity_name = Some("Caller".to_owned());
    invitation.invitees[1].error = None;
    invitation.invitees[1].using_ice = Some(true);
    let expected = changed(|entries| member(entries, 1).retain(|(key, _)| *key != "error"));
    assert_eq!(invitation.encode().unwrap(), expected);
}

#[test]
fn a_field_that_was_not_there_is_written_behind_the_others() {
    let without = changed(|entries| entries.retain(|(key, _)| *key != "VCInviteesList"));
    let mut invitation = Invitation::decode(&without).unwrap();
    assert_eq!(invitation.invitees, []);
    assert_eq!(invitation.encode().unwrap(), without);
    invitation.invitees = captured().invitees;
    let written = invitation.encode().unwrap();
    let last = decode(&written)
        .unwrap()
        .as_dictionary()
        .unwrap()
        .last()
        .unwrap()
        .0
        .to_string();
    assert_eq!(last, "VCInviteesList");
    assert_eq!(
        Invitation::decode(&written).unwrap().invitees,
        captured().invitees
    );
}

#[test]
fn unknown_keys_and_the_order_of_keys_survive() {
    let odd = changed(|entries| {
        entries.reverse();
        entries.insert(
            2,
            (
                "VCNew".into(),
                PlistValue::Array(vec![PlistValue::Date(1.0)]),
            ),
        );
        entries.push(("VCSessionID".into(), PlistValue::Boolean(true)));
        member(entries, 1).swap(0, 9);
        member(entries, 1).push(("usingBundle".into(), PlistValue::Boolean(true)));
    });
    let invitation = Invitation::decode(&odd).unwrap();
    assert_eq!(invitation.encode().unwrap(), odd);
    assert_eq!(invitation.session_id, captured().session_id);
    let unknown: Vec<_> = invitation
        .unknown()
        .map(|(key, value)| (key, value.kind()))
        .collect();
    let expected = [
        ("VCNew".into(), Kind::Array),
        ("VCSessionID".into(), Kind::Boolean),
    ];
    assert_eq!(unknown, expected);
    assert_eq!(
        invitation.deviations(),
        [
            Deviation::Unknown {
                place: Place::Invitation,
                key: "VCNew".to_owned(),
                found: Kind::Array,
            },
            Deviation::Repeated {
                place: Place::Invitation,
                key: "VCSessionID",
            },
            Deviation::Order {
                place: Place::Invitation,
            },
            Deviation::Unknown {
                place: Place::Invitee(1),
                key: "usingBundle".to_owned(),
                found: Kind::Boolean,
            },
            Deviation::Order {
                place: Place::Invitee(1),
            },
        ]
    );
}

#[test]
fn differences_from_the_captured_form_are_told_one_by_one() {
    let odd = changed(|entries| {
        set(entries, "VCSessionID", integer(7, 1));
        set(entries, "VCOrderIsFinal", PlistValue::Boolean(true));
        set(member(entries, 0), "ardRole", integer(3, 4));
        set(
            member(entries, 0),
            "invitedBy",
            PlistValue::String("caller@jabber.example".into()),
        );
        set(
            member(entries, 0),
            "presentityName",
            PlistValue::String(Text::Narrow(b"\xe4".into())),
        );
        set(member(entries, 1), "sendingVideo", integer(0, 1));
        set(
            member(entries, 1),
            "vcPartyID",
            PlistValue::String("x".into()),
        );
        set(member(entries, 1), "state", PlistValue::Null);
        member(entries, 1).retain(|(key, _)| *key != "error");
        let third = PlistValue::String("third".into());
        let Some((_, PlistValue::Array(members))) = entries.get_mut(2) else {
            panic!("no list");
        };
        members.push(third);
    });
    let invitation = Invitation::decode(&odd).unwrap();
    assert_eq!(invitation.encode().unwrap(), odd);
    let told: Vec<_> = invitation
        .deviations()
        .iter()
        .map(Deviation::to_string)
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn nothing_at_all_is_an_invitation_too() {
    let empty = encode(&PlistValue::Dictionary(vec![])).unwrap();
    let invitation = Invitation::decode(&empty).unwrap();
    assert_eq!(invitation, Invitation::default());
    assert_eq!(invitation.encode().unwrap(), empty);
    let missing = |deviation: &Deviation| matches!(deviation, Deviation::Missing { .. });
    assert_eq!(
        invitation
            .deviations()
            .iter()
            .filter(|told| missing(told))
            .count(),
        5
    );
}

#[test]
fn wrong_types_lose_nothing_but_themselves() {
    for key in INVITATION_FIELDS.iter().map(|field| field.key) {
        let odd = changed(|entries| set(entries, key, PlistValue::Set(vec![])));
        let invitation = Invitation::decode(&odd).unwrap();
        assert_eq!(invitation.encode().unwrap(), odd, "{key}");
        let told = invitation.deviations();
        let wrong = |told: &Deviation| matches!(told, Deviation::Kind { key: found, found: Kind::Set, .. } if *found == key);
        assert!(told.iter().any(wrong), "{key}: {told:?}");
    }
    for key in INVITEE_FIELDS.iter().map(|field| field.key) {
        let odd = changed(|entries| set(member(entries, 1), key, PlistValue::Set(vec![])));
        let invitation = Invitation::decode(&odd).unwrap();
        assert_eq!(invitation.encode().unwrap(), odd, "{key}");
        let mut expected = captured();
        expected.invitees.truncate(1);
        assert_eq!(invitation.invitees[0], expected.invitees[0], "{key}");
        assert!(!invitation.deviations().is_empty(), "{key}");
    }
}

#[test]
fn at_most_64_members_are_looked_at_and_all_are_kept() {
    let odd = changed(|entries| {
        let members = vec![PlistValue::Dictionary(vec![]); 70];
        set(entries, "VCInviteesList", PlistValue::Array(members));
    });
    let invitation = Invitation::decode(&odd).unwrap();
    assert_eq!(invitation.invitees.len(), 64);
    assert_eq!(invitation.encode().unwrap(), odd);
    let told = invitation.deviations();
    assert!(told.contains(&Deviation::Members { found: 70 }));
    assert!(told.contains(&Deviation::Surplus { found: 6 }));
    assert_eq!(told.len(), 257, "the rest is not told");
    assert_eq!(told.last(), Some(&Deviation::More));
}
