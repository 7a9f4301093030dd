//! What SIP tells, and what a call makes of it.

use std::time::{Duration, Instant};

use ichat_audio::CodecName;
use ichat_sip::sdp::{self, Audio, Description, Format, SdpError};
use ichat_sip::{Event as SipEvent, Failure, Output as SipOutput, Route, UserAgent};

use super::negotiation::{
    answerable_formats, codec_of, is_held, local_description, media_addresses, offered_formats,
    plan,
};
use super::silence::Silence;
use super::state::State;
use super::{Call, Output};
use crate::drops::Drops;
use crate::event::{Acceptance, Candidate, Dialect, Event, Reason, Summary};
use crate::media::Media;
use crate::sources::Sources;

impl Call {
    /// Takes what the user agent wants, until it wants nothing.
    pub(super) fn drain(&mut self, now: Instant) {
        while let Some(output) = self.state.user_agent_mut().and_then(UserAgent::poll_output) {
            match output {
                SipOutput::Transmit { route, octets } => {
                    self.outputs.push_back(Output::Transmit { route, octets });
                }
                SipOutput::Event(event) => self.handle_sip_event(now, event),
            }
        }
    }

    fn handle_sip_event(&mut self, now: Instant, event: SipEvent) {
        match event {
            SipEvent::Incoming {
                route,
                from,
                user_agent,
                body,
                ..
            } => {
                self.note_user_agent(user_agent.as_deref());
                let from = match from.display_name {
                    Some(name) => format!("\"{name}\" <{}>", from.uri),
                    None => from.uri.to_string(),
                };
                self.handle_invite(now, route, from, &body);
            }
            SipEvent::Progress { status } => {
                // An iChat that was rung by XMPP has been told of already.
                let plain_sip = matches!(
                    self.state,
                    State::Dialing {
                        deadline: Some(_),
                        ..
                    }
                );
                if plain_sip && (status == 180 || status == 183) {
                    let to = vec![self.config.remote_name.clone()];
                    self.event(Event::Ringing {
                        call: self.config.number,
                        to,
                    });
                }
            }
            SipEvent::Answered {
                route,
                user_agent,
                body,
            } => {
                self.note_user_agent(user_agent.as_deref());
                self.handle_answer(now, route, &body);
            }
            SipEvent::Confirmed => self.connect(now),
            SipEvent::Reoffer { body } => self.handle_reoffer(now, &body),
            SipEvent::LateAnswer { .. }
            | SipEvent::ReofferCancelled
            | SipEvent::ReofferRejected { .. } => {
                tracing::debug!(?event, "nothing changes");
            }
            SipEvent::Cancelled => self.end(Summary::without_media(Reason::Cancelled)),
            SipEvent::Message { content_type, body } => {
                tracing::debug!(
                    ?content_type,
                    body = %String::from_utf8_lossy(&body),
                    "a MESSAGE in the dialog, answered"
                );
            }
            SipEvent::RemoteBye => self.handle_remote_bye(now),
            SipEvent::Ended => self.handle_sip_end(now),
            SipEvent::Failed { cause } => self.handle_failure(now, &cause),
        }
    }

    /// Whether the peer is an iChat (docs/quirks.md, Q30 [C, G]).
    fn note_user_agent(&mut self, user_agent: Option<&str>) {
        if let Some(name) = user_agent {
            tracing::debug!(name, "the peer's user agent");
            self.viceroy |= name.starts_with("Viceroy");
        }
    }

    /// Our offer, as it leaves from `route`.
    pub(super) fn offer(&self, route: Route) -> Vec<u8> {
        let formats = offered_formats(&self.config.codecs);
        sdp::offer(&self.describe(route, formats))
    }

    fn describe(&self, route: Route, formats: Vec<Format>) -> sdp::Local {
        let name = &self.config.local_name;
        local_description("-", name, route, formats, self.ssrc, self.sdp_version)
    }

    /// An INVITE has come.
    fn handle_invite(&mut self, now: Instant, route: Route, from: String, body: &[u8]) {
        match read_audio(body, route) {
            Ok((description, _)) => match &mut self.state {
                State::Awaiting { .. } => self.accept(now, &description, route),
                State::Offered { ua, offer, .. } => {
                    *offer = Some(Box::new((description, route)));
                    ua.ring(now);
                    let incoming = Event::Incoming {
                        call: self.config.number,
                        from,
                        dialect: Dialect::Sip,
                        audio_only: true,
                        ask: true,
                    };
                    self.event(incoming);
                }
                State::Dialing { .. }
                | State::Active { .. }
                | State::Ending { .. }
                | State::Ended { .. } => {}
            },
            Err(error) => {
                if matches!(self.state, State::Offered { .. }) {
                    self.event(Event::Incoming {
                        call: self.config.number,
                        from,
                        dialect: Dialect::Sip,
                        audio_only: true,
                        ask: false,
                    });
                }
                self.refuse_description(now, &error);
            }
        }
    }

    /// The user answers a plain SIP call.
    pub(super) fn accept_offer(&mut self, now: Instant) {
        let State::Offered { offer, .. } = &mut self.state else {
            return;
        };
        let Some((description, route)) = offer.take().map(|offer| *offer) else {
            return;
        };
        let acceptance = Acceptance::From(self.config.remote_name.clone());
        self.announce_acceptance(acceptance);
        self.accept(now, &description, route);
    }

    fn announce_acceptance(&mut self, acceptance: Acceptance) {
        self.event(Event::Accepted {
            call: self.config.number,
            acceptance,
            dialect: Dialect::Sip,
            candidates: Vec::<Candidate>::new(),
        });
    }

    /// Answers an INVITE with 200, and media starts at once (docs/protocol/sip.md, toward an iChat
    /// \[G\]).
    fn accept(&mut self, now: Instant, description: &Description, route: Route) {
        let local = self.describe(route, answerable_formats(&self.config.codecs));
        let choose = if self.config.codecs.is_empty() {
            sdp::answer
        } else {
            sdp::answer_in_our_order
        };
        let answered = choose(description, &local)
            .and_then(|(body, format)| Ok((body, format, audio_of(description, route)?)));
        let (body, format, audio) = match answered {
            Ok(answered) => answered,
            Err(error) => return self.refuse_description(now, &error),
        };
        if let Some(ua) = self.state.user_agent_mut()
            && let Err(error) = ua.answer(now, body)
        {
            tracing::error!(%error, "the INVITE cannot be answered any more");
            return self.end(Summary::without_media(Reason::Failed));
        }
        self.activate(now, format, &audio, route, None);
    }

    /// Our INVITE was answered with a 2xx; the ACK is on its way.
    fn handle_answer(&mut self, now: Instant, route: Route, body: &[u8]) {
        match &self.state {
            State::Dialing { deadline, .. } => {
                // A plain SIP peer has not accepted by XMPP before: this is where it does.
                if deadline.is_some() {
                    self.announce_acceptance(Acceptance::By(self.config.remote_name.clone()));
                }
            }
            // The answer to a re-INVITE of ours, of which we make none yet.
            State::Awaiting { .. }
            | State::Offered { .. }
            | State::Active { .. }
            | State::Ending { .. }
            | State::Ended { .. } => return,
        }
        let answered = read_audio(body, route).and_then(|(_, audio)| {
            let offered = offered_formats(&self.config.codecs);
            let format = audio
                .formats
                .iter()
                .find(|format| {
                    let ours = |ours: &Format| ours.payload_type == format.payload_type;
                    offered.iter().any(ours) && codec_of(format).is_some()
                })
                .cloned()
                .ok_or(SdpError::NoCommonCodec {
                    offered: audio.formats.len(),
                })?;
            Ok((format, audio))
        });
        match answered {
            Ok((format, audio)) => self.activate(now, format, &audio, route, Some(now)),
            Err(error) => {
                self.warn(
                    "bad-sdp",
                    format!("the callee's answer cannot be used: {error}"),
                );
                self.say_goodbye(now, Reason::Failed);
            }
        }
    }

    fn activate(
        &mut self,
        now: Instant,
        format: Format,
        audio: &Audio,
        route: Route,
        connected: Option<Instant>,
    ) {
        let seeds = self.media_seeds(now);
        let (ua, sources) = match std::mem::replace(&mut self.state, State::Ended { ua: None }) {
            State::Awaiting { ua, sources, .. } | State::Dialing { ua, sources, .. } => {
                (ua, sources)
            }
            State::Offered { ua, .. } => (ua, Sources::new(&[])),
            other @ (State::Active { .. } | State::Ending { .. } | State::Ended { .. }) => {
                self.state = other;
                return;
            }
        };
        let Some(plan) = plan(format.clone(), audio, route, sources) else {
            self.warn(
                "bad-sdp",
                format!("the codec {} is not built in", format.encoding),
            );
            return self.end(Summary::without_media(Reason::Failed));
        };
        let media = Box::new(Media::new(now, plan, seeds));
        let (local, remote) = (route.local, route.remote);
        self.state = State::Active {
            ua,
            media,
            connected: None,
            silence: Silence::new(now),
            held: is_held(audio) || !audio.direction.sends(),
            format,
        };
        let call = self.config.number;
        self.event(Event::Path {
            call,
            local,
            remote,
            kind: "direct",
            checks: Duration::ZERO,
        });
        if connected.is_some() {
            self.connect(now);
        }
    }

    /// The call is up: said once.
    pub(super) fn connect(&mut self, now: Instant) {
        let State::Active {
            connected: connected @ None,
            media,
            format,
            ..
        } = &mut self.state
        else {
            return;
        };
        *connected = Some(now);
        let codec = codec_of(format).map_or("unknown", codec_word);
        let remote = media.route().remote;
        let setup = now - self.since;
        self.event(Event::Connected {
            call: self.config.number,
            codec,
            setup,
            remote,
        });
    }

    /// A re-INVITE: hold, or other addresses (docs/protocol/sip.md, in the dialog).
    fn handle_reoffer(&mut self, now: Instant, body: &[u8]) {
        let State::Active {
            ua,
            media,
            held,
            format,
            ..
        } = &mut self.state
        else {
            return;
        };
        let route = Route {
            remote: ua.route().map_or(media.route().remote, |r| r.remote),
            ..media.route()
        };
        self.sdp_version += 1;
        let formats = vec![format.clone()];
        let name = self.config.local_name.clone();
        let local = local_description("-", &name, route, formats, self.ssrc, self.sdp_version);
        let answered = read_audio(body, route)
            .and_then(|(description, audio)| Ok((sdp::answer(&description, &local)?, audio)));
        let result = match answered {
            Ok(((body, _), audio)) => {
                let silent = is_held(&audio);
                *held = silent || !audio.direction.sends();
                // An iChat that hears nothing for 10 s ends the call, so it gets silence.
                media.permit_sending(!silent || self.viceroy);
                media.mute(silent);
                if !silent {
                    let (rtp, rtcp) = media_addresses(&audio, route);
                    media.redirect(rtp, rtcp);
                }
                ua.answer(now, body)
            }
            Err(error) => {
                tracing::warn!(%error, "a re-INVITE that cannot be used, refused; the call goes on");
                ua.reject(now, 606)
            }
        };
        if let Err(error) = result {
            tracing::debug!(%error, "a re-INVITE was gone before its answer");
        }
    }
}

/// The code and the reason that an unanswered INVITE ends with (docs/protocol/sip.md, in the dialog
/// \[G\]).
pub(super) fn failure_reason(cause: &Failure) -> (&'static str, Reason) {
    match cause {
        Failure::Rejected { status: 486, .. } => ("rejected", Reason::Busy),
        Failure::Rejected { status: 603, .. } => ("rejected", Reason::Declined),
        Failure::NoReply => ("no-sip-answer", Reason::Unreachable),
        Failure::Rejected { .. } | Failure::NoFinalAnswer | Failure::AckTimeout => {
            ("rejected", Reason::Failed)
        }
    }
}

fn audio_of(description: &Description, route: Route) -> Result<Audio, SdpError> {
    let none = SdpError::NoAudio {
        media: description.media_count(),
    };
    description
        .audio_or_at(route.remote.ip())
        .filter(|audio| !audio.disabled)
        .ok_or(none)
}

fn read_audio(body: &[u8], route: Route) -> Result<(Description, Audio), SdpError> {
    let description = Description::parse(body)?;
    let audio = audio_of(&description, route)?;
    Ok((description, audio))
}

/// The codec's name in events.
fn codec_word(codec: CodecName) -> &'static str {
    match codec {
        CodecName::Pcmu => "pcmu",
        CodecName::Pcma => "pcma",
    }
}

pub(super) fn summary(
    media: &Media,
    connected: Option<Instant>,
    now: Instant,
    reason: Reason,
) -> Summary {
    let figures = media.statistics();
    let heard = figures.received > 0;
    Summary {
        reason,
        duration: connected.map_or(Duration::ZERO, |since| now - since),
        received: figures.received,
        lost: figures.lost,
        jitter: heard.then_some(figures.jitter),
        mos: media.quality(),
        // Counted in the call, and told at its end.
        drops: Drops::default(),
    }
}
