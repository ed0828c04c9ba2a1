//! What polyproc's tests share. Only ever a dev-dependency.
//!
//! | | |
//! |---|---|
//! | [`Census`] | which descriptors and processes there are; afterwards names every one too many |
//! | [`run_with_deadline`] | runs a program that may hang, and says what it printed until then |
//! | [`family_of_session`], [`process`] | who is left of a program whose first process was killed |
//! | [`eventually()`] | waits for what must come soon, instead of sleeping |
//! | [`Rng`] | randomness that a failed test names the seed of |
//! | [`variants`] | one program, built in every way that people build programs |
#![forbid(unsafe_code)]

pub mod process;
pub mod variants;

mod census;
mod eventually;
mod rng;
mod run;

pub use census::{Census, Leak};
pub use eventually::eventually;
pub use process::family_of_session;
pub use rng::Rng;
pub use run::{RunError, heed_interrupts, run_with_deadline, try_run};
