//! A program whose code lies in two images: itself, and a shared library of Rust code.

use polyproc::StartMethod::{Fork, ForkServer, Spawn};
use polyproc::prelude::*;

fn double(x: u64) -> u64 {
    x * 2
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    // Started by the library: its own function, ours, and a closure of ours.
    assert_eq!(library::by_every_method(library::triple)?, [21; 3]);
    assert_eq!(library::by_every_method(double)?, [14; 3]);
    assert_eq!(library::by_every_method(|x| x + 1)?, [8; 3]);
    // Started by us: ours, the library's, and one that the library wrote and we have made.
    for method in [Fork, ForkServer, Spawn] {
        let by = || Process::builder().start_method(method);
        assert_eq!(by().spawn(double, 4)?.join()?, 8);
        assert_eq!(by().spawn(library::triple, 4)?.join()?, 12);
        assert_eq!(by().spawn(library::show::<(u8, char)>, (1, 'x'))?.join()?, "(1, 'x')");
    }
    println!("ok");
    Ok(())
}
