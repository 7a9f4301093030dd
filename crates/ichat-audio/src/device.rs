//! Microphones and loudspeakers, through cpal.
//!
//! A device has a clock and a thread of its own. Its callback touches nothing but a lock-free
//! ring; rates are converted, and the two clocks held together, on the call's side of the ring.

mod convert;
mod drift;
mod faults;
mod loudspeaker;
mod microphone;
mod stream;

use cpal::traits::{DeviceTrait, HostTrait};

pub(crate) use loudspeaker::Loudspeaker;
pub(crate) use microphone::Microphone;

use crate::devices::{DeviceInfo, Devices};
use crate::error::DeviceError;

/// Rates that are worth a line in a list, in hertz.
const USUAL_RATES_HZ: [u32; 11] = [
    8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000,
];

/// Which way a device carries sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Microphone,
    Loudspeaker,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Microphone => "microphone",
            Self::Loudspeaker => "loudspeaker",
        }
    }

    fn backend(self, name: &str, source: cpal::Error) -> DeviceError {
        DeviceError::Backend {
            kind: self.word(),
            name: name.to_owned(),
            source: Box::new(source),
        }
    }

    fn default_device(self, host: &cpal::Host) -> Option<cpal::Device> {
        match self {
            Self::Microphone => host.default_input_device(),
            Self::Loudspeaker => host.default_output_device(),
        }
    }

    fn all_devices(self, host: &cpal::Host) -> Result<Vec<cpal::Device>, DeviceError> {
        let devices = match self {
            Self::Microphone => host.input_devices().map(Iterator::collect),
            Self::Loudspeaker => host.output_devices().map(Iterator::collect),
        };
        devices.map_err(|source| self.backend("", source))
    }

    fn default_config(
        self,
        device: &cpal::Device,
    ) -> Result<cpal::SupportedStreamConfig, cpal::Error> {
        match self {
            Self::Microphone => device.default_input_config(),
            Self::Loudspeaker => device.default_output_config(),
        }
    }

    fn rates_hz(self, device: &cpal::Device) -> Vec<u32> {
        let ranges: Vec<cpal::SupportedStreamConfigRange> = match self {
            Self::Microphone => device.supported_input_configs().map(Iterator::collect),
            Self::Loudspeaker => device.supported_output_configs().map(Iterator::collect),
        }
        .unwrap_or_default();
        let known = |rate: &u32| ranges.iter().any(|range| range.contains_rate(*rate));
        USUAL_RATES_HZ.into_iter().filter(known).collect()
    }

    /// The default device, or the one with this id or name, or the only one whose id or name has
    /// this text in it. Upper and lower case are one.
    fn find(self, name: Option<&str>) -> Result<cpal::Device, DeviceError> {
        let host = cpal::default_host();
        let Some(wanted) = name else {
            let kind = self.word();
            return self
                .default_device(&host)
                .ok_or(DeviceError::NoDefault { kind });
        };
        let mut devices = self.all_devices(&host)?;
        let names: Vec<(String, String)> = devices
            .iter()
            .map(|device| (id_of(device), device.to_string()))
            .collect();
        let index = choose(&names, wanted).map_err(|matching| {
            let (kind, name) = (self.word(), wanted.to_owned());
            if matching.is_empty() {
                let available = names.into_iter().map(|(id, _)| id).collect();
                DeviceError::NotFound {
                    kind,
                    name,
                    available,
                }
            } else {
                DeviceError::Ambiguous {
                    kind,
                    name,
                    matching,
                }
            }
        })?;
        Ok(devices.swap_remove(index))
    }

    fn list(self, host: &cpal::Host) -> Result<Vec<DeviceInfo>, DeviceError> {
        let default_id = self.default_device(host).map(|device| id_of(&device));
        let mut infos: Vec<DeviceInfo> = Vec::new();
        for device in self.all_devices(host)? {
            let id = id_of(&device);
            if infos.iter().any(|info| info.id == id) {
                continue;
            }
            let config = self.default_config(&device).ok();
            infos.push(DeviceInfo {
                name: device.to_string(),
                is_default: Some(&id) == default_id.as_ref(),
                default_rate_hz: config
                    .as_ref()
                    .map(cpal::SupportedStreamConfig::sample_rate),
                channels: config.as_ref().map(cpal::SupportedStreamConfig::channels),
                rates_hz: self.rates_hz(&device),
                id,
            });
        }
        infos.sort_by_key(|info| !info.is_default);
        Ok(infos)
    }
}

/// All devices, both ways.
pub(crate) fn list() -> Result<Devices, DeviceError> {
    let host = cpal::default_host();
    Ok(Devices {
        inputs: Kind::Microphone.list(&host)?,
        outputs: Kind::Loudspeaker.list(&host)?,
    })
}

/// The platform's own name of a device; what it shows to people if it has none.
fn id_of(device: &cpal::Device) -> String {
    device
        .id()
        .map_or_else(|_| device.to_string(), |id| id.id().to_owned())
}

/// The place of the device that `wanted` means among these ids and names; else the ids that it
/// might mean.
fn choose(names: &[(String, String)], wanted: &str) -> Result<usize, Vec<String>> {
    let wanted = wanted.to_lowercase();
    let is_id = |id: &str, _: &str| id == wanted;
    let is_name = |_: &str, name: &str| name == wanted;
    let has_it = |id: &str, name: &str| id.contains(&wanted) || name.contains(&wanted);
    matching(names, is_id)
        .or_else(|| matching(names, is_name))
        .or_else(|| matching(names, has_it))
        .unwrap_or_else(|| Err(Vec::new()))
}

/// The place of the only device that passes a test of its id and name in lower case, or the ids of
/// several; nothing if none passes.
fn matching(
    names: &[(String, String)],
    test: impl Fn(&str, &str) -> bool,
) -> Option<Result<usize, Vec<String>>> {
    let passes = |pair: &(String, String)| test(&pair.0.to_lowercase(), &pair.1.to_lowercase());
    let first = names.iter().position(passes)?;
    let mut ids: Vec<String> = names
        .iter()
        .filter(|pair| passes(pair))
        .map(|(id, _)| id.clone())
        .collect();
    // One device that is listed twice is no riddle.
    ids.dedup();
    Some(if ids.len() == 1 { Ok(first) } else { Err(ids) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<(String, String)> {
        [
            ("default", "Default Audio Device"),
            ("pulse", "PulseAudio Sound Server"),
            ("hw:CARD=0,DEV=0", "HDA Intel, ALC257 Analog"),
            ("plughw:CARD=0,DEV=0", "HDA Intel, ALC257 Analog"),
            ("hw:CARD=1,DEV=0", "Yeti Nano"),
        ]
        .map(|(id, name)| (id.to_owned(), name.to_owned()))
        .to_vec()
    }

    #[test]
    fn an_id_wins_over_a_name_and_a_name_over_a_part_of_one() {
        assert_eq!(
            choose(&names(), "hw:CARD=0,DEV=0"),
            Ok(2),
            "though plughw has it in it"
        );
        assert_eq!(choose(&names(), "pulseaudio sound server"), Ok(1));
        assert_eq!(choose(&names(), "yeti"), Ok(4));
    }

    #[test]
    fn a_name_that_fits_two_devices_is_a_question_back() {
        let matching = choose(&names(), "HDA Intel, ALC257 Analog").unwrap_err();
        assert_eq!(matching, ["hw:CARD=0,DEV=0", "plughw:CARD=0,DEV=0"]);
    }

    #[test]
    fn a_name_that_fits_none_is_an_error_that_lists_what_there_is() {
        assert_eq!(choose(&names(), "Rode"), Err(Vec::new()));
    }
}
