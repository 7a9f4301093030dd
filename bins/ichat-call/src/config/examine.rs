//! A look at the configuration file, for `doctor`.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::CommandFactory;

use super::{default_path, one_line, option, with_file};
use crate::cli::Cli;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Examined {
    /// Nobody named a file, and there is none where it is looked for.
    Absent { path: Option<PathBuf> },
    /// It cannot be used, or not all of it; why, at least one reason.
    Faulty { path: PathBuf, faults: Vec<String> },
    /// It says this: the keys.
    Fine { path: PathBuf, keys: Vec<String> },
}

/// Looks at the file that is named, else at that in the platform's folder.
pub(crate) fn examine(named: Option<&Path>) -> Examined {
    let Some(path) = named.map(Path::to_owned).or_else(default_path) else {
        return Examined::Absent { path: None };
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => examine_text(path, &text),
        Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => {
            Examined::Absent { path: Some(path) }
        }
        Err(error) => Examined::Faulty {
            path,
            faults: vec![format!("it cannot be read: {error}")],
        },
    }
}

fn examine_text(path: PathBuf, text: &str) -> Examined {
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            let error: toml::de::Error = error;
            let faults = vec![one_line(&error.to_string())];
            return Examined::Faulty { path, faults };
        }
    };
    let command = Cli::command();
    let is_known = |key: &&String| {
        command
            .get_subcommands()
            .any(|sub| option(sub, key).is_some())
    };
    let mut faults: Vec<String> = table
        .keys()
        .filter(|key| !is_known(key))
        .map(|key| format!("unknown key {key:?}"))
        .collect();
    if faults.is_empty() {
        // Each of these reads other keys.
        let commands = [
            &["call", "mac@example.org"][..],
            &["answer"],
            &["contacts"],
            &["demo"],
            &["doctor"],
        ];
        for words in commands {
            let fault = fault_for(words, &path, text);
            faults.extend(fault.filter(|fault| !faults.contains(fault)));
        }
    }
    if faults.is_empty() {
        let keys = table.keys().cloned().collect();
        Examined::Fine { path, keys }
    } else {
        Examined::Faulty { path, faults }
    }
}

/// Why this command would refuse the file.
fn fault_for(words: &[&str], path: &Path, text: &str) -> Option<String> {
    let words = std::iter::once("ichat-call").chain(words.iter().copied());
    let args: Vec<OsString> = words.map(OsString::from).collect();
    let matches = Cli::command().try_get_matches_from(&args).ok()?;
    let args = match with_file(args, &matches, path, text) {
        Ok(args) => args,
        Err(failure) => {
            let prefix = format!("{}: ", path.display());
            let message = failure.message.strip_prefix(&prefix);
            return Some(message.unwrap_or(&failure.message).to_owned());
        }
    };
    let error = Cli::command().try_get_matches_from(args).err()?;
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    Some(first.strip_prefix("error: ").unwrap_or(first).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        match examine_text(PathBuf::from("c.toml"), text) {
            Examined::Faulty { faults, .. } => faults,
            Examined::Fine { .. } => Vec::new(),
            Examined::Absent { .. } => panic!("it is there"),
        }
    }

    #[test]
    fn all_that_is_wrong_with_a_file_is_told_in_lines() {
        for (text, expected) in [
            ("jid = ", "c.toml"),
            (
                "nonsense = 1\nmore = 2\nport = 5",
                "unknown key \"nonsense\"",
            ),
            ("auto = 'yes'", "expected true or false, found string"),
            ("duration = 'many'", "'--duration <T>'"),
            ("auto = true\nbusy = true", "cannot be used with"),
            ("snatmap = ['a', ['b']]\nport = 'x'", "'--port <N>'"),
        ] {
            let found = faults(text);
            let is_parse_error = expected == "c.toml";
            assert!(
                is_parse_error && found.len() == 1 || found.iter().any(|f| f.contains(expected)),
                "{text}: {found:?}"
            );
            assert!(found.iter().all(|fault| !fault.contains('\n')), "{found:?}");
        }
        assert_eq!(faults("nonsense = 1\nmore = 2\nport = 5").len(), 2);
    }

    #[test]
    fn a_file_that_every_command_takes_is_fine() {
        let text = "jid = 'me@example.org'\nauto = true\nstun = ['a', 'b']\nloop = false\n";
        let examined = examine_text(PathBuf::from("c.toml"), text);
        let keys = ["jid", "auto", "stun", "loop"].map(str::to_owned).to_vec();
        assert!(
            matches!(&examined, Examined::Fine { keys: found, .. } if found.len() == keys.len()),
            "{examined:?}"
        );
    }

    #[test]
    fn a_named_file_has_to_be_there_and_another_has_not() {
        let missing = Path::new("no-such-folder/c.toml");
        assert!(matches!(examine(Some(missing)), Examined::Faulty { .. }));
    }
}
