//! The live view.
//!
//! | | |
//! |---|---|
//! | [`model`] | the state: events in, effects out; pure |
//! | [`input`], [`keys`] | the bytes of a terminal as keys; what they do |
//! | [`view`], [`dialog`], [`gauge`] | the state as a picture; pure |
//! | [`sample`], [`sampler`] | what a look at the machine gives, and how it is taken |
//! | [`record`] | a look for programs |
//! | [`live`], [`screen`] | the loop; the terminal |

mod dialog;
mod gauge;
mod input;
mod keys;
mod live;
mod model;
pub(crate) mod record;
mod sample;
mod sampler;
mod screen;
mod view;

pub(crate) use live::{Failure, Live, frame};
pub(crate) use model::Top;
pub(crate) use screen::rescue_terminal;
pub(crate) use view::Look;

#[cfg(test)]
mod tests;
