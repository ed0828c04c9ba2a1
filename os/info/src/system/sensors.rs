//! Temperatures, fans and the battery, by `/sys/class`.

use super::System;
use crate::parse::{number, signed};
use std::collections::HashSet;
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
    #[doc(alias = "sensors_temperatures")]
    pub fn temperatures(&self) -> Vec<Temperature> {
        let found: Vec<_> =
            self.hardware("temp").into_iter().filter_map(|one| self.temperature(&one)).collect();
        if found.is_empty() { self.thermal_zones() } else { found }
    }

    /// Every fan.
    #[doc(alias = "sensors_fans")]
    pub fn fans(&self) -> Vec<Fan> {
        let fan = |sensor: Sensor| {
            Some(Fan {
                speed: number(self.text(&format!("{}_input", sensor.path))?.as_bytes())?,
                label: self.text(&format!("{}_label", sensor.path)).unwrap_or_default(),
                chip: sensor.chip,
            })
        };
        self.hardware("fan").into_iter().filter_map(fan).collect()
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

    /// The inputs of one kind of all chips. In some drivers they are one folder further down, and in
    /// some in both.
    fn hardware(&self, kind: &'static str) -> Vec<Sensor> {
        let mut found: Vec<Sensor> = Vec::new();
        for chip in self.entries("sys/class/hwmon") {
            let folder = format!("sys/class/hwmon/{chip}");
            let below = format!("{folder}/device");
            let mut known = HashSet::new();
            for folder in [folder, below] {
                let inputs = self.inputs(&folder, kind);
                found.extend(inputs.into_iter().filter(|one| known.insert(one.input.clone())));
            }
        }
        found
    }

    /// `temp1_input` and so on of one folder.
    fn inputs(&self, folder: &str, kind: &str) -> Vec<Sensor> {
        let chip = self.text(&format!("{folder}/name")).unwrap_or_default();
        let sensor = |name: String| {
            let input = name.strip_suffix("_input")?;
            number(input.strip_prefix(kind)?.as_bytes())?;
            let path = format!("{folder}/{input}");
            Some(Sensor { chip: chip.clone(), input: input.to_owned(), path })
        };
        self.entries(folder).into_iter().filter_map(sensor).collect()
    }

    fn thermal_zones(&self) -> Vec<Temperature> {
        let zones = self.entries("sys/class/thermal").into_iter();
        let zones = zones.filter(|name| name.starts_with("thermal_zone"));
        zones.filter_map(|name| self.thermal_zone(&format!("sys/class/thermal/{name}"))).collect()
    }

    fn thermal_zone(&self, folder: &str) -> Option<Temperature> {
        Some(Temperature {
            chip: self.text(&format!("{folder}/type"))?,
            label: String::new(),
            current: self.degrees(&format!("{folder}/temp"))?,
            high: self.trip_point(folder, "high"),
            critical: self.trip_point(folder, "critical"),
        })
    }

    fn trip_point(&self, folder: &str, kind: &str) -> Option<f64> {
        /// The kernel's own limit.
        const MOST: u32 = 12;
        let text = |index: u32, what| self.text(&format!("{folder}/trip_point_{index}_{what}"));
        let index = (0..MOST).find(|&index| text(index, "type").as_deref() == Some(kind))?;
        self.degrees(&format!("{folder}/trip_point_{index}_temp"))
    }

    /// The battery, if there is one.
    #[doc(alias = "sensors_battery")]
    pub fn battery(&self) -> Option<Battery> {
        let supplies = self.entries("sys/class/power_supply");
        let name = supplies.iter().find(|name| self.is_battery(name))?;
        let read = |file: &str| self.text(&format!("sys/class/power_supply/{name}/{file}"));
        let amount =
            |files: [&str; 2]| files.iter().find_map(|file| signed(read(file)?.as_bytes()));
        let now = amount(["energy_now", "charge_now"]);
        let full = amount(["energy_full", "charge_full"]);
        let drain = amount(["power_now", "current_now"]);
        let minutes = read("time_to_empty_now").and_then(|text| number(text.as_bytes()));
        let percent = level(now, full).or_else(|| read("capacity")?.parse().ok())?;
        let power = self.power(&supplies, &read("status").unwrap_or_default().to_lowercase());
        let left = if power == PowerState::Plugged { None } else { left(now, drain, minutes) };
        Some(Battery { percent: percent.clamp(0.0, 100.0), left, power })
    }

    fn is_battery(&self, name: &str) -> bool {
        let kind = self.text(&format!("sys/class/power_supply/{name}/type"));
        let by_name = name.starts_with("BAT") || name.to_lowercase().contains("battery");
        by_name || kind.as_deref() == Some("Battery")
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

/// In percent, of energy or charge.
fn level(now: Option<i64>, full: Option<i64>) -> Option<f64> {
    let (now, full) = now.zip(full).filter(|both| both.1 > 0)?;
    #[expect(clippy::cast_precision_loss, reason = "microwatt hours, far below 2^52")]
    Some(now as f64 / full as f64 * 100.0)
}

/// From what is in and what goes out in an hour, or by the driver's own minutes.
fn left(now: Option<i64>, drain: Option<i64>, minutes: Option<u64>) -> Option<Duration> {
    let drain = drain.map(i64::unsigned_abs).filter(|&drain| drain > 0);
    let by_drain = now.zip(drain).and_then(|(now, drain)| {
        Some(Duration::from_secs(now.unsigned_abs().checked_mul(3600)? / drain))
    });
    by_drain.or_else(|| Some(Duration::from_secs(minutes?.saturating_mul(60))))
}

/// An input of a chip: the path of its files without `_input` and so on.
struct Sensor {
    chip: String,
    /// `temp1`.
    input: String,
    path: String,
}
