//! `polyproc net`.

use super::complain;
use crate::arguments::{Common, Net};
use crate::exit::Exit;
use crate::output::Output;
use crate::paint::Tone;
use crate::report::Report;
use crate::sockets::{self, Socket};
use crate::table::Table;
use crate::text;
use polyproc_info::{ConnectionState, Family, Kinds, Transport};

/// Lists sockets.
pub(crate) fn run(options: &Net, common: &Common) -> Result<(), Exit> {
    let output = options.format.output(common);
    let kinds = if options.unix { Kinds::ALL } else { Kinds::INET };
    let all = sockets::all(&common.host().system, kinds).map_err(|error| complain(&error))?;
    let mut listed: Vec<_> = all.into_iter().filter(|socket| passes(options, socket)).collect();
    listed.sort_by_key(key);
    output.print(&Report::Table(table(&listed, &output)))?;
    if listed.is_empty() { Err(Exit::NothingFound) } else { Ok(()) }
}

fn table(sockets: &[Socket], output: &Output) -> Table {
    let columns: Vec<_> = sockets::columns(output.is_for_programs()).collect();
    let mut table = Table::of(&columns, sockets);
    table.tone("state", |state| match state.shown().as_str() {
        "listen" => Tone::Good,
        "established" => Tone::Plain,
        _ => Tone::Warn,
    });
    table
}

fn passes(options: &Net, socket: &Socket) -> bool {
    let connection = &socket.connection;
    let is_port = |&port: &u16| {
        [&connection.local, &connection.remote]
            .into_iter()
            .any(|one| sockets::port(one) == Some(port))
    };
    let name = socket.owner.as_ref().map(|owner| text::shown_os(&owner.name).to_lowercase());
    let has = |part: &String| name.as_ref().is_some_and(|name| name.contains(&part.to_lowercase()));
    (!options.listening || is_listening(socket))
        && (!options.established || connection.state == ConnectionState::Established)
        && (options.port.is_empty() || options.port.iter().any(is_port))
        && (options.pid.is_empty() || connection.pid.is_some_and(|pid| options.pid.contains(&pid)))
        && (options.text.is_empty() || options.text.iter().any(has))
}

/// Also a UDP socket that is connected to nobody: it takes from all.
fn is_listening(socket: &Socket) -> bool {
    let connection = &socket.connection;
    let takes_all = connection.family != Family::Unix
        && connection.transport == Transport::Datagram
        && sockets::port(&connection.remote).is_none();
    connection.state == ConnectionState::Listen || takes_all
}

/// Who listens first, then by port; UNIX sockets last.
fn key(socket: &Socket) -> (bool, bool, u16, Option<u32>, u64) {
    let connection = &socket.connection;
    let port = sockets::port(&connection.local).unwrap_or(0);
    let is_unix = connection.family == Family::Unix;
    (is_unix, !is_listening(socket), port, connection.pid, connection.inode)
}
