//! Who listens, who talks.

use crate::actor::{Actor, Folder, ROLE};
use crate::roles::wait;
use polyproc_info::{
    Address, Attributes, Connection, ConnectionState, Family, Kinds, System, Transport,
};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{Command, ExitCode};

crate::trials![
    every_kind_is_found_in_both_ways,
    a_shared_socket_has_all_its_owners;
    for the superuser another_network_namespace
];

/// The roles that have sockets.
pub(crate) fn play(role: &str) -> ExitCode {
    match role {
        "sockets" => all_kinds(),
        "far listener" => {
            // In a fresh namespace there is no other address.
            let _listener = TcpListener::bind("0.0.0.0:0").unwrap();
            wait();
        }
        _ => return ExitCode::FAILURE,
    }
    ExitCode::SUCCESS
}

fn all_kinds() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let _copy = listener.try_clone().unwrap();
    let _talks = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let _accepted = listener.accept().unwrap();
    // Machines without version 6 have one socket less.
    let _six = TcpListener::bind("[::1]:0");
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let _six_udp = UdpSocket::bind("[::1]:0");
    udp.connect("127.0.0.1:9").unwrap();
    let unix = UnixListener::bind("my socket").unwrap();
    let _unix_talks = UnixStream::connect("my socket").unwrap();
    let _unix_accepted = unix.accept().unwrap();
    let _pair = UnixDatagram::pair().unwrap();
    wait();
}

fn sorted(mut all: Vec<Connection>) -> Vec<Connection> {
    all.sort();
    all
}

fn every_kind_is_found_in_both_ways() {
    let folder = Folder::new("sockets");
    let mut command = Actor::command("sockets");
    command.current_dir(&folder.0);
    let actor = Actor::start(command);
    let process = actor.process();
    let all = process.connections(Kinds::ALL).unwrap();
    let count = |kind: Kinds| all.iter().filter(|one| kind.contains(one.kind())).count();
    assert_eq!((count(Kinds::TCP4), count(Kinds::UDP4), count(Kinds::UNIX)), (3, 1, 5), "{all:?}");
    assert!(all.iter().all(|one| one.pid == Some(actor.pid()) && one.descriptor.is_some()));
    // Asked of each socket, and looked up in the kernel's list: the same.
    let inet: Vec<_> = all.iter().filter(|one| Kinds::INET.contains(one.kind())).cloned().collect();
    assert_eq!(sorted(process.connections(Kinds::INET).unwrap()), sorted(inet));
    let system = System::new().connections(Kinds::ALL).unwrap();
    let owned = system.into_iter().filter(|one| one.pid == Some(actor.pid())).collect();
    assert_eq!(sorted(owned), sorted(all.clone()));

    let listening =
        all.iter().find(|one| one.state == ConnectionState::Listen && one.kind() == Kinds::TCP4);
    let talks: Vec<_> = all
        .iter()
        .filter(|one| one.state == ConnectionState::Established && one.kind() == Kinds::TCP4)
        .collect();
    assert_eq!((&talks[0].local, &talks[0].remote), (&talks[1].remote, &talks[1].local));
    assert!(talks.iter().any(|one| one.local == listening.unwrap().local));
    assert_eq!(listening.unwrap().remote, Address::None);
    let unix: Vec<_> =
        all.iter().filter(|one| one.local == Address::Unix(b"my socket".to_vec())).collect();
    assert_eq!(unix.len(), 2, "the listener, and the accepted end");
    let remote: Vec<_> =
        all.iter().filter(|one| one.remote == Address::Unix(b"my socket".to_vec())).collect();
    assert_eq!(
        (remote.len(), remote[0].family, remote[0].transport),
        (1, Family::Unix, Transport::Stream)
    );
}

fn a_shared_socket_has_all_its_owners() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let local = Address::Inet(listener.local_addr().unwrap());
    let actors = [(); 2].map(|()| {
        let mut command = Actor::command("plain");
        // The descriptor that a child is given without ceremony.
        command.stderr(OwnedFd::from(listener.try_clone().unwrap()));
        Actor::start(command)
    });
    let all = System::new().connections(Kinds::TCP).unwrap();
    let owners: Vec<_> =
        all.iter().filter(|one| one.local == local).filter_map(|one| one.pid).collect();
    let mut expected = [std::process::id(), actors[0].pid(), actors[1].pid()];
    expected.sort_unstable();
    assert_eq!(owners, expected);
    assert_eq!(actors[0].process().connections(Kinds::TCP).unwrap()[0].descriptor, Some(2));
}

/// psutil says that such a process has no sockets.
fn another_network_namespace() {
    let mut command = Command::new("unshare");
    command.arg("--net").arg(std::env::current_exe().unwrap()).env(ROLE, "far listener");
    let actor = Actor::start(command);
    let process = actor.process();
    // Asked of the socket itself; by the process's own list; among all.
    let asked = process.connections(Kinds::INET).unwrap();
    let listed = process.facts(Attributes::CONNECTIONS).unwrap().connections.unwrap();
    let system = System::new().connections(Kinds::TCP).unwrap();
    let of_system: Vec<_> = system.into_iter().filter(|one| one.pid == Some(actor.pid())).collect();
    assert_eq!((asked.len(), asked[0].state), (1, ConnectionState::Listen));
    assert_eq!((&asked, &asked), (&listed, &of_system));
}
