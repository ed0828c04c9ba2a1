//! Every way to start a process, every way for it to end: prints `ok`, or panics with what differs.

use polyproc::StartMethod::{Fork, ForkServer, Spawn};
use polyproc::prelude::*;
use std::fmt::Debug;

fn double(x: u64) -> u64 {
    x * 2
}

fn panics(what: String) {
    panic!("on purpose: {what}");
}

fn exits(code: i32) {
    std::process::exit(code);
}

fn aborts(_: ()) {
    std::process::abort();
}

/// Its instances have equal code: a linker that merges them must not merge their types.
fn show<T: Debug>(value: T) -> String {
    format!("{value:?}")
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    // By fork first, before there can be any thread.
    for method in [Fork, ForkServer, Spawn] {
        results(method)?;
        a_panic(method)?;
        an_exit(method)?;
        a_signal(method)?;
    }
    println!("ok");
    Ok(())
}

fn by(method: StartMethod) -> polyproc::Builder {
    Process::builder().start_method(method)
}

fn results(method: StartMethod) -> polyproc::Result<()> {
    assert_eq!(by(method).spawn(double, 21)?.join()?, 42);
    assert_eq!(
        by(method)
            .spawn(|(a, b): (String, u8)| a.len() + usize::from(b), ("abc".into(), 4))?
            .join()?,
        7
    );
    assert_eq!(by(method).spawn(show::<u32>, 7)?.join()?, "7");
    assert_eq!(by(method).spawn(show::<i32>, -7)?.join()?, "-7");
    assert_eq!(by(method).spawn(show::<f32>, 0.5)?.join()?, "0.5");
    Ok(())
}

fn a_panic(method: StartMethod) -> polyproc::Result<()> {
    let process = by(method).spawn(panics, format!("{method:?}"))?;
    let error = process.join().expect_err("a panic");
    assert!(matches!(error, JoinError::Panicked { .. }), "{error}");
    assert!(error.to_string().contains(&format!("on purpose: {method:?}")), "{error}");
    let code = if cfg!(panic = "abort") { -Signal::ABRT.number() } else { 101 };
    assert_eq!(process.exit_code(), Some(code));
    Ok(())
}

fn an_exit(method: StartMethod) -> polyproc::Result<()> {
    let process = by(method).spawn(exits, 3)?;
    let error = process.join().expect_err("an exit");
    assert!(matches!(error, JoinError::Exited { code: 3, .. }), "{error}");
    assert_eq!(process.exit_code(), Some(3));
    Ok(())
}

fn a_signal(method: StartMethod) -> polyproc::Result<()> {
    let process = by(method).spawn(aborts, ())?;
    let error = process.join().expect_err("a signal");
    assert!(matches!(error, JoinError::Signaled { signal: Signal::ABRT, .. }), "{error}");
    assert_eq!(process.exit_code(), Some(-Signal::ABRT.number()));
    Ok(())
}
