//! Machines with sensors, which the build machines hardly are.

use crate::tree::Tree;
use polyproc_info::PowerState;
use std::time::Duration;

#[test]
fn chips_and_fans() {
    let tree = Tree::new(&[
        ("sys/class/hwmon/hwmon0/name", "coretemp\n"),
        ("sys/class/hwmon/hwmon0/temp1_input", "45000\n"),
        ("sys/class/hwmon/hwmon0/temp1_label", "Core 0\n"),
        ("sys/class/hwmon/hwmon0/temp1_max", "80000\n"),
        ("sys/class/hwmon/hwmon0/temp1_crit", "100000\n"),
        ("sys/class/hwmon/hwmon0/temp10_input", "46000\n"),
        ("sys/class/hwmon/hwmon0/device/temp1_input", "45000\n"),
        // A driver that fails is passed over.
        ("sys/class/hwmon/hwmon0/temp2_input", "\n"),
        ("sys/class/hwmon/hwmon1/device/name", "nct\n"),
        ("sys/class/hwmon/hwmon1/device/fan1_input", "1200\n"),
    ]);
    let system = tree.system();
    let heat = system.temperatures();
    assert_eq!(heat.len(), 2, "{heat:?}");
    assert_eq!((heat[0].chip.as_str(), heat[0].label.as_str()), ("coretemp", "Core 0"));
    assert_eq!((heat[0].current, heat[0].high, heat[0].critical), (45.0, Some(80.0), Some(100.0)));
    assert_eq!((heat[1].current, heat[1].high), (46.0, None));
    let fans = system.fans();
    assert_eq!((fans.len(), fans[0].speed, fans[0].chip.as_str()), (1, 1200, "nct"));
}

/// A Raspberry Pi has thermal zones alone.
#[test]
fn thermal_zones() {
    let tree = Tree::new(&[
        ("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n"),
        ("sys/class/thermal/thermal_zone0/temp", "51540\n"),
        ("sys/class/thermal/thermal_zone0/trip_point_0_type", "passive\n"),
        ("sys/class/thermal/thermal_zone0/trip_point_1_type", "critical\n"),
        ("sys/class/thermal/thermal_zone0/trip_point_1_temp", "110000\n"),
        ("sys/class/thermal/cooling_device0/type", "fan\n"),
    ]);
    let heat = tree.system().temperatures();
    assert_eq!(heat.len(), 1);
    assert_eq!((heat[0].current, heat[0].critical), (51.54, Some(110.0)));
}

#[test]
fn batteries() {
    let tree = Tree::new(&[
        ("sys/class/power_supply/AC/online", "0\n"),
        ("sys/class/power_supply/BAT0/energy_now", "30000000\n"),
        ("sys/class/power_supply/BAT0/energy_full", "60000000\n"),
        ("sys/class/power_supply/BAT0/power_now", "15000000\n"),
        ("sys/class/power_supply/BAT0/status", "Discharging\n"),
    ]);
    let battery = tree.system().battery().unwrap();
    assert_eq!((battery.percent, battery.power), (50.0, PowerState::Battery));
    assert_eq!(battery.left, Some(Duration::from_hours(2)));
    tree.file("sys/class/power_supply/AC/online", "1\n");
    let battery = tree.system().battery().unwrap();
    assert_eq!((battery.left, battery.power), (None, PowerState::Plugged));
    let tree = Tree::new(&[
        ("sys/class/power_supply/cw2015-battery/capacity", "77\n"),
        ("sys/class/power_supply/cw2015-battery/status", "Unknown\n"),
        ("sys/class/power_supply/cw2015-battery/time_to_empty_now", "60\n"),
    ]);
    let battery = tree.system().battery().unwrap();
    assert_eq!((battery.percent, battery.power), (77.0, PowerState::Unknown));
    assert_eq!(battery.left, Some(Duration::from_hours(1)));
}
