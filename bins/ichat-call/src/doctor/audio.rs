//! The default microphone and loudspeaker, as `ichat-call devices` sees them.
//!
//! It is run as a program of its own: the system's sound libraries write to standard error what they
//! like, and may wait for a sound server for ever.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use super::check::{Check, Topic};

/// How long the system may take to list its devices.
const LIMIT: Duration = Duration::from_secs(4);

/// A configuration file that says nothing.
const NOTHING: &str = if cfg!(windows) { "NUL" } else { "/dev/null" };

/// ALSA's device that swallows everything and is silent: it works, and serves nobody.
const ALSA_NULL: &str = "null";

/// Both devices.
pub(super) async fn look() -> Vec<Check> {
    let topics = [Topic::Microphone, Topic::Loudspeaker];
    if !cfg!(feature = "device") {
        let missing = "this build has no audio devices, only files";
        return topics.map(|topic| Check::skipped(topic, missing)).into();
    }
    match list().await {
        Ok(found) => {
            let both = topics.into_iter().zip(["inputs", "outputs"]);
            both.map(|(topic, name)| check(topic, &devices(&found, name)))
                .collect()
        }
        Err(why) => topics
            .map(|topic| Check::warning(topic, why.clone()).advise("try `ichat-call devices`"))
            .into(),
    }
}

/// What `devices --json` prints.
async fn list() -> Result<Value, String> {
    let program = std::env::current_exe()
        .map_err(|error| format!("the devices cannot be listed: {error}"))?;
    let listing = Command::new(program)
        .args(["devices", "--json", "--config", NOTHING])
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(LIMIT, listing)
        .await
        .map_err(|_| "the sound system does not answer".to_owned())?
        .map_err(|error| format!("the devices cannot be listed: {error}"))?;
    let value: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("the devices cannot be listed: {error}"))?;
    match value.get("message").and_then(Value::as_str) {
        Some(message) => Err(message.to_owned()),
        None => Ok(value),
    }
}

/// A device that works, more or less.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Device {
    name: String,
    is_default: bool,
    /// It has rates, and is of use.
    works: bool,
}

fn devices(found: &Value, name: &str) -> Vec<Device> {
    let list = found.get(name).and_then(Value::as_array);
    let text = |device: &Value, field| {
        let text = device.get(field).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    list.into_iter()
        .flatten()
        .map(|device| Device {
            name: text(device, "name"),
            is_default: device.get("default") == Some(&Value::Bool(true)),
            works: text(device, "id") != ALSA_NULL
                && device
                    .get("rates_hz")
                    .and_then(Value::as_array)
                    .is_some_and(|rates| !rates.is_empty()),
        })
        .collect()
}

fn check(topic: Topic, devices: &[Device]) -> Check {
    let mut working = devices.iter().filter(|device| device.works);
    if let Some(device) = working.clone().find(|device| device.is_default) {
        return Check::ok(topic, device.name.clone()).with("device", device.name.clone());
    }
    let (option, file) = if topic == Topic::Microphone {
        ("--input mic:NAME", "--input FILE.wav")
    } else {
        ("--output speaker:NAME", "--output FILE.wav")
    };
    match working.next() {
        Some(device) => Check::warning(topic, "the default one does not work").advise(format!(
            "take another with {option}; there is {}",
            device.name
        )),
        None => Check::warning(topic, "none that works").advise(format!(
            "plug one in, or use a file ({file}); `ichat-call devices` lists what the system knows"
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::check::Verdict;
    use super::*;

    fn device(id: &str, is_default: bool, rates_hz: &[u32]) -> Value {
        json!({ "id": id, "name": id, "default": is_default, "rates_hz": rates_hz })
    }

    #[test]
    fn only_a_default_device_that_works_is_fine() {
        let (good, dead) = (&[48_000][..], &[][..]);
        for (list, verdict) in [
            (
                vec![device("a", true, good), device("b", false, good)],
                Verdict::Ok,
            ),
            (
                vec![device("a", true, dead), device("b", false, good)],
                Verdict::Warning,
            ),
            (vec![device("a", true, dead)], Verdict::Warning),
            (vec![device("null", true, good)], Verdict::Warning),
            (vec![], Verdict::Warning),
        ] {
            let found = devices(&json!({ "inputs": list }), "inputs");
            assert_eq!(
                check(Topic::Microphone, &found).verdict,
                verdict,
                "{list:?}"
            );
        }
    }
}
