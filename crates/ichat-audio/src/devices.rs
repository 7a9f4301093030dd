//! The audio devices of this machine.

use crate::error::AudioError;

/// The audio devices of this machine, the default ones first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Devices {
    /// Microphones and other inputs.
    pub inputs: Vec<DeviceInfo>,
    /// Loudspeakers and other outputs.
    pub outputs: Vec<DeviceInfo>,
}

/// One direction of one audio device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Short and unique, what `mic:` and `speaker:` take: `default`, `hw:CARD=0,DEV=0`.
    pub id: String,
    /// For people; takes its place after `mic:` and `speaker:` too if no other device has it.
    pub name: String,
    /// Whether plain `mic` or `speaker` means it.
    pub is_default: bool,
    /// The rate that it would be opened with, in hertz; absent if it cannot be opened now.
    pub default_rate_hz: Option<u32>,
    /// Channels that it would be opened with; absent if it cannot be opened now.
    pub channels: Option<u16>,
    /// The usual rates that it has, in hertz, ascending.
    pub rates_hz: Vec<u32>,
}

/// Lists the audio devices.
///
/// # Errors
/// [`DeviceError::NotBuilt`](crate::DeviceError::NotBuilt) without the feature `device`, or the
/// words of a platform whose audio system does not answer. A machine without devices has two empty
/// lists.
#[cfg(feature = "device")]
pub fn devices() -> Result<Devices, AudioError> {
    Ok(crate::device::list()?)
}

/// Lists the audio devices.
///
/// # Errors
/// [`DeviceError::NotBuilt`](crate::DeviceError::NotBuilt) without the feature `device`.
#[cfg(not(feature = "device"))]
pub fn devices() -> Result<Devices, AudioError> {
    Err(crate::error::DeviceError::NotBuilt {
        kind: "audio devices",
    }
    .into())
}

#[cfg(all(test, not(feature = "device")))]
mod tests {
    #[test]
    fn a_build_without_devices_says_so() {
        assert_eq!(super::devices().unwrap_err().code(), "device");
    }
}
