//! What the command line asked for, as data.

use crate::typedstream::Processor;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Which part is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Signs in, rings, sends the INVITE.
    Call,
    /// Signs in, advertises, answers.
    Answer,
    /// Sends an INVITE, no XMPP.
    SipCall,
    /// Waits for an INVITE, no XMPP.
    SipAnswer,
    /// As `Call`, without a server.
    LanCall,
    /// As `Answer`, without a server.
    LanAnswer,
}

impl Mode {
    /// Sends the request and the INVITE.
    pub(crate) fn is_caller(self) -> bool {
        matches!(self, Self::Call | Self::SipCall | Self::LanCall)
    }

    /// Rings by XMPP before SIP begins.
    pub(crate) fn has_xmpp(self) -> bool {
        self.signs_in() || self.is_lan()
    }

    /// Signs in to a server.
    pub(crate) fn signs_in(self) -> bool {
        matches!(self, Self::Call | Self::Answer)
    }

    /// Talks to its neighbours without a server.
    pub(crate) fn is_lan(self) -> bool {
        matches!(self, Self::LanCall | Self::LanAnswer)
    }
}

/// What the peer is taken for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PeerKind {
    /// An endpoint that must do all that the protocol notes ask.
    #[default]
    Endpoint,
    /// An iChat: no `rport`, and video in its offer.
    IChat,
}

/// The form of the ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Lists of addresses.
    #[default]
    Legacy,
    /// Invitations, and checks of connectivity.
    Conference,
}

impl Dialect {
    /// Its word in options and output.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Conference => "conference",
        }
    }
}

/// Everything that can be asked for.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) mode: Mode,
    /// `sip:user@host:port` of `sip-call`.
    pub(crate) target: Option<(String, SocketAddr)>,
    pub(crate) xmpp: String,
    /// Ours; the resource may be missing.
    pub(crate) jid: String,
    pub(crate) password: String,
    pub(crate) peer: String,
    /// `None`: loopback, or without a server an interface's address.
    pub(crate) bind: Option<IpAddr>,
    pub(crate) port: u16,
    pub(crate) send: Option<PathBuf>,
    pub(crate) sent: Option<PathBuf>,
    pub(crate) received: Option<PathBuf>,
    pub(crate) duration: Option<Duration>,
    pub(crate) timeout: Duration,
    pub(crate) lifetime: Duration,
    pub(crate) linger: Duration,
    pub(crate) seed: u64,
    pub(crate) verbose: bool,
    pub(crate) peer_kind: PeerKind,
    /// The address reflector to ask.
    pub(crate) snatmap: Option<SocketAddr>,
    /// Others see us at other addresses.
    pub(crate) behind_nat: bool,
    /// Where things come from is not held against the peer's lists.
    pub(crate) any_source: bool,
    /// What is missing was lost on its way.
    pub(crate) lossy: bool,
    /// So many of all datagrams, ours and the peer's, are lost.
    pub(crate) lose_percent: u8,
    /// The peer gets another address in the call.
    pub(crate) peer_moves: bool,
    pub(crate) vc: VcOptions,
    pub(crate) conference: ConferenceOptions,
    pub(crate) checks: CheckOptions,
    pub(crate) lan: LanOptions,
    pub(crate) list: ListStyle,
    pub(crate) sip: SipOptions,
    pub(crate) media: MediaOptions,
}

/// Presence and the `vc:*` stanzas.
#[derive(Clone, Debug, Default)]
pub(crate) struct VcOptions {
    /// Response code instead of an acceptance; the SIP modes answer 603.
    pub(crate) decline: Option<u16>,
    pub(crate) no_answer: bool,
    pub(crate) answer_after: Duration,
    pub(crate) cancel_after: Option<Duration>,
    pub(crate) no_invite: bool,
    pub(crate) error_on_request: Option<String>,
    pub(crate) error_echo: bool,
    pub(crate) duplicate_response: bool,
    pub(crate) accept_blank: bool,
    pub(crate) counter_proposal: bool,
    pub(crate) video_call: bool,
    pub(crate) results: bool,
    pub(crate) probe_iqs: bool,
    pub(crate) avavail_after: Option<Duration>,
    pub(crate) no_avavail: bool,
    pub(crate) ext: Option<String>,
    pub(crate) new_node: bool,
    pub(crate) show: Option<String>,
    pub(crate) priority: i8,
    pub(crate) no_auto_accept: bool,
    pub(crate) no_subscribe: bool,
    pub(crate) message: Option<String>,
}

/// Which form the ring has, and how invitations look.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConferenceOptions {
    pub(crate) dialect: Dialect,
    pub(crate) processor: Processor,
    /// The answer stands in `connectData`.
    pub(crate) in_connect_data: bool,
    /// Requests of this form alone are answered with an error.
    pub(crate) refuse_form: Option<Dialect>,
    /// Our request has both.
    pub(crate) both_forms: bool,
    /// Our own candidate is told so long after both have accepted, and only then.
    pub(crate) late_candidate: Option<Duration>,
}

/// The checks of connectivity.
#[derive(Clone, Debug, Default)]
pub(crate) struct CheckOptions {
    pub(crate) no_cookie: bool,
    pub(crate) extra_attributes: bool,
    pub(crate) tamper_guard: bool,
    pub(crate) dead_candidate: bool,
    pub(crate) early: bool,
    /// A caller's checks go there while it rings.
    pub(crate) early_target: Option<SocketAddr>,
    pub(crate) drop_percent: u8,
    pub(crate) ignore: bool,
    /// After so long without a path the listed addresses will do.
    pub(crate) direct: Option<Duration>,
}

/// The network without a server.
#[derive(Clone, Debug, Default)]
pub(crate) struct LanOptions {
    /// `None`: iChat's, else any.
    pub(crate) port: Option<u16>,
    pub(crate) no_from: bool,
    pub(crate) no_version: bool,
    pub(crate) no_ring: bool,
    pub(crate) second_stream: bool,
    pub(crate) silent_stream: bool,
    pub(crate) endless_xml: bool,
    pub(crate) vanish_without_goodbye: bool,
}

/// An address to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    /// Our own.
    Own,
    /// This one.
    Other(SocketAddr),
}

/// How our address list looks.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListStyle {
    /// `None`: our own address.
    pub(crate) ipports: Option<Vec<Listed>>,
    pub(crate) guards: bool,
    pub(crate) garbage: bool,
    pub(crate) upper_hex: bool,
    pub(crate) broken_tail: bool,
    pub(crate) no_hex: bool,
    pub(crate) no_record: bool,
    pub(crate) no_line_feed: bool,
    pub(crate) pinholes: bool,
}

/// How Content-Length of a message with SDP is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ContentLength {
    #[default]
    Right,
    Missing,
    TooLong,
    /// Ends after the audio lines.
    TooShort,
}

/// How SIP messages are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SipStyle {
    #[default]
    Plain,
    /// One-letter names.
    Compact,
    /// Via and From continue on a second line.
    Folded,
    /// Line feeds only.
    LineFeed,
    /// Lower-case names.
    LowerCase,
}

/// The SIP side.
#[derive(Clone, Debug, Default)]
pub(crate) struct SipOptions {
    pub(crate) drop_invite: u32,
    pub(crate) drop_200: u32,
    pub(crate) drop_ack: u32,
    pub(crate) drop_bye: u32,
    pub(crate) ring: Option<Duration>,
    pub(crate) reject: Option<u16>,
    pub(crate) reject_long_names: bool,
    pub(crate) pings: Option<Duration>,
    pub(crate) ping_muted: bool,
    pub(crate) hold_after: Option<Duration>,
    pub(crate) probe_methods: bool,
    pub(crate) style: SipStyle,
    pub(crate) content_length: ContentLength,
    pub(crate) no_audio: bool,
    pub(crate) no_video: bool,
    pub(crate) no_aac: bool,
    pub(crate) separate_media: bool,
}

/// RTP and RTCP.
#[derive(Clone, Debug)]
pub(crate) struct MediaOptions {
    pub(crate) wait_for_rtp: bool,
    pub(crate) silent_after: Option<Duration>,
    pub(crate) mute_after: Option<Duration>,
    pub(crate) unmute_after: Option<Duration>,
    pub(crate) vanish_after: Option<Duration>,
    /// Zero: never.
    pub(crate) dead_air_end: Duration,
    pub(crate) junk_rtp: bool,
    pub(crate) packet_ms: u64,
    pub(crate) lose_every: u64,
    pub(crate) swap_every: u64,
    pub(crate) double_every: u64,
    pub(crate) sequence: Option<u16>,
    pub(crate) timestamp: Option<u32>,
}

impl Options {
    /// Nothing asked for.
    pub(crate) fn new(mode: Mode) -> Self {
        Self {
            mode,
            target: None,
            xmpp: String::new(),
            jid: String::new(),
            password: String::new(),
            peer: String::new(),
            bind: None,
            port: 0,
            send: None,
            sent: None,
            received: None,
            duration: None,
            timeout: Duration::from_secs(30),
            lifetime: Duration::from_secs(120),
            linger: Duration::from_secs(1),
            seed: 0,
            verbose: false,
            peer_kind: PeerKind::Endpoint,
            snatmap: None,
            behind_nat: false,
            any_source: false,
            lossy: false,
            lose_percent: 0,
            peer_moves: false,
            conference: ConferenceOptions::default(),
            checks: CheckOptions::default(),
            vc: VcOptions {
                answer_after: Duration::from_millis(300),
                ..VcOptions::default()
            },
            lan: LanOptions::default(),
            list: ListStyle::default(),
            sip: SipOptions::default(),
            media: MediaOptions {
                wait_for_rtp: true,
                silent_after: None,
                mute_after: None,
                unmute_after: None,
                vanish_after: None,
                dead_air_end: Duration::from_secs(10),
                junk_rtp: false,
                packet_ms: 20,
                lose_every: 0,
                swap_every: 0,
                double_every: 0,
                sequence: None,
                timestamp: None,
            },
        }
    }

    /// Others see us elsewhere. Who waits for the other's first packet there may wait for ever, so
    /// we begin; only over IPv6 is an iChat known to wait (`docs/protocol/media.md` `[G]`).
    pub(crate) fn go_behind_nat(&mut self) {
        self.behind_nat = true;
        self.media.wait_for_rtp = false;
    }

    /// Where the peer moves, what is sent to where it was gets lost, and so does what it sends before
    /// we know where it is.
    pub(crate) fn expect_moves(&mut self) {
        self.peer_moves = true;
        self.lossy = true;
    }

    /// Of what is lost here nobody else is to blame.
    pub(crate) fn lose(&mut self, percent: u8) {
        self.lose_percent = percent;
        self.lossy = true;
    }

    /// Where UDP is.
    pub(crate) fn local_address(&self) -> IpAddr {
        self.bind.unwrap_or(IpAddr::from([127, 0, 0, 1]))
    }

    /// Our bare JID, or the name that the SIP modes show.
    pub(crate) fn our_name(&self) -> &str {
        bare(&self.jid)
    }
}

/// A JID without its resource.
pub(crate) fn bare(jid: &str) -> &str {
    jid.split('/').next().unwrap_or(jid)
}

/// The same account, whatever the case.
pub(crate) fn same_bare(one: &str, other: &str) -> bool {
    bare(one).eq_ignore_ascii_case(bare(other))
}
