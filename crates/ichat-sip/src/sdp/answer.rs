//! Our answer: RFC 3264 §6; video and everything else is refused with port 0
//! (docs/protocol/sip.md, toward an iChat \[G\]).

use sdp_types::{Attribute, Media};

use super::{
    audio::formats,
    description::{Description, SdpError, is_usable, values},
    format::Format,
    local::{self, Local, encode},
};

/// Answers an offer with the first codec in the *offerer's* order that is one of ours.
///
/// The answer has a line for each of the offer's; all but the audio are refused. The codec has the
/// offerer's payload type. Where the offer says `a=iChatEncryption`, the answer says
/// `a=iChatEncryption:NO`, for the ability is not ours (docs/protocol/sip.md, SDP \[I\]).
///
/// # Errors
/// Where the offer has no usable audio, or no common codec.
pub fn answer(offer: &Description, local: &Local) -> Result<(Vec<u8>, Format), SdpError> {
    compose(offer, local, |theirs| {
        theirs
            .iter()
            .find(|format| local.formats.iter().any(|ours| ours.is_same_codec(format)))
    })
}

/// The same with the first codec in *our* order that is offered, for a user who prefers one.
///
/// # Errors
/// As [`answer`].
pub fn answer_in_our_order(
    offer: &Description,
    local: &Local,
) -> Result<(Vec<u8>, Format), SdpError> {
    compose(offer, local, |theirs| {
        let offered = |ours: &Format| theirs.iter().find(|format| ours.is_same_codec(format));
        local.formats.iter().find_map(offered)
    })
}

fn compose(
    offer: &Description,
    local: &Local,
    choose: impl Fn(&[Format]) -> Option<&Format>,
) -> Result<(Vec<u8>, Format), SdpError> {
    let none = SdpError::NoAudio {
        media: offer.media_count(),
    };
    let (place, audio) = offer
        .audio_line()
        .filter(|(_, m)| is_usable(m))
        .ok_or(none)?;
    let offered = formats(audio);
    let chosen = choose(&offered).cloned().ok_or(SdpError::NoCommonCodec {
        offered: audio.fmt.split_whitespace().count(),
    })?;
    let direction = offer.direction(audio).answered(local.direction);
    let mut session = local.session();
    if names_encryption(offer, audio) {
        session
            .attributes
            .push(Attribute::with_value("iChatEncryption", "NO"));
    }
    for (at, line) in offer.session.medias.iter().enumerate() {
        session.medias.push(if at == place {
            let mut ours = local.audio(&audio.proto, std::slice::from_ref(&chosen), direction);
            if values(&audio.attributes, "rtpID").next().is_some() {
                ours.attributes
                    .push(Attribute::with_value("rtpID", local.ssrc.to_string()));
            }
            ours
        } else {
            local::media(&line.media, 0, &line.proto, &line.fmt)
        });
    }
    Ok((encode(&session), chosen))
}

fn names_encryption(offer: &Description, audio: &Media) -> bool {
    let named = |attributes| values(attributes, "iChatEncryption").next().is_some();
    named(&offer.session.attributes) || named(&audio.attributes)
}
