//! Checks as lines for people: the mark, what was looked at, what was found; below it what to do.

use super::check::{Check, LABEL_WIDTH, Topic, Verdict};
use crate::output::safe;

/// The widest that a line gets, in columns.
pub(super) const WIDEST: usize = 100;

/// The narrowest terminal that lines are broken for.
const NARROWEST: usize = 60;

/// The columns before a message: the mark, a label, a space behind each.
const INDENT: usize = MARK_WIDTH + 1 + LABEL_WIDTH + 1;

const MARK_WIDTH: usize = 7;

/// What stands before an advice.
const ARROW: &str = "→ ";

/// The lines of a check.
pub(super) fn lines(check: &Check, width: usize) -> Vec<String> {
    let width = width.clamp(NARROWEST, WIDEST) - INDENT;
    let mut lines = Vec::new();
    let mark = check.verdict.name();
    let mut label = check.topic.label();
    for (index, piece) in wrapped(&safe(&check.message), width)
        .into_iter()
        .enumerate()
    {
        let mark = if index == 0 { mark } else { "" };
        lines.push(format!("{mark:<MARK_WIDTH$} {label:<LABEL_WIDTH$} {piece}"));
        label = "";
    }
    let advice = check.advice.as_deref().map(safe).unwrap_or_default();
    let room = width - ARROW.chars().count();
    for (index, piece) in wrapped(&advice, room).into_iter().enumerate() {
        let arrow = if index == 0 { ARROW } else { "  " };
        lines.push(format!("{:INDENT$}{arrow}{piece}", ""));
    }
    lines
}

/// The lines of checks that were left out for the same reason.
pub(super) fn left_out(topics: &[Topic], reason: &str, width: usize) -> Vec<String> {
    let labels: Vec<&str> = topics.iter().map(|topic| topic.label()).collect();
    let width = width.clamp(NARROWEST, WIDEST) - MARK_WIDTH - 1;
    let text = format!("{}: {}", labels.join(", "), safe(reason));
    let pieces = wrapped(&text, width).into_iter().enumerate();
    pieces
        .map(|(index, piece)| {
            let mark = if index == 0 {
                Verdict::Skipped.name()
            } else {
                ""
            };
            format!("{mark:<MARK_WIDTH$} {piece}")
        })
        .collect()
}

/// The words in lines of at most so many characters. A word that is longer has a line of its own
/// and is cut there. Nothing makes no line.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let count = word.chars().count();
        match lines.last_mut() {
            Some(line) if length + 1 + count <= width => {
                line.push(' ');
                line.push_str(word);
                length += 1 + count;
            }
            Some(_) | None => {
                let letters: Vec<char> = word.chars().collect();
                for chunk in letters.chunks(width.max(1)) {
                    length = chunk.len();
                    lines.push(chunk.iter().collect());
                }
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Topic; 23] = [
        Topic::Configuration,
        Topic::Account,
        Topic::ServerAddress,
        Topic::Connection,
        Topic::Tls,
        Topic::SignIn,
        Topic::ContactList,
        Topic::StreamManagement,
        Topic::Loop,
        Topic::ServerRelays,
        Topic::OldMacTls,
        Topic::OldMacPassword,
        Topic::LocalAddresses,
        Topic::Ipv6,
        Topic::UdpPort,
        Topic::Snatmap,
        Topic::SnatmapPage,
        Topic::Stun,
        Topic::Nat,
        Topic::Turn,
        Topic::Microphone,
        Topic::Loudspeaker,
        Topic::Bonjour,
    ];

    #[test]
    fn lines_are_aligned_and_never_wider_than_they_may_be() {
        let message = "the certificate of im.example.org is not accepted: no authority that is trusted here signed it";
        let advice = format!("trust its key (--pin {})", "ab".repeat(60));
        for width in [1, 60, 72, 100, 500] {
            for topic in ALL {
                let check = Check::problem(topic, message).advise(&advice);
                for line in lines(&check, width) {
                    let count = line.chars().count();
                    assert!(count <= width.clamp(60, 100), "{count}: {line}");
                }
            }
        }
        let check = Check::warning(Topic::OldMacPassword, message).advise("do this, then do that");
        assert_eq!(
            lines(&check, 80),
            [
                "warning Old Macs: password the certificate of im.example.org is not accepted: no",
                "                           authority that is trusted here signed it",
                "                           → do this, then do that",
            ]
        );
    }

    #[test]
    fn each_topic_has_a_name_and_a_label_of_its_own() {
        let mut names: Vec<&str> = ALL.iter().map(|topic| topic.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        assert!(ALL.iter().all(|topic| topic.label().len() <= LABEL_WIDTH));
    }

    #[test]
    fn what_is_left_out_for_one_reason_is_told_once() {
        assert_eq!(
            left_out(
                &[Topic::Tls, Topic::SignIn, Topic::Stun],
                "without an account",
                60
            ),
            ["skipped TLS, Sign-in, STUN: without an account"]
        );
    }

    #[test]
    fn what_servers_say_cannot_steer_the_terminal() {
        let check = Check::ok(Topic::SignIn, "as \u{1b}[2Jroot");
        assert!(
            lines(&check, 80)
                .iter()
                .all(|line| !line.contains('\u{1b}'))
        );
    }
}
