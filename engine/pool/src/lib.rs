//! Scheduling tasks over worker processes, any of which may die. Bytes in, bytes out: what a task and
//! its result mean is the business of a front.
//!
//! | module | what it does |
//! |---|---|
//! | `dispatch/` | who gets which task when, and what becomes of the tasks of the dead: pure |
//! | [`Bytes`] | what a task or a result is |
//! | `ring`, `control`, `region` | what a worker and its parent share |
//! | `company` | when a worker goes to another processor than its parent's |
//! | [`serve()`] | a worker from inside |
//! | `core`, `link`, `definitions`, `sinks` (both `numbered`) | what the pool's lock guards; what many tasks have in common |
//! | [`Pool`] (`pool`), `shared`, `supervisor`, `bell` | the pool as its user sees it; who waits, drives and wakes |
//! | [`Outcome`], [`Insights`] | what became of a task; where the time went |
//! | `published` | what others can see of it while it runs |
//! | [`Rehearsal`] | the same without processes, for counting instructions |
//!
//! The life of a task and of a worker, what lies where, and what a kill at each step leaves:
//! `docs/design/0040-pool.md`.

mod bell;
mod bytes;
mod company;
mod control;
mod core;
mod definitions;
mod dispatch;
mod insights;
mod link;
mod numbered;
mod outcome;
mod pool;
mod published;
mod region;
mod rehearsal;
mod ring;
mod serve;
mod shared;
mod sinks;
mod supervisor;

pub use bytes::{Bytes, Spares};
pub use insights::{Insights, SlowTask, WorkerInsights};
pub use outcome::{Cause, Delivery, Loss, NoStart, Notice, Outcome, Run, Sink};
pub use polyproc_sync::Deadline;
pub use pool::{Definition, Lane, NewTask, Pool, Refused, Settings, Starter, TaskId, TaskRules};
#[doc(hidden)]
pub use rehearsal::Rehearsal;
pub use serve::{Handler, Output, Server, Verdict, serve};
