//! Made-up systems: kernels of several generations, containers, machines that are not here.
#![expect(clippy::unwrap_used, reason = "a failing test panics")]

mod containers;
mod counters;
mod kernels;
mod processes;
mod sensors;
mod tree;
