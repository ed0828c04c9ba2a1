//! Who is logged in.

use super::System;
use crate::error::Result;
use crate::parse::users::{User, UtmpLayout};

impl System {
    /// Who is logged in, by `/run/utmp`; nobody where there is no such file (containers, and systems
    /// that keep it elsewhere).
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn users(&self) -> Result<Vec<User>> {
        for place in ["run/utmp", "var/run/utmp"] {
            if self.path(place).exists() {
                return Ok(UtmpLayout::NATIVE.users(&self.read(place)?));
            }
        }
        Ok(Vec::new())
    }
}
