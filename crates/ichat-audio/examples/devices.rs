//! Lists the audio devices of this machine.
//!
//! ```text
//! cargo run -p ichat-audio --example devices
//! ```

use ichat_audio::{AudioError, DeviceInfo, devices};

fn main() -> Result<(), AudioError> {
    let devices = devices()?;
    for (title, infos) in [("inputs", devices.inputs), ("outputs", devices.outputs)] {
        println!("{title}:");
        for info in infos {
            print(&info);
        }
    }
    Ok(())
}

fn print(info: &DeviceInfo) {
    let mark = if info.is_default { "*" } else { " " };
    let rate = info
        .default_rate_hz
        .map_or("cannot be opened".to_owned(), |rate| format!("{rate} Hz"));
    println!(
        "{mark} {} ({}): {rate}, {:?}",
        info.id, info.name, info.rates_hz
    );
}
