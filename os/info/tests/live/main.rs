//! Live processes: this program plays them, too (`roles.rs`), and looks at itself playing.
#![expect(clippy::unwrap_used, reason = "a failing test panics")]

mod actor;
mod control;
mod facts;
mod roles;
mod sockets;
mod storm;
mod strangers;

use libtest_mimic::Arguments;
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Ok(role) = std::env::var(actor::ROLE) {
        return roles::play(&role);
    }
    let all = [
        facts::trials(),
        control::trials(),
        sockets::trials(),
        strangers::trials(),
        storm::trials(),
    ];
    libtest_mimic::run(&Arguments::from_args(), all.into_iter().flatten().collect()).exit_code()
}

/// A test by the name of its function. Those behind `for the superuser` are listed as ignored for
/// anybody else.
macro_rules! trials {
    ($($name:ident),* $(,)? $(; for the superuser $($rooted:ident),*)?) => {
        pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
            let test = |name: &str, run: fn()| {
                let name = format!("{}::{name}", module_path!());
                libtest_mimic::Trial::test(name, move || { run(); Ok(()) })
            };
            vec![
                $(test(stringify!($name), $name),)*
                $($(test(stringify!($rooted), $rooted).with_ignored_flag(!crate::actor::is_superuser()),)*)?
            ]
        }
    };
}
pub(crate) use trials;
