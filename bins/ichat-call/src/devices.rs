//! `devices`: what there is to speak into and to hear from.

use serde_json::{Value, json};

use crate::cli::DevicesArgs;
use crate::failure::Failure;
use crate::output::Printer;

/// Lists them; a machine without any is told so, and that is no error.
pub(crate) fn devices(args: &DevicesArgs, printer: &mut Printer) -> Result<u8, Failure> {
    let found =
        ichat_audio::devices().map_err(|error| Failure::new(error.code(), error.to_string()))?;
    if args.json {
        let list = |devices: &[ichat_audio::DeviceInfo]| -> Vec<Value> {
            devices
                .iter()
                .map(|device| {
                    json!({
                        "id": device.id,
                        "name": device.name,
                        "default": device.is_default,
                        "rates_hz": device.rates_hz,
                    })
                })
                .collect()
        };
        let value = json!({ "inputs": list(&found.inputs), "outputs": list(&found.outputs) });
        printer.line(&value.to_string());
        return Ok(0);
    }
    for (title, devices, option) in [
        ("Inputs", &found.inputs, "--input mic:"),
        ("Outputs", &found.outputs, "--output speaker:"),
    ] {
        printer.line(&format!("{title} ({option}NAME)"));
        if devices.iter().all(|device| device.rates_hz.is_empty()) {
            printer.line("  none that works");
        }
        // ALSA lists its plugins too; those that open no hardware here have no rates.
        for device in devices.iter().filter(|device| !device.rates_hz.is_empty()) {
            let star = if device.is_default { "*" } else { " " };
            let rates: Vec<String> = device
                .rates_hz
                .iter()
                .map(|rate| format!("{rate} Hz"))
                .collect();
            printer.line(&format!("{star} {}  {}", device.name, rates.join(", ")));
        }
    }
    Ok(0)
}
