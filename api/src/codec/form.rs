//! The two forms of messages, for who reads them.
//!
//! Both are postcard's format: no names, lengths and variants in as few bytes as they need, text and bytes as
//! runs. They differ in numbers of several bytes.

/// Who reads it.
pub(crate) trait Form {
    /// Whether whole numbers are as they lie in memory. If not, they are in as few bytes as they need, as
    /// postcard has them.
    const IS_MEMORY: bool;
    /// Whether the writer may not mean well: then [`Bounds`](super::bounds::Bounds) hold.
    const IS_BOUNDED: bool;
}

/// For this family: one build on one machine, so a vector of numbers is one copy.
#[derive(Debug)]
pub(crate) enum Family {}

impl Form for Family {
    const IS_MEMORY: bool = true;
    const IS_BOUNDED: bool = false;
}

/// For anybody: another machine, another build. Bytes and floating-point numbers are still one copy.
#[derive(Debug)]
pub(crate) enum Anybody {}

impl Form for Anybody {
    const IS_MEMORY: bool = false;
    const IS_BOUNDED: bool = true;
}
