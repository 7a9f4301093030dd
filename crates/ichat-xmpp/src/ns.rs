//! Namespaces and names that only Apple has; the standards' own are `xmpp_parsers::ns`.

/// The ring: caller to callee (docs/protocol/xmpp.md, legacy stanzas \[G\]).
pub const VC_REQUEST: &str = "apple:iq:vc:request";
/// The answer to a ring: callee to caller (docs/protocol/xmpp.md, legacy stanzas \[G\]).
pub const VC_RESPONSE: &str = "apple:iq:vc:response";
/// The caller gives up (docs/protocol/xmpp.md, legacy stanzas \[G\]).
pub const VC_CANCEL: &str = "apple:iq:vc:cancel";
/// More addresses, either way (docs/protocol/xmpp.md, legacy stanzas \[G\]).
pub const VC_COUNTER_PROPOSAL: &str = "apple:iq:vc:counterProposal";
/// What every namespace of the video conference begins with.
pub const VC_PREFIX: &str = "apple:iq:vc:";

/// The node of iChat's capabilities, the older spelling (docs/protocol/xmpp.md, capabilities
/// \[G\]).
pub const CAPS_NODE: &str = "apple:ichat:caps";
/// The node of iChat's capabilities, the newer spelling (docs/protocol/xmpp.md, capabilities
/// \[P\]).
pub const CAPS_NODE_URI: &str = "http://www.apple.com/ichat/caps";

/// Entity time in its older form (XEP-0090 §2), which clients of iChat's time ask for.
pub const TIME_OLD: &str = "jabber:iq:time";
