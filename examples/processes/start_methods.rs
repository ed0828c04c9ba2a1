//! The three ways in which a process comes about, and what it finds in memory.
//!
//! ```text
//! the default is forkserver
//! forkserver: the setting is "as compiled"
//! spawn: the setting is "as compiled"
//! fork: the setting is "changed by main"
//! now the default is spawn, and so is a child's: spawn
//! one context, whatever the default: forkserver
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::prelude::*;
use std::sync::Mutex;

static SETTING: Mutex<&str> = Mutex::new("as compiled");

fn setting() -> String {
    SETTING.lock().map_or_else(|error| error.to_string(), |setting| (*setting).to_owned())
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    println!("the default is {}", polyproc::start_method());
    if let Ok(mut setting) = SETTING.lock() {
        *setting = "changed by main";
    }

    // `forkserver` copies a clean process that never ran `main`, `spawn` executes the program
    // again: both start from what was compiled. `fork` copies this process as it is now, which is
    // refused once it has threads.
    for method in StartMethod::ALL {
        let process = Process::builder().start_method(method).spawn(|()| setting(), ())?;
        println!("{method}: the setting is {:?}", process.join()?);
    }

    // For the whole program, and for the children of its children.
    polyproc::set_start_method(StartMethod::Spawn);
    let default = polyproc::start_method();
    let childs = polyproc::spawn(|()| polyproc::start_method().to_string(), ())?.join()?;
    println!("now the default is {default}, and so is a child's: {childs}");

    // For a library, which should not decide for the program.
    let context = polyproc::context(StartMethod::ForkServer);
    let process = context.spawn(|()| (), ())?;
    println!("one context, whatever the default: {}", process.start_method());
    Ok(process.join()?)
}
