//! Network interfaces.

use super::counters::{Counted, Traffic};
use super::unknown;
use crate::report::Body;
use crate::table::{Column, Table, columns};
use crate::value::Value;
use polyproc_info::{Address, InterfaceAddress, InterfaceState, NetworkCounters, System};
use std::ffi::OsString;

/// What is known of an interface.
struct Interface {
    name: OsString,
    state: InterfaceState,
    addresses: Vec<InterfaceAddress>,
    counted: Option<Counted<NetworkCounters>>,
}

impl Interface {
    fn count(&self, get: fn(&NetworkCounters) -> u64) -> Value {
        Value::maybe(self.counted.as_ref(), |one| Value::Bytes(get(&one.now)))
    }

    fn rate(&self, get: fn(&NetworkCounters) -> u64) -> Value {
        Value::maybe(self.counted.as_ref(), |one| Value::Rate(one.rate(get)))
    }
}

const COLUMNS: &[Column<Interface>] = columns! {
    "name" "NAME" Text "which"
        |row| Value::Text(row.name.clone());
    "up" "UP" Text "whether it is up and has a link"
        |row| Value::Flag(row.state.is_up);
    "speed_mbit" "MBIT/S" Count "how fast it is, where the driver says so"
        |row| Value::maybe(Some(row.state.speed).filter(|&speed| speed > 0), Value::number);
    "mtu" "MTU" Count "the largest packet, in bytes"
        |row| Value::number(row.state.mtu);
    "receive_rate" "IN/S" Rate "bytes that come in in a second"
        |row| row.rate(|now| now.bytes_received);
    "send_rate" "OUT/S" Rate "bytes that go out in a second"
        |row| row.rate(|now| now.bytes_sent);
    "received" "IN" Bytes "bytes that came in since boot"
        |row| row.count(|now| now.bytes_received);
    "sent" "OUT" Bytes "bytes that went out since boot"
        |row| row.count(|now| now.bytes_sent);
    "errors" "ERRORS" Count "packets that were broken or dropped"
        |row| Value::maybe(row.counted.as_ref(), |one| Value::number(faults(&one.now)));
    "addresses" "ADDRESSES" Text "its addresses"
        |row| Value::List(row.addresses.iter().filter_map(address).collect());
};

fn faults(now: &NetworkCounters) -> u64 {
    now.errors_in + now.errors_out + now.dropped_in + now.dropped_out
}

fn address(address: &InterfaceAddress) -> Option<Value> {
    match &address.address {
        Address::Inet(address) => Some(Value::text(address.ip().to_string())),
        Address::Hardware(bytes) if bytes.iter().any(|&byte| byte != 0) => {
            let bytes: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Some(Value::text(bytes.join(":")))
        }
        _ => None,
    }
}

/// All interfaces.
pub(super) fn table(system: &System, traffic: &Traffic) -> Body {
    let states = match system.net_if_states() {
        Ok(states) => states,
        Err(error) => return unknown(&error),
    };
    // They are asked of the kernel, not of a file: another system has none.
    let addresses = system.net_if_addresses().unwrap_or_default();
    let interface = |(name, state): (OsString, InterfaceState)| Interface {
        addresses: addresses.iter().filter(|one| one.interface == name).cloned().collect(),
        counted: traffic.interfaces.iter().find(|one| one.name == name).cloned(),
        name,
        state,
    };
    Body::Table(Table::of_all(COLUMNS, states.into_iter().map(interface)))
}
