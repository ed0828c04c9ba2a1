//! Why a value cannot be written or read.

use serde::{de, ser};
use std::fmt;

/// One reason, one pointer wide: results of every number that is coded have room for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault(
    #[expect(clippy::box_collection, reason = "a string is three pointers wide")] Box<String>,
);

impl Fault {
    #[cold]
    pub(super) fn new(reason: &str) -> Self {
        Self(Box::new(reason.into()))
    }

    /// Of a value that only a format with names can hold.
    #[cold]
    pub(super) fn self_describing() -> Self {
        Self::new(
            "it uses `#[serde(flatten)]`, `#[serde(untagged)]`, `#[serde(tag)]` or another form that \
             only self-describing formats can hold; give it a plain form, or pass it on as text \
             (such as `serde_json::to_string`)",
        )
    }

    /// Of a field that is left out of some values: without names nobody could tell what comes instead.
    #[cold]
    pub(super) fn left_out(field: &str) -> Self {
        Self::new(&format!(
            "its field `{field}` is left out (`#[serde(skip_serializing_if)]`), which only self-describing \
             formats can hold; write the field always, or pass the value on as text (such as \
             `serde_json::to_string`)"
        ))
    }

    /// Of a message that is over too early.
    #[cold]
    pub(super) fn end() -> Self {
        Self::new("its `Deserialize` reads more than its `Serialize` writes")
    }

    /// Of bytes that no value of the type has.
    #[cold]
    pub(super) fn no_such(what: &str) -> Self {
        Self::new(&format!("its bytes hold no such {what}"))
    }

    /// What the type itself says, or serde on its behalf.
    #[cold]
    fn custom(said: &dyn fmt::Display) -> Self {
        let said = said.to_string();
        let hint = if said.contains("UTF-8") { " (pass its bytes)" } else { "" };
        Self::new(&format!("{said}{hint}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

impl ser::Error for Fault {
    fn custom<T: fmt::Display>(said: T) -> Self {
        Self::custom(&said)
    }
}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(said: T) -> Self {
        Self::custom(&said)
    }
}
