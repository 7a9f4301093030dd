//! The lines of a description (RFC 8866 §5), and its media.

use ichat_sip::sdp::Format;

use super::attribute;
use crate::inspect::field::Field;
use crate::inspect::ipport::scope;
use crate::inspect::lines::TextLine;

/// A line as a field without a meaning: `v=` and what follows. Blank lines are none.
fn field(line: &TextLine<'_>) -> Option<(Field, char, String)> {
    let text = line.text();
    if text.trim().is_empty() {
        return None;
    }
    let mut characters = text.chars();
    let letter = characters.next().filter(char::is_ascii_lowercase);
    let field = match (letter, characters.next()) {
        (Some(letter), Some('=')) => {
            let value = text.get(2..).unwrap_or_default().to_owned();
            let field = Field::new(format!("{letter}="));
            let broken = "no UTF-8: what cannot be read is shown as U+FFFD";
            (
                field.text(value.clone()).note_if(line.is_broken(), broken),
                letter,
                value,
            )
        }
        (Some(_) | None, _) => {
            let field = Field::new("line").text(text.clone());
            (
                field.note("no line of a session description: expected a letter and `=`"),
                ' ',
                text,
            )
        }
    };
    let (field, letter, value) = field;
    Some((field.at(line.offset, line.octets.len()), letter, value))
}

/// A line of the session.
pub(super) fn session(line: &TextLine<'_>) -> Option<Field> {
    let (field, letter, value) = field(line)?;
    let words: Vec<&str> = value.split_whitespace().collect();
    Some(match letter {
        'v' => field
            .means("version")
            .graded("C")
            .note_if(value.trim() != "0", "expected 0"),
        'o' => origin(field, &words),
        's' => field
            .means("the sender's IM id, from an iChat")
            .graded("C")
            .note_if(value.trim() == "-", "no name: Viceroy puts the IM id there"),
        'c' => connection(field, &words),
        'b' => bandwidth(field, &value),
        't' => field
            .means("from the beginning, without end")
            .graded("C")
            .note_if(words != ["0", "0"], "expected 0 0"),
        'a' => attribute::explain(field, &value, None),
        'i' | 'u' | 'e' | 'p' => field.means("for people").note(NOT_VICEROYS),
        'r' | 'z' => field.means("when it takes place again").note(NOT_VICEROYS),
        'k' => field
            .means("a key, as it was before RFC 8866")
            .note(NOT_VICEROYS),
        ' ' => field,
        _ => field.note("an unknown line: skipped (RFC 8866 §5)"),
    })
}

const NOT_VICEROYS: &str = "not in Viceroy's description";

fn origin(field: Field, words: &[&str]) -> Field {
    let field = field.graded("C");
    let [login, id, version, _, _, address] = words else {
        return field.note("expected six words: login, id, version, IN, IP4 or IP6, address");
    };
    let field = field.means(format!(
        "the login {login} on {address}; session {id}, version {version}"
    ));
    field.note_if(
        *id != "0" || *version != "0",
        "Viceroy's session id and version are 0",
    )
}

fn connection(field: Field, words: &[&str]) -> Field {
    let field = field.graded("C");
    let [_, kind, address] = words else {
        return field.note("expected three words: IN, IP4 or IP6, address");
    };
    let plain = address.split(['/', '%']).next().unwrap_or(address);
    match plain.parse::<std::net::IpAddr>() {
        Ok(ip) if ip.is_unspecified() => {
            field.means("media goes nowhere: on hold, in the old form")
        }
        Ok(ip) => field
            .means(format!("media goes there; {}", scope(ip)))
            .note_if(
                ip.is_ipv4() != (*kind == "IP4"),
                format!("{kind} does not fit this address"),
            ),
        Err(_) => field
            .means("media goes there")
            .note("a name: iChat writes a numeric address"),
    }
}

fn bandwidth(field: Field, value: &str) -> Field {
    match value.split_once(':') {
        Some(("AS", rate)) => field
            .means(format!("at most {rate} kbit/s in all"))
            .graded("C"),
        Some(_) => field.means("bandwidth"),
        None => field.note("expected AS:kbit/s"),
    }
}

/// An `m=` line and all that belongs to it.
pub(super) fn media(section: &[TextLine<'_>]) -> Option<Field> {
    let (first, rest) = section.split_first()?;
    let (_, _, value) = field(first)?;
    let last = section.last()?;
    let mut words = value.split_whitespace();
    let kind = words.next().unwrap_or_default().to_owned();
    let port = words.next().unwrap_or_default();
    let profile = words.next().unwrap_or_default();
    let numbers: Vec<&str> = words.collect();

    let texts: Vec<String> = rest.iter().map(TextLine::text).collect();
    let maps = texts
        .iter()
        .filter_map(|text| text.strip_prefix("a=rtpmap:"));
    let maps: Vec<Format> = maps.filter_map(Format::parse_rtpmap).collect();
    let format = |number: &&str| {
        let number = number.parse::<u8>().ok()?;
        let mapped = maps
            .iter()
            .find(|format| format.payload_type == number)
            .cloned();
        mapped.or_else(|| Format::of_static(number))
    };
    let formats: Vec<Format> = numbers.iter().filter_map(format).collect();

    let shown = value
        .split_once(char::is_whitespace)
        .map_or("", |(_, rest)| rest)
        .trim();
    let mut whole = Field::new(format!("m={kind}"))
        .at(first.offset, last.offset + last.octets.len() - first.offset)
        .text(shown)
        .graded("C");
    let list: Vec<String> = formats
        .iter()
        .map(|format| format!("{} {}", format.payload_type, format.encoding))
        .collect();
    let list = list.join(", ");
    whole = match kind.as_str() {
        "audio" => whole.means(format!(
            "audio on UDP port {port}: {list}, in the sender's order"
        )),
        "video" => whole.means(format!(
            "video on UDP port {port}: {list}; we refuse it with port 0"
        )),
        _ => whole
            .means("we refuse it with port 0")
            .note("Viceroy offers audio and video only"),
    };
    whole = match port.split('/').next().unwrap_or_default().parse::<u16>() {
        Ok(0) => whole.note("port 0: refused"),
        Ok(_) => whole,
        Err(_) => whole.note(format!("expected a port, found {port:?}")),
    };
    let is_plain = ["RTP/AVP", "RTP/AVPF"]
        .iter()
        .any(|known| profile.eq_ignore_ascii_case(known));
    whole = whole.note_if(!is_plain, format!("expected RTP/AVP, found {profile:?}"));
    if kind == "audio" {
        let ours = |format: &&Format| {
            [Format::pcmu(), Format::pcma()]
                .iter()
                .any(|our| our.is_same_codec(format))
        };
        whole = match formats.iter().find(ours) {
            Some(_) => whole,
            None => whole.note("no codec that we have: expected PCMU or PCMA"),
        };
    }
    Some(whole.with(rest.iter().filter_map(|line| media_line(line, &kind))))
}

/// A line below an `m=` line.
fn media_line(line: &TextLine<'_>, kind: &str) -> Option<Field> {
    let (field, letter, value) = field(line)?;
    let words: Vec<&str> = value.split_whitespace().collect();
    Some(match letter {
        'c' => connection(field, &words),
        'b' => bandwidth(field, &value),
        'a' => attribute::explain(field, &value, Some(kind)),
        'i' => field.means("for people").note(NOT_VICEROYS),
        'k' => field
            .means("a key, as it was before RFC 8866")
            .note(NOT_VICEROYS),
        ' ' => field,
        _ => field.note("no line that belongs below m=: skipped"),
    })
}
