//! Makes a description readable line by line, where one broken line would lose it all.

use std::collections::BTreeSet;

use sdp_types::Session;

/// Lines of a description, each of which reads alone, and those that did not.
pub(super) struct Cleaned {
    pub(super) text: String,
    pub(super) ignored: Vec<String>,
}

/// Keeps the lines that the parser takes. An `m=` line that it does not take becomes a disabled one
/// of the same kind, so that the answer has a line for it (RFC 3264 §6). Linear: each line is read
/// once, alone.
pub(super) fn clean(text: &str) -> Cleaned {
    let mut cleaned = Cleaned {
        text: "v=0\r\n".to_owned(),
        ignored: Vec::new(),
    };
    let mut in_media = false;
    // Keys that stood in this section and matter to lines after them.
    let mut seen = BTreeSet::new();
    for line in text.lines().map(|line| line.trim_end_matches(['\r', '\0'])) {
        let key = line.split_once('=').map_or("", |(key, _)| key);
        if line.is_empty() || key == "v" {
            continue;
        }
        if key == "m" {
            in_media = true;
            seen.clear();
        }
        let repeated = is_single(key, in_media) && seen.contains(key);
        let orphaned = key == "r" && !in_media && !seen.contains("t");
        if !repeated && !orphaned && reads_alone(line, in_media) {
            seen.insert(key);
            push(&mut cleaned.text, line);
            continue;
        }
        cleaned.ignored.push(line.to_owned());
        if key == "m" {
            let kind: String = line
                .chars()
                .skip(2)
                .take_while(char::is_ascii_alphanumeric)
                .take(32)
                .collect();
            let kind = if kind.is_empty() { "unknown" } else { &kind };
            push(&mut cleaned.text, &format!("m={kind} 0 RTP/AVP 0"));
        }
    }
    cleaned
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push_str("\r\n");
}

/// Lines of which the parser takes only one in their section.
fn is_single(key: &str, in_media: bool) -> bool {
    matches!(
        (key, in_media),
        ("i" | "k", _) | ("o" | "s" | "u" | "c" | "z", false)
    )
}

fn reads_alone(line: &str, in_media: bool) -> bool {
    let before = match (line.starts_with("m="), line.starts_with("r="), in_media) {
        (true, _, _) => "v=0\r\n",
        (false, true, false) => "v=0\r\nt=0 0\r\n",
        (false, _, false) => "v=0\r\n",
        (false, _, true) => "v=0\r\nm=audio 0 RTP/AVP 0\r\n",
    };
    Session::parse(format!("{before}{line}\r\n").as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_and_repeated_lines_go_and_the_rest_stays() {
        let cleaned = clean(
            "o=broken\ns=a\ns=b\nr=7d 1h 0\nnonsense\nb=AS\nt=0 0\n\
             m=audio 16402 RTP/AVP 0\nc=IN IP4 192.0.2.1\na=sendrecv\n\
             m=video x RTP/AVP 34\na=rtpmap:34 H263/90000\n\0",
        );
        insta::assert_snapshot!(cleaned.text.replace('\r', ""), @r"
    v=0
    s=a
    t=0 0
    m=audio 16402 RTP/AVP 0
    c=IN IP4 192.0.2.1
    a=sendrecv
    m=video 0 RTP/AVP 0
    a=rtpmap:34 H263/90000
    ");
        insta::assert_snapshot!(cleaned.ignored.join("\n"), @r"
    o=broken
    s=b
    r=7d 1h 0
    nonsense
    b=AS
    m=video x RTP/AVP 34
    ");
        assert!(Session::parse(cleaned.text.as_bytes()).is_ok());
    }
}
