//! All 65,536 ports of an address of this machine in 16 ranges, by 16 processes: which are open?
//!
//! ```text
//! 16 ranges of 4096 ports
//! found port …, which listens here
//! found port …, which listens here
//! all 65536 ports are looked at
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::prelude::*;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

const RANGES: u32 = 16;
/// Another address of this machine than the usual one: who serves there is not to be disturbed.
const HERE: Ipv4Addr = Ipv4Addr::new(127, 1, 6, 16);

/// The open ports of a range, and how many it has.
fn scan((first, count): (u32, u32)) -> (Vec<u16>, u32) {
    let ports = (first..first + count).filter_map(|port| u16::try_from(port).ok());
    let is_open = |port: &u16| {
        let address = SocketAddr::from((HERE, *port));
        TcpStream::connect_timeout(&address, Duration::from_secs(10)).is_ok()
    };
    (ports.filter(|port| *port != 0 && is_open(port)).collect(), count)
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    // Something to find.
    let listeners = [TcpListener::bind((HERE, 0))?, TcpListener::bind((HERE, 0))?];
    let mut own = Vec::new();
    for listener in &listeners {
        own.push(listener.local_addr()?.port());
    }

    let size = 65_536 / RANGES;
    println!("{RANGES} ranges of {size} ports");
    let pool = Pool::new(RANGES as usize)?;
    let ranges = (0..RANGES).map(|range| (range * size, size));
    let mut looked_at = 0;
    for (open, count) in pool.calls().chunk(1).map(scan, ranges)? {
        looked_at += count;
        for port in open.into_iter().filter(|port| own.contains(port)) {
            println!("found port {port}, which listens here");
        }
    }
    println!("all {looked_at} ports are looked at");
    Ok(())
}
