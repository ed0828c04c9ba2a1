//! Temperatures, fans and the battery, by `/sys/class`.

use super::System;
use crate::parse::{number, signed};
use std::time::Duration;

/// A sensor of heat, in degrees Celsius.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Temperature {
    /// The chip (`coretemp`, `acpitz`).
    pub chip: String,
    /// What it measures; empty when it does not say.
    pub label: String,
    /// Now.
    pub current: f64,
    /// From where on it is too hot.
    pub high: Option<f64>,
    /// From where on it breaks.
    pub critical: Option<f64>,
}

/// A fan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fan {
    /// The chip.
    pub chip: String,
    /// Which; empty when it does not say.
    pub label: String,
    /// Turns a minute.
    pub speed: u64,
}

/// What feeds the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PowerState {
    /// A cable.
    Plugged,
    /// The battery.
    Battery,
    /// Nothing says.
    Unknown,
}

/// The battery.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Battery {
    /// How full it is, in percent.
    pub percent: f64,
    /// For how long it will do; none while it is charged, or where nothing says.
    pub left: Option<Duration>,
    /// What feeds the machine.
    pub power: PowerState,
}

impl System {
    /// Every temperature: by `hwmon`, else by the thermal zones (a Raspberry Pi has only these).
    pub fn temperatures(&self) -> Vec<Temperature> {
        let found: Vec<_> =
            self.hardware("temp").filter_map(|one| self.temperature(&one)).collect();
        if found.is_empty() { self.thermal_zones() } else { found }
    }

    /// Every fan.
    pub fn fans(&self) -> Vec<Fan> {
        let fan = |sensor: Sensor| {
            Some(Fan {
                speed: number(self.text(&format!("{}_input", sensor.path))?.as_bytes())?,
                label: self.text(&format!("{}_label", sensor.path)).unwrap_or_default(),
                chip: sensor.chip,
            })
        };
        self.hardware("fan").filter_map(fan).collect()
    }

    fn temperature(&self, sensor: &Sensor) -> Option<Temperature> {
        let degrees = |what: &str| self.degrees(&format!("{}_{what}", sensor.path));
        Some(Temperature {
            chip: sensor.chip.clone(),
            label: self.text(&format!("{}_label", sensor.path)).unwrap_or_default(),
            current: degrees("input")?,
            high: degrees("max"),
            critical: degrees("crit"),
        })
    }

    /// The inputs of one kind of all chips. In some drivers they are one folder further down.
    fn hardware(&self, kind: &'static str) -> impl Iterator<Item = Sensor> {
        let chips = self.entries("sys/class/hwmon").into_iter();
        let folders = chips.flat_map(|chip| {
            let chip = format!("sys/class/hwmon/{chip}");
            [chip.clone(), format!("{chip}/device")]
        });
        let mut seen = Vec::new();
        folders.flat_map(move |folder| {
            let chip = self.text(&format!("{folder}/name")).unwrap_or_default();
            let inputs = self.entries(&folder).into_iter();
            let numbered = inputs.filter_map(|name| {
                let place = name.strip_suffix("_input")?;
                number(place.strip_prefix(kind)?.as_bytes())?;
                Some(place.to_owned())
            });
            let of_chip = folder.trim_end_matches("/device").to_owned();
            let mut sensors = Vec::new();
            for place in numbered {
                // The same input is often in both folders.
                if !seen.contains(&(of_chip.clone(), place.clone())) {
                    seen.push((of_chip.clone(), place.clone()));
                    sensors.push(Sensor { chip: chip.clone(), path: format!("{folder}/{place}") });
                }
            }
            sensors
        })
    }

    fn thermal_zones(&self) -> Vec<Temperature> {
        let zone = |name: String| {
            let folder = format!("sys/class/thermal/{name}");
            let trip = |kind: &str| {
                let is_kind = |index: &u32| {
                    self.text(&format!("{folder}/trip_point_{index}_type")).as_deref() == Some(kind)
                };
                let index = (0..12).find(is_kind)?;
                self.degrees(&format!("{folder}/trip_point_{index}_temp"))
            };
            Some(Temperature {
                chip: self.text(&format!("{folder}/type"))?,
                label: String::new(),
                current: self.degrees(&format!("{folder}/temp"))?,
                high: trip("high"),
                critical: trip("critical"),
            })
        };
        let zones = self.entries("sys/class/thermal").into_iter();
        zones.filter(|name| name.starts_with("thermal_zone")).filter_map(zone).collect()
    }

    /// The battery, if there is one.
    pub fn battery(&self) -> Option<Battery> {
        let supplies = self.entries("sys/class/power_supply");
        let is_battery = |name: &&String| {
            let kind = self.text(&format!("sys/class/power_supply/{name}/type"));
            name.starts_with("BAT")
                || name.to_lowercase().contains("battery")
                || kind.as_deref() == Some("Battery")
        };
        let name = supplies.iter().find(is_battery)?;
        let read = |file: &str| self.text(&format!("sys/class/power_supply/{name}/{file}"));
        let amount =
            |files: [&str; 2]| files.iter().find_map(|file| signed(read(file)?.as_bytes()));
        let status = read("status").unwrap_or_default().to_lowercase();
        let power = self.power(&supplies, &status);
        let (now, full) =
            (amount(["energy_now", "charge_now"]), amount(["energy_full", "charge_full"]));
        let by_amount = now.zip(full).filter(|both| both.1 > 0);
        #[expect(clippy::cast_precision_loss, reason = "microwatt hours, far below 2^52")]
        let by_amount = by_amount.map(|(now, full)| now as f64 / full as f64 * 100.0);
        let percent = by_amount.or_else(|| read("capacity")?.parse().ok())?;
        let drain =
            amount(["power_now", "current_now"]).map(i64::unsigned_abs).filter(|&drain| drain > 0);
        let left = now.zip(drain).and_then(|(now, drain)| {
            now.unsigned_abs().checked_mul(3600).map(|energy| Duration::from_secs(energy / drain))
        });
        let by_time = || {
            let minutes = number(read("time_to_empty_now")?.as_bytes())?;
            Some(Duration::from_secs(minutes.saturating_mul(60)))
        };
        let left = if power == PowerState::Plugged { None } else { left.or_else(by_time) };
        Some(Battery { percent: percent.clamp(0.0, 100.0), left, power })
    }

    fn power(&self, supplies: &[String], status: &str) -> PowerState {
        let online = |name: &String| {
            let is_cable = name.starts_with("AC") || name.starts_with("ADP");
            let online = self.text(&format!("sys/class/power_supply/{name}/online"));
            is_cable.then_some(online).flatten()
        };
        match supplies.iter().find_map(online).as_deref() {
            Some("1") => PowerState::Plugged,
            Some("0") => PowerState::Battery,
            _ if status == "discharging" => PowerState::Battery,
            _ if status == "charging" || status == "full" => PowerState::Plugged,
            _ => PowerState::Unknown,
        }
    }

    /// A file of one line; `None` when it is not there, or its driver fails.
    fn text(&self, relative: &str) -> Option<String> {
        let bytes = self.read_if_there(relative)?;
        Some(String::from_utf8_lossy(bytes.trim_ascii()).into_owned())
    }

    fn degrees(&self, relative: &str) -> Option<f64> {
        let thousandths: f64 = self.text(relative)?.parse().ok()?;
        Some(thousandths / 1000.0)
    }
}

/// An input of a chip: the path of its files without `_input` and so on.
struct Sensor {
    chip: String,
    path: String,
}
