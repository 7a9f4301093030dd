//! Round trips of generated invitations.

use ichat_invitation::bplist::Integer;
use ichat_invitation::{Invitation, Invitee, InviteeState, SessionId};
use proptest::prelude::*;

fn invitees() -> impl Strategy<Value = Invitee> {
    let text = || prop::option::of("\\PC{0,12}");
    let flag = || prop::option::of(any::<bool>());
    let number = || prop::option::of(any::<i64>());
    let state = prop::option::of(0_i64..8);
    (
        (number(), number(), state),
        (text(), text(), text(), text()),
        (flag(), flag(), flag()),
    )
        .prop_map(|(numbers, texts, flags)| {
            let mut invitee = Invitee::default();
            (invitee.ard_role, invitee.error) = (numbers.0, numbers.1);
            invitee.state = numbers.2.map(InviteeState::from);
            (invitee.invited_by, invitee.presentity_id) = (texts.0, texts.1);
            (invitee.presentity_name, invitee.party_id) = (texts.2, texts.3);
            (invitee.sending_audio, invitee.sending_video) = (flags.0, flags.1);
            invitee.using_ice = flags.2;
            invitee
        })
}

proptest! {
    #[test]
    fn fields_that_are_written_are_read_again(
        id in prop::option::of(any::<i64>()),
        ice_data in prop::option::of(prop::collection::vec(any::<u8>(), 0..600)),
        members in prop::collection::vec(invitees(), 0..5),
        flags in (prop::option::of(any::<bool>()), prop::option::of(any::<bool>())),
    ) {
        let mut invitation = Invitation::default();
        invitation.session_id = id.map(|id| SessionId::from(Integer::from(id)));
        invitation.ice_data = ice_data;
        invitation.invitees = members;
        (invitation.security_enabled, invitation.order_is_final) = flags;
        let written = invitation.encode().unwrap();
        let read = Invitation::decode(&written).unwrap();
        prop_assert_eq!(read.session_id, invitation.session_id);
        prop_assert_eq!(&read.ice_data, &invitation.ice_data);
        prop_assert_eq!(read.security_enabled, invitation.security_enabled);
        prop_assert_eq!(read.order_is_final, invitation.order_is_final);
        prop_assert_eq!(read.invitees.len(), invitation.invitees.len());
        for (read, sent) in read.invitees.iter().zip(&invitation.invitees) {
            prop_assert_eq!(read.to_plist(), sent.to_plist());
        }
        prop_assert_eq!(read.encode().unwrap(), written);
    }

    #[test]
    fn ids_of_our_own_are_in_their_range(random in any::<u32>()) {
        let id = SessionId::new(random).integer();
        prop_assert!((0x1_0000..=0x7fff_ffff).contains(&id.value()));
        prop_assert_eq!(id.width(), 4);
    }
}
