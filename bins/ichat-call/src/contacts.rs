//! `contacts`: who could be called, and why the others cannot.

mod table;

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
    for line in table::lines(&people) {
        printer.line(&line);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// An iChat and another program, on the contact list.
    pub(super) fn on_the_list() -> Person {
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
