//! `contacts`: who could be called, and why the others cannot.

use std::time::Duration;

use ichat_endpoint::{Person, PersonDevice, Reach, survey};
use ichat_xmpp::CallDialect;
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
    let signalling = signalling(&args.account, &[], CallDialect::Legacy, wanted)?;
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
        for line in lines(person) {
            printer.line(&line);
        }
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
        "asks": person.asks,
        "devices": person.devices.iter().map(device).collect::<Vec<Value>>(),
    })
}

fn device(device: &PersonDevice) -> Value {
    json!({
        "jid": device.jid,
        "availability": device.availability,
        "priority": device.priority,
        "ichat": device.is_ichat,
        "dialect": device.dialect,
        "callable": device.is_callable,
    })
}

/// The person, and a line for each device where there are several.
fn lines(person: &Person) -> Vec<String> {
    let mut lines = vec![line(person)];
    if person.devices.len() > 1 {
        lines.extend(person.devices.iter().map(device_line));
    }
    lines
}

fn line(person: &Person) -> String {
    let mut line = format!(
        "{} {}",
        telephone(person.reach == Reach::Callable),
        person.jid
    );
    if let Some(name) = &person.name {
        line.push_str(&format!(" ({name})"));
    }
    line.push_str(&format!(", {}", person.availability));
    match (&person.reach, person.dialect) {
        (Reach::Callable, Some(dialect)) => {
            line.push_str(&format!(", can be called ({dialect})"));
        }
        (Reach::Callable, None) => line.push_str(", can be called"),
        (Reach::Not(why), _) => line.push_str(&format!(", cannot be called: {why}")),
    }
    if person.asks {
        line.push_str("; asks to see you, and cannot call you before (answer --accept)");
    }
    if let Some(message) = &person.message {
        line.push_str(&format!(" — {message}"));
    }
    line
}

fn device_line(device: &PersonDevice) -> String {
    let kind = match device.dialect {
        Some(dialect) if device.is_ichat => format!("iChat, {dialect}"),
        Some(_) | None => "no iChat".to_owned(),
    };
    let telephone = telephone(device.is_callable);
    format!(
        "    {telephone} {}, {}, {kind}",
        device.jid, device.availability
    )
}

/// iChat's green telephone.
fn telephone(callable: bool) -> &'static str {
    if callable { "☎" } else { " " }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_the_list() -> Person {
        let device = |resource: &str, ichat: bool| PersonDevice {
            jid: format!("mac@im.test/{resource}"),
            availability: "available",
            priority: 0,
            is_ichat: ichat,
            dialect: ichat.then_some("legacy"),
            is_callable: ichat,
        };
        Person {
            jid: "mac@im.test".to_owned(),
            name: Some("Mac".to_owned()),
            availability: "available",
            message: Some("tea".to_owned()),
            is_ichat: true,
            dialect: Some("legacy"),
            reach: Reach::Callable,
            asks: false,
            devices: vec![device("iChat", true), device("psi", false)],
        }
    }

    #[test]
    fn whoever_can_be_called_has_a_telephone_and_several_devices_are_told_apart() {
        assert_eq!(
            lines(&on_the_list()),
            [
                "☎ mac@im.test (Mac), available, can be called (legacy) — tea",
                "    ☎ mac@im.test/iChat, available, iChat, legacy",
                "      mac@im.test/psi, available, no iChat",
            ]
        );
    }

    #[test]
    fn whoever_cannot_be_called_is_told_why_and_whether_they_ask_for_us() {
        let person = Person {
            name: None,
            availability: "offline",
            message: None,
            is_ichat: false,
            dialect: None,
            reach: Reach::Not("not online".to_owned()),
            asks: true,
            devices: Vec::new(),
            ..on_the_list()
        };
        assert_eq!(
            lines(&person),
            [
                "  mac@im.test, offline, cannot be called: not online; asks to see you, and cannot \
              call you before (answer --accept)"
            ]
        );
    }

    #[test]
    fn scripts_get_every_field_and_null_for_what_is_unknown() {
        let known = person(&on_the_list());
        assert_eq!(known["devices"][0]["dialect"], "legacy");
        assert_eq!(known["devices"][1]["dialect"], Value::Null);
        assert_eq!(
            (&known["callable"], &known["why_not"]),
            (&json!(true), &Value::Null)
        );
        let fields: Vec<&String> = known.as_object().unwrap().keys().collect();
        assert_eq!(
            fields,
            [
                "jid",
                "name",
                "availability",
                "message",
                "ichat",
                "dialect",
                "callable",
                "why_not",
                "asks",
                "devices"
            ]
        );
    }
}
