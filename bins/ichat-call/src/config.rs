//! The configuration file: its keys become arguments that the command line overrides.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches};

use crate::cli::Cli;
use crate::failure::Failure;

mod examine;

pub(crate) use examine::{Examined, examine};

/// Reads the command line, and the configuration file behind it.
///
/// # Errors
/// A usage error of clap's (which prints itself and knows its status), or a bad file.
pub(crate) fn read(args: Vec<OsString>) -> Result<Result<Cli, clap::Error>, Failure> {
    let matches = match Cli::command().try_get_matches_from(&args) {
        Ok(matches) => matches,
        Err(error) => return Ok(Err(error)),
    };
    match behind(args, &matches) {
        // It tells itself what is wrong with the file, and looks at the rest without it.
        Err(_) | Ok(Err(_)) if matches.subcommand_name() == Some("doctor") => {
            Ok(Cli::from_arg_matches(&matches))
        }
        read => read,
    }
}

/// The command line with the file behind it.
fn behind(args: Vec<OsString>, matches: &ArgMatches) -> Result<Result<Cli, clap::Error>, Failure> {
    let named = matches.get_one::<PathBuf>("config").cloned();
    let (path, text) = match &named {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Failure::usage(format!(
                    "cannot read the configuration {}: {error}",
                    path.display()
                ))
            })?;
            (path.clone(), text)
        }
        None => match default_file() {
            Some(found) => found,
            None => return Ok(Cli::from_arg_matches(matches)),
        },
    };
    let args = with_file(args, matches, &path, &text)?;
    Ok(Cli::command()
        .try_get_matches_from(args)
        .and_then(|m| Cli::from_arg_matches(&m)))
}

fn default_file() -> Option<(PathBuf, String)> {
    let path = default_path()?;
    let text = std::fs::read_to_string(&path).ok()?;
    Some((path, text))
}

/// Where the file is looked for that nobody names.
fn default_path() -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "ichat-call")?;
    Some(folders.config_dir().join("config.toml"))
}

/// The arguments, with those of the file behind the subcommand.
fn with_file(
    mut args: Vec<OsString>,
    matches: &ArgMatches,
    path: &Path,
    text: &str,
) -> Result<Vec<OsString>, Failure> {
    let bad = |message: String| Failure::usage(format!("{}: {message}", path.display()));
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| bad(one_line(&error.to_string())))?;
    let Some((name, given)) = matches.subcommand() else {
        return Ok(args);
    };
    let command = Cli::command();
    for (key, value) in table {
        if !command
            .get_subcommands()
            .any(|sub| option(sub, &key).is_some())
        {
            return Err(bad(format!(
                "unknown key {key:?}: every long option is a key"
            )));
        }
        let Some(sub) = command.find_subcommand(name) else {
            continue;
        };
        let Some(argument) = option(sub, &key) else {
            continue;
        };
        let is_flag = matches!(argument.get_action(), ArgAction::SetTrue);
        let mut from_file = Vec::new();
        append(&mut from_file, &key, &value, is_flag).map_err(bad)?;
        if !is_given(given, argument, sub) {
            args.append(&mut from_file);
        }
    }
    Ok(args)
}

fn option<'a>(command: &'a Command, key: &str) -> Option<&'a clap::Arg> {
    command
        .get_arguments()
        .find(|argument| argument.get_long() == Some(key) && key != "config")
}

/// Whether the user gave it, or another of the same group of choices.
fn is_given(matches: &ArgMatches, argument: &clap::Arg, command: &Command) -> bool {
    let by_user = |id: &str| {
        matches!(
            matches.value_source(id),
            Some(ValueSource::CommandLine | ValueSource::EnvVariable)
        )
    };
    let id = argument.get_id().as_str();
    let rivals: &[&str] = match id {
        "auto" | "decline" | "busy" => &["auto", "decline", "busy"],
        "ca" | "pin" => &["ca", "pin"],
        _ => &[],
    };
    let known = |id: &str| {
        command
            .get_arguments()
            .any(|argument| argument.get_id() == id)
    };
    by_user(id) || rivals.iter().any(|rival| known(rival) && by_user(rival))
}

fn append(
    args: &mut Vec<OsString>,
    key: &str,
    value: &toml::Value,
    is_flag: bool,
) -> Result<(), String> {
    match value {
        toml::Value::Boolean(on) if is_flag => {
            if *on {
                args.push(format!("--{key}").into());
            }
        }
        toml::Value::Array(values) if !is_flag => {
            for value in values {
                append(args, key, value, false)?;
            }
        }
        toml::Value::String(text) if !is_flag => args.push(format!("--{key}={text}").into()),
        toml::Value::Integer(number) if !is_flag => args.push(format!("--{key}={number}").into()),
        toml::Value::Float(number) if !is_flag => args.push(format!("--{key}={number}").into()),
        toml::Value::Boolean(_)
        | toml::Value::Array(_)
        | toml::Value::String(_)
        | toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Table(_)
        | toml::Value::Datetime(_) => {
            let expected = if is_flag {
                "true or false"
            } else {
                "a text, a number or a list"
            };
            return Err(format!(
                "key {key:?}: expected {expected}, found {}",
                value.type_str()
            ));
        }
    }
    Ok(())
}

fn one_line(text: &str) -> String {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli;

    fn parse(command_line: &[&str], file: &str) -> Result<Cli, String> {
        let args: Vec<OsString> = command_line.iter().map(OsString::from).collect();
        let matches = Cli::command().try_get_matches_from(&args).unwrap();
        let args = with_file(args, &matches, Path::new("c.toml"), file).map_err(|f| f.message)?;
        let matches = Cli::command()
            .try_get_matches_from(args)
            .map_err(|e| e.to_string())?;
        Cli::from_arg_matches(&matches).map_err(|e| e.to_string())
    }

    fn talk(cli: Cli) -> (cli::AccountArgs, cli::TalkArgs) {
        let cli::Command::Call(args) = cli.command else {
            panic!("{:?} is no call", cli.command)
        };
        (args.account, args.talk)
    }

    #[test]
    fn every_long_option_is_a_key_and_the_command_line_wins() {
        let file = "jid = 'me@example.org'\nport = 5000\nbind = ['127.0.0.1', '::1']\nauto = true\nloop = false\n";
        let (account, options) = talk(
            parse(
                &["ichat-call", "call", "mac@example.org", "--port", "6000"],
                file,
            )
            .unwrap(),
        );
        assert_eq!(account.jid.as_deref(), Some("me@example.org"));
        assert_eq!(options.port, Some(6000));
        assert_eq!(options.bind.len(), 2);
        assert!(options.auto && !options.looped);
    }

    #[test]
    fn a_choice_on_the_command_line_replaces_another_in_the_file() {
        let (_, options) =
            talk(parse(&["ichat-call", "call", "x@y", "--decline"], "auto = true").unwrap());
        assert!(options.decline && !options.auto);
    }

    #[test]
    fn a_bad_file_is_told_in_one_line() {
        for (file, expected) in [
            ("nonsense = 1", "unknown key \"nonsense\""),
            ("auto = 'yes'", "expected true or false, found string"),
            ("jid = ", "c.toml: "),
            ("config = 'other.toml'", "unknown key"),
        ] {
            let error = parse(&["ichat-call", "call", "x@y"], file).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
