//! What all benches share: options, interleaved timing, and rows that people and programs can read.
//!
//! A bench is a race: ours and a peer take turns in one run (A B A B …), and the medians are
//! compared. So a machine that is slow today, or busy for a second, is so for both.
//!
//! ```
//! use polyproc_bench::{Kind, Options, Race};
//!
//! let options = Options::quick();
//! let race = Race { group: "sum", workload: "of a thousand", kind: Kind::Peer, peer: "a loop" };
//! let row = options.times(
//!     race,
//!     10,
//!     || assert_eq!((1..=1000).sum::<u64>(), 500_500),
//!     || assert_eq!((1..=1000).fold(0, |sum, n| sum + n), 500_500),
//! );
//! assert!(row.ratio() > 0.0);
//! ```
#![forbid(unsafe_code)]

mod options;
mod program;
mod row;

pub use options::{Options, median};
pub use program::{main, main_with_words};
pub use row::{Kind, Race, Row, Unit, print};
