//! The live view.
//!
//! | | |
//! |---|---|
//! | [`model`] | the state: events in, effects out; pure |
//! | [`keys`] | what the keys do |
//! | [`view`], [`dialog`], [`gauge`] | the state as a picture; pure |
//! | [`sample`] | what a look at the machine gives |

mod dialog;
mod gauge;
mod keys;
mod model;
mod sample;
mod view;

#[cfg(test)]
mod tests;
