//! Temperatures, fans, the battery.

use crate::report::{Body, fact};
use crate::table::{Column, Table, columns};
use crate::value::Value;
use polyproc_info::{Fan, PowerState, System, Temperature};

const TEMPERATURES: &[Column<Temperature>] = columns! {
    "chip" "CHIP" Text "who measures"
        |row| Value::text(row.chip.as_str());
    "label" "WHAT" Text "what is measured"
        |row| Value::text(row.label.as_str());
    "celsius" "NOW (C)" Count "how hot it is"
        |row| Value::Ratio(row.current);
    "high" "HIGH" Count "from where on it is too hot"
        |row| Value::maybe(row.high, Value::Ratio);
    "critical" "CRITICAL" Count "from where on it breaks"
        |row| Value::maybe(row.critical, Value::Ratio);
};

const FANS: &[Column<Fan>] = columns! {
    "chip" "CHIP" Text "who counts"
        |row| Value::text(row.chip.as_str());
    "label" "WHICH" Text "which fan"
        |row| Value::text(row.label.as_str());
    "speed" "TURNS/MIN" Count "how fast it turns"
        |row| Value::number(row.speed);
};

pub(super) fn temperatures(system: &System) -> Body {
    Body::Table(Table::of_all(TEMPERATURES, system.temperatures()))
}

pub(super) fn fans(system: &System) -> Body {
    Body::Table(Table::of_all(FANS, system.fans()))
}

pub(super) fn battery(system: &System) -> Body {
    let Some(battery) = system.battery() else {
        return Body::Unknown("none".into());
    };
    let power = match battery.power {
        PowerState::Plugged => "plugged",
        PowerState::Battery => "battery",
        PowerState::Unknown => "unknown",
    };
    Body::Facts(vec![
        fact("percent", "full (%)", Value::Percent(battery.percent)),
        fact("left", "will do for", Value::maybe(battery.left, Value::Span)),
        fact("power", "fed by", Value::text(power)),
    ])
}
