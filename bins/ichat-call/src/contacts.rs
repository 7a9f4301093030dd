//! `contacts`: who could be called, and why the others cannot.

use std::time::Duration;

use ichat_endpoint::{Person, Reach, survey};
use serde_json::{Value, json};

use crate::cli::ContactsArgs;
use crate::failure::Failure;
use crate::output::Printer;
use crate::settings::{Account, signalling, software};

/// How long presences are gathered: those of contacts come at once, a neighbour's announcement
/// within a second or two.
const PATIENCE: Duration = Duration::from_secs(3);

/// `ichat-call contacts`.
pub(crate) async fn contacts(args: ContactsArgs, printer: &mut Printer) -> Result<u8, Failure> {
    let wanted = if args.account.lan {
        Account::Unused
    } else {
        Account::Needed
    };
    let signalling = signalling(&args.account, &[], wanted)?;
    let people = survey(signalling, software(), PATIENCE).await?;
    if args.json {
        let list: Vec<Value> = people.iter().map(person).collect();
        printer.line(&Value::Array(list).to_string());
        return Ok(0);
    }
    if people.is_empty() {
        let whom = if args.account.lan {
            "on this network"
        } else {
            "on the contact list"
        };
        printer.line(&format!("Nobody {whom}."));
    }
    for person in &people {
        printer.line(&line(person));
    }
    Ok(0)
}

fn person(person: &Person) -> Value {
    json!({
        "jid": person.jid,
        "name": person.name,
        "availability": person.availability,
        "message": person.message,
        "ichat": person.is_ichat,
        "dialect": person.dialect,
        "callable": person.reach == Reach::Callable,
        "why_not": match &person.reach {
            Reach::Callable => Value::Null,
            Reach::Not(why) => json!(why),
        },
    })
}

fn line(person: &Person) -> String {
    let telephone = match &person.reach {
        Reach::Callable => "☎".to_owned(),
        Reach::Not(_) => " ".to_owned(),
    };
    let mut line = format!("{telephone} {}", person.jid);
    if let Some(name) = &person.name {
        line.push_str(&format!(" ({name})"));
    }
    line.push_str(&format!(", {}", person.availability));
    match &person.reach {
        Reach::Callable => line.push_str(&format!(", can be called ({})", person.dialect)),
        Reach::Not(why) => line.push_str(&format!(", cannot be called: {why}")),
    }
    if let Some(message) = &person.message {
        line.push_str(&format!(" — {message}"));
    }
    line
}
