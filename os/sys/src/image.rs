//! Which loaded program file holds an address, and how to know that file again.
//!
//! A function's address means nothing in another process. What does: the image (the program or a
//! shared library), its build-id, and the distance from where the image was loaded.

use std::ops::Range;

pub use crate::imp::image::{holding, named};

/// A program file in this process's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The path under which the loader knows it; empty for the program itself.
    pub name: Vec<u8>,
    /// Address at which it lies minus address for which it was linked.
    pub bias: usize,
    /// What the linker wrote to tell builds apart (the GNU build-id note); empty if it did not.
    pub build_id: Vec<u8>,
    /// Where its code lies.
    pub code: Vec<Range<usize>>,
}
