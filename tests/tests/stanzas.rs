//! Stanzas that the scripted clients of several themes send and look for.

use std::fmt::Write as _;
use std::net::SocketAddr;

/// A Mac's list of these IPv4 addresses, in hex.
pub(crate) fn list(addresses: &[SocketAddr]) -> String {
    let mut list = String::new();
    for address in addresses {
        let SocketAddr::V4(address) = address else {
            panic!("{address} is not IPv4")
        };
        let ip: String = address
            .ip()
            .octets()
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect();
        // Flags, "en0", the address and twelve octets, the port, padding.
        let _ = write!(
            list,
            "{:08}{:0<32}{ip:0<32}{:04x}0000",
            0,
            "656e30",
            address.port()
        );
    }
    list
}

/// A request in the legacy form that lists one address.
pub(crate) fn request(to: &str, id: &str, address: SocketAddr) -> String {
    let list = list(&[address]);
    set(
        to,
        id,
        "request",
        &format!(
            "<VCNewCallerIPPortData>\n{list}</VCNewCallerIPPortData><isAudioOnly>1</isAudioOnly>\
             <extSIPPort>0</extSIPPort><extIPAddr>127.0.0.1</extIPAddr>"
        ),
    )
}

/// An answer in the legacy form.
pub(crate) fn response(to: &str, id: &str, code: u32, addresses: &[SocketAddr]) -> String {
    let list = list(addresses);
    let content = format!("<response>{code}</response><connectData>\n{list}</connectData>");
    set(to, id, "response", &content)
}

/// The caller gives up.
pub(crate) fn cancel(to: &str, id: &str) -> String {
    set(to, id, "cancel", "")
}

/// Any stanza of a call.
pub(crate) fn set(to: &str, id: &str, kind: &str, content: &str) -> String {
    format!(
        "<iq type='set' id='{id}' to='{to}'><query xmlns='apple:iq:vc:{kind}'>{content}\
         <VCProtocolVersion>1</VCProtocolVersion></query></iq>"
    )
}

/// Whether a stanza is of this kind.
pub(crate) fn is_vc(stanza: &str, kind: &str) -> bool {
    stanza.contains(&format!("apple:iq:vc:{kind}"))
}

/// Whether a stanza is a presence from somebody whose JID begins so, free for a call or not.
pub(crate) fn shows(stanza: &str, from: &str, is_free: bool) -> bool {
    stanza.starts_with("<presence")
        && (stanza.contains(&format!("from='{from}")) || stanza.contains(&format!("from=\"{from}")))
        && stanza.contains("avcap")
        && stanza.contains("avavail") == is_free
}
