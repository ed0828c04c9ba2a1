//! The internet sockets of one process, asked of the sockets themselves: five microseconds each,
//! where a list of all sockets of the machine would be made otherwise. It is right in another
//! network namespace, too.
//!
//! Needs the right to trace the process, and Linux 5.6.

use crate::error::{Error, Result, is_absent, is_denied};
use crate::parse::sockets::{Connection, ConnectionState, Family, Kinds, Transport, inet};
use crate::process::Process;
use crate::reader::{Name, Reader};
use polyproc_sys::endpoint::{self, Address};
use polyproc_sys::files::{self, FileKind};
use polyproc_sys::pidfd::PidFd;
use std::collections::HashSet;
use std::os::fd::{AsFd, OwnedFd};

/// Families and protocols by their numbers (socket(2)).
const INET4: i32 = 2;
const INET6: i32 = 10;
const TCP: i32 = 6;
const UDP: i32 = 17;

/// `None` when this way is not open: the sockets have to be looked up in a list then.
pub(crate) fn of_process(process: &Process, kinds: Kinds) -> Result<Option<Vec<Connection>>> {
    // The other end of a Unix socket stands in the list alone.
    if kinds.contains(Kinds::UNIX) || !process.system().is_live() {
        return Ok(None);
    }
    let held = match process.hold("connections") {
        Err(Error::Os { .. }) => return Ok(None),
        other => other?,
    };
    let mut reader = Reader::without_boot_time(process.system())?;
    let directory = reader.directory(process.pid())?;
    // A zombie has none, and so has a process whose first thread has ended: there the list knows
    // better.
    let Ok(folder) = files::open_at(directory.as_fd(), c"fd") else {
        return Ok(None);
    };
    let Ok(numbers) = reader.numbers(folder.as_fd()) else {
        return Ok(None);
    };
    each(&held, &folder, &numbers, process.pid(), kinds)
}

fn each(
    held: &PidFd,
    folder: &OwnedFd,
    numbers: &[u32],
    pid: u32,
    kinds: Kinds,
) -> Result<Option<Vec<Connection>>> {
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    for &number in numbers {
        let inode = match files::status_at(folder.as_fd(), Name::number(number).as_c_str()) {
            Ok(status) if status.kind == FileKind::Socket => status.inode,
            Err(error) if is_denied(&error) => return Ok(None),
            // Of no interest, or closed in the meantime.
            _ => continue,
        };
        if !seen.insert(inode) {
            continue;
        }
        let socket = match held.duplicate(number.cast_signed()) {
            Ok(socket) => socket,
            // Closed in the meantime.
            Err(error) if error.raw_os_error() == Some(BAD_DESCRIPTOR) => continue,
            Err(error) if is_absent(&error) => return Err(Error::Gone { pid }),
            // We may not trace it, or the kernel is old.
            Err(_) => return Ok(None),
        };
        let owner = (inode, pid, number.cast_signed());
        found.extend(connection(&socket, owner).filter(|one| kinds.contains(one.kind())));
    }
    Ok(Some(found))
}

/// `EBADF`, the same on every Linux.
const BAD_DESCRIPTOR: i32 = 9;

/// `None` for a socket that the kernel's lists leave out, too: bound to nothing, or of another
/// family.
fn connection(socket: &OwnedFd, (inode, pid, descriptor): (u64, u32, i32)) -> Option<Connection> {
    let seen = endpoint::look(socket.as_fd()).ok()?;
    let address = |address| match address {
        Address::Inet(address) => inet(address),
        _ => Address::None,
    };
    let (local, remote) = (address(seen.local), address(seen.peer));
    if local == Address::None {
        return None;
    }
    let (transport, state) = match seen.protocol {
        TCP => (Transport::Stream, ConnectionState::of_tcp(seen.state?)),
        UDP => (Transport::Datagram, ConnectionState::None),
        _ => return None,
    };
    let family = match seen.family {
        INET4 => Family::Inet4,
        INET6 => Family::Inet6,
        _ => return None,
    };
    Some(Connection {
        family,
        transport,
        local,
        remote,
        state,
        inode,
        peer_inode: None,
        pid: Some(pid),
        descriptor: Some(descriptor),
    })
}
