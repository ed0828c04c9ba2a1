//! Sockets as `net` and `show` list them.

use crate::table::{Column, columns};
use crate::value::Value;
use polyproc_info::{
    Address, Connection, ConnectionState, Error, Family, Kinds, System, Transport,
};
use std::collections::HashMap;
use std::ffi::OsString;
use std::net::SocketAddr;

/// A socket, whose it is, and who is at the other end, if that is a process of this machine.
#[derive(Clone, Debug)]
pub(crate) struct Socket {
    pub(crate) connection: Connection,
    pub(crate) owner: Option<Owner>,
    pub(crate) peer: Option<Owner>,
}

/// A process by number and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) pid: u32,
    pub(crate) name: OsString,
}

impl Owner {
    fn value(&self) -> Value {
        let mut text = self.name.clone();
        text.push(format!(" ({})", self.pid));
        Value::Text(text)
    }
}

/// All of them.
const COLUMNS: &[Column<Socket>] = columns! {
    "kind" "KIND" Text "tcp, tcp6, udp, udp6, unix"
        |row| Value::text(kind(&row.connection));
    "state" "STATE" Text "listen, established and so on"
        |row| state(row.connection.state).map_or(Value::Missing, Value::text);
    "local" "LOCAL" Text "its own address"
        |row| address(&row.connection.local);
    "local_port" "PORT" Number "the port of that"
        |row| Value::maybe(port(&row.connection.local), Value::number);
    "remote" "REMOTE" Text "whom it talks to"
        |row| address(&row.connection.remote);
    "remote_port" "PORT" Number "the port of that"
        |row| Value::maybe(port(&row.connection.remote), Value::number);
    "pid" "PID" Number "whose it is"
        |row| Value::maybe(row.owner.as_ref(), |owner| Value::number(owner.pid));
    "process" "PROCESS" Text "the name of that"
        |row| Value::maybe(row.owner.as_ref(), |owner| Value::Text(owner.name.clone()));
    "descriptor" "FD" Number "its number in that process"
        |row| Value::maybe(row.connection.descriptor, Value::number);
    "peer" "PEER" Text "the process at the other end, if it is of this machine"
        |row| Value::maybe(row.peer.as_ref(), Owner::value);
    "peer_pid" "PEER PID" Number "its number"
        |row| Value::maybe(row.peer.as_ref(), |peer| Value::number(peer.pid));
    "peer_process" "PEER NAME" Text "its name"
        |row| Value::maybe(row.peer.as_ref(), |peer| Value::Text(peer.name.clone()));
};

/// What people see in another column already, and what programs do.
const FOR_PROGRAMS: &[&str] = &["local_port", "remote_port", "peer_pid", "peer_process"];
const FOR_PEOPLE: &[&str] = &["peer"];

/// The columns for one or the other.
pub(crate) fn columns(for_programs: bool) -> impl Iterator<Item = &'static Column<Socket>> {
    let left_out = if for_programs { FOR_PEOPLE } else { FOR_PROGRAMS };
    COLUMNS.iter().filter(move |one| !left_out.contains(&one.name))
}

/// All sockets of these kinds, each with its ends.
///
/// # Errors
/// When sockets or processes cannot be listed.
pub(crate) fn all(system: &System, kinds: Kinds) -> Result<Vec<Socket>, Error> {
    let connections = system.connections(kinds)?;
    let snapshot = system.snapshot(polyproc_info::Attributes::NAME)?;
    let owner =
        |pid: u32| snapshot.get(pid).map(|facts| Owner { pid, name: facts.name().to_owned() });
    let ends = Ends::of(&connections);
    let socket = |connection: &Connection| Socket {
        owner: connection.pid.and_then(owner),
        peer: ends.other(connection).and_then(owner),
        connection: connection.clone(),
    };
    Ok(connections.iter().map(socket).collect())
}

/// Which process has which end.
struct Ends {
    by_inode: HashMap<u64, u32>,
    by_addresses: HashMap<(SocketAddr, SocketAddr), u32>,
}

impl Ends {
    fn of(connections: &[Connection]) -> Self {
        let owned = || connections.iter().filter_map(|one| Some((one, one.pid?)));
        Self {
            by_inode: owned().map(|(one, pid)| (one.inode, pid)).collect(),
            by_addresses: owned().filter_map(|(one, pid)| Some((pair(one)?, pid))).collect(),
        }
    }

    /// Who has the other end of this one.
    fn other(&self, connection: &Connection) -> Option<u32> {
        if let Some(inode) = connection.peer_inode {
            return self.by_inode.get(&inode).copied();
        }
        let (local, remote) = pair(connection)?;
        self.by_addresses.get(&(remote, local)).copied()
    }
}

/// Both addresses; version 4 mapped into 6 is the same as version 4.
fn pair(connection: &Connection) -> Option<(SocketAddr, SocketAddr)> {
    let plain = |address: &Address| match address {
        Address::Inet(address) => {
            Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
        }
        _ => None,
    };
    Some((plain(&connection.local)?, plain(&connection.remote)?))
}

fn kind(connection: &Connection) -> &'static str {
    match (connection.family, connection.transport) {
        (Family::Unix, _) => "unix",
        (Family::Inet4, Transport::Stream) => "tcp",
        (Family::Inet4, _) => "udp",
        (Family::Inet6, Transport::Stream) => "tcp6",
        (Family::Inet6, _) => "udp6",
    }
}

fn state(state: ConnectionState) -> Option<String> {
    let word = state.to_string().to_ascii_lowercase().replace('_', "-");
    (state != ConnectionState::None).then_some(word)
}

/// An abstract name of the UNIX family begins with a zero byte.
fn address(address: &Address) -> Value {
    match address {
        Address::Inet(address) => Value::text(address.to_string()),
        Address::Unix(path) => Value::raw(path.clone()),
        _ => Value::Missing,
    }
}

pub(crate) fn port(address: &Address) -> Option<u16> {
    match address {
        Address::Inet(address) => Some(address.port()),
        _ => None,
    }
}
