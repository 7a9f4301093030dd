//! Invitations: the captured one, other forms of it, our own; odd and broken ones in the modules.
#![cfg(feature = "plist")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test's helpers may fail the test"
)]

mod damage;
mod generated;
mod odd;

use ichat_invitation::bplist::{Integer, PlistValue, Text, decode, encode};
use ichat_invitation::invitation::{Deviation, Form};
use ichat_invitation::{Invitation, InvitationParams, InviteeState, Party, SessionId, hex_text};

const HEX: &str = include_str!("../vectors/invitation-2010.hex");
const ICE_DATA: &[u8] = include_bytes!("../vectors/vcicedata-intel.typedstream");

fn captured() -> Invitation {
    Invitation::decode_hex(HEX).unwrap()
}

fn octets() -> Vec<u8> {
    hex_text::decode(HEX).unwrap()
}

type Entries = Vec<(Text<'static>, PlistValue<'static>)>;

/// The captured invitation as a value, changed.
fn changed(change: impl FnOnce(&mut Entries)) -> Vec<u8> {
    let PlistValue::Dictionary(mut entries) = decode(&octets()).unwrap().into_owned() else {
        panic!("no dictionary");
    };
    change(&mut entries);
    encode(&PlistValue::Dictionary(entries)).unwrap()
}

fn set(entries: &mut Entries, key: &str, value: PlistValue<'static>) {
    entries.iter_mut().find(|(name, _)| name == key).unwrap().1 = value;
}

/// The entries of a member of the captured list.
fn member(entries: &mut Entries, index: usize) -> &mut Entries {
    let list = entries
        .iter_mut()
        .find(|(name, _)| name == "VCInviteesList");
    let Some((_, PlistValue::Array(members))) = list else {
        panic!("no list");
    };
    let PlistValue::Dictionary(member) = &mut members[index] else {
        panic!("no dictionary");
    };
    member
}

fn integer(value: i128, width: u8) -> PlistValue<'static> {
    PlistValue::Integer(Integer::with_width(value, width).unwrap())
}

#[test]
fn the_captured_invitation_says_what_the_description_says() {
    let invitation = captured();
    let id = invitation.session_id.unwrap();
    assert_eq!(
        (id.integer().value(), id.integer().width()),
        (0x1c3b_4d78, 4)
    );
    assert_eq!(id.to_string(), "1c3b4d78");
    assert_eq!(invitation.ice_data.as_deref(), Some(ICE_DATA));
    assert_eq!(invitation.security_enabled, Some(false));
    assert_eq!(invitation.order_is_final, Some(false));
    assert_eq!(invitation.form, Form::Binary);
    assert_eq!(invitation.unknown().count(), 0);
    let [caller, callee] = invitation.invitees.as_slice() else {
        panic!("{} invitees", invitation.invitees.len());
    };
    for invitee in [caller, callee] {
        assert_eq!(invitee.ard_role, Some(0));
        assert_eq!(invitee.error, Some(0));
        assert_eq!(
            invitee.invited_by.as_deref(),
            Some("caller@jabber.example/Mac")
        );
        assert_eq!(invitee.sending_audio, Some(true));
        assert_eq!(invitee.sending_video, Some(true));
        assert_eq!(invitee.unknown().count(), 0);
    }
    assert_eq!(caller.state, Some(InviteeState::None));
    assert_eq!(
        caller.presentity_id.as_deref(),
        Some("caller@jabber.example")
    );
    assert_eq!(caller.presentity_name.as_deref(), Some("Caller"));
    assert_eq!(caller.party_id.as_deref(), Some("caller@jabber.example1"));
    assert_eq!(caller.using_ice, Some(false));
    assert_eq!(callee.state, Some(InviteeState::Waiting));
    assert_eq!(
        callee.presentity_id.as_deref(),
        Some("callee@jabber.example")
    );
    assert_eq!(callee.presentity_name.as_deref(), Some("Callee"));
    assert_eq!(callee.party_id.as_deref(), Some("callee@jabber.example2"));
    assert_eq!(callee.using_ice, Some(true));
    assert_eq!(invitation.deviations(), []);
}

#[test]
fn the_captured_invitation_is_written_again_octet_for_octet() {
    let written = captured().encode_hex().unwrap();
    assert_eq!(written, HEX.trim());
}

#[test]
fn its_candidates_can_be_had_with_their_types() {
    let invitation = captured();
    let ice_data = invitation.ice_data().unwrap().unwrap();
    assert_eq!(ice_data.candidates.len(), 2);
    assert_eq!(ice_data.version, Some(2));
    assert_eq!(ice_data.encode().unwrap(), ICE_DATA);
    let mut without = invitation;
    without.ice_data = None;
    assert!(without.ice_data().is_none());
}

#[test]
fn hex_may_be_of_either_case_and_hold_white_space() {
    let upper = format!("\n{}\r\n\t {}\n", &HEX[..301].to_uppercase(), &HEX[301..]);
    assert_eq!(Invitation::decode_hex(&upper).unwrap(), captured());
}

fn params(video: bool) -> InvitationParams<'static> {
    InvitationParams {
        caller: Party {
            jid: "caller@jabber.example/Mac",
            name: "Caller",
        },
        callee: Party {
            jid: "callee@jabber.example/Other",
            name: "Callee",
        },
        video,
        ice_data: ICE_DATA,
    }
}

#[test]
fn an_invitation_that_is_built_is_the_captured_one_octet_for_octet() {
    let id = SessionId::from(Integer::new(0x1c3b_4d78));
    let built = Invitation::build(id, &params(true));
    assert_eq!(built.encode_hex().unwrap(), HEX.trim());
    assert_eq!(built.deviations(), []);
}

#[test]
fn an_audio_call_differs_from_it_in_sending_video_alone() {
    let id = SessionId::from(Integer::new(0x1c3b_4d78));
    let built = Invitation::build(id, &params(false)).encode().unwrap();
    let read = Invitation::decode(&built).unwrap();
    let expected = changed(|entries| {
        for index in 0..2 {
            set(
                member(entries, index),
                "sendingVideo",
                PlistValue::Boolean(false),
            );
        }
    });
    assert_eq!(hex::encode(&built), hex::encode(expected));
    assert_eq!(read.deviations(), []);
}

#[test]
fn an_answer_repeats_the_id_in_its_width_and_lists_the_inviter_first() {
    let request = changed(|entries| set(entries, "VCSessionID", integer(7, 8)));
    let request = Invitation::decode(&request).unwrap();
    let answer = request.answer(&params(false));
    let answer = Invitation::decode(&answer.encode().unwrap()).unwrap();
    let id = answer.session_id.unwrap();
    assert_eq!(answer.session_id, request.session_id);
    assert_eq!((id.integer().value(), id.integer().width()), (7, 8));
    let names: Vec<_> = answer
        .invitees
        .iter()
        .map(|member| member.presentity_id.clone())
        .collect();
    let expected = ["caller@jabber.example", "callee@jabber.example"].map(|jid| Some(jid.into()));
    assert_eq!(names, expected);
    assert_eq!(
        Invitation::default().answer(&params(false)).session_id,
        None
    );
}

#[test]
fn a_party_without_a_name_is_shown_by_its_user_part() {
    let mut params = params(false);
    params.caller.name = "";
    params.callee = Party {
        jid: "server.example",
        name: "",
    };
    let built = Invitation::build(SessionId::new(1), &params);
    let names: Vec<_> = built
        .invitees
        .iter()
        .map(|member| member.presentity_name.clone())
        .collect();
    assert_eq!(
        names,
        [Some("caller".to_owned()), Some("server.example".to_owned())]
    );
}

#[test]
fn xml_and_keyed_archives_say_the_same() {
    macro_rules! vector {
        ($name:literal) => {
            include_bytes!(concat!("../vectors/property-lists/", $name)).as_slice()
        };
    }
    for (octets, form) in [
        (vector!("invitation.xml"), Form::Xml),
        (vector!("invitation-keyed.bplist"), Form::KeyedBinary),
        (vector!("invitation-keyed.xml"), Form::KeyedXml),
    ] {
        let invitation = Invitation::decode(octets).unwrap();
        assert_eq!(invitation.form, form);
        assert_eq!(invitation.deviations(), [Deviation::Form(form)]);
        assert_eq!(invitation.encode_hex().unwrap(), HEX.trim(), "{form}");
    }
    // And as the text of a stanza.
    let text = hex::encode(vector!("invitation.xml"));
    assert_eq!(Invitation::decode_hex(&text).unwrap().form, Form::Xml);
}
