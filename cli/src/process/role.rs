//! What a process is in a family that uses polyproc.

use crate::text;
use crate::value::Value;

/// The place of a process in its family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The program that started the family.
    Program,
    /// Makes the others, by copying itself.
    ForkServer,
    /// Runs a function.
    Child,
}

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    /// The same number for all members of a family: the inode of their shared table.
    pub(crate) family: u64,
    pub(crate) place: Place,
    /// As the program named it.
    pub(crate) name: String,
    /// It has not reached its function, or has left it.
    pub(crate) remark: Option<&'static str>,
}

impl Role {
    /// For people and programs alike.
    pub(crate) fn value(&self) -> Value {
        let what = match self.place {
            Place::Program => "program".to_owned(),
            Place::ForkServer => "fork server".to_owned(),
            Place::Child => text::shown(self.name.as_bytes()),
        };
        Value::text(match self.remark {
            Some(remark) => format!("{what} ({remark})"),
            None => what,
        })
    }
}
