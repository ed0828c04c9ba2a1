//! Names of users, asked for once each.

use crate::parse::users::passwd;
use crate::system::System;
use polyproc_sys::accounts;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;

/// What is known of users so far.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    /// `/etc/passwd`, once it was read.
    file: Option<HashMap<u32, OsString>>,
    names: HashMap<u32, Arc<OsStr>>,
}

impl Owners {
    /// The name of a user: by `/etc/passwd`, which costs nothing, else by whatever else the system
    /// asks; the number where there is none.
    pub(crate) fn name(&mut self, system: &System, id: u32) -> Arc<OsStr> {
        if let Some(name) = self.names.get(&id) {
            return Arc::clone(name);
        }
        let file = self.file.get_or_insert_with(|| {
            passwd(&std::fs::read(system.path("etc/passwd")).unwrap_or_default())
        });
        let asked = || system.is_live().then(|| accounts::user_name(id)).flatten();
        let name = file.get(&id).cloned().or_else(|| asked().map(OsString::from_vec));
        let name: Arc<OsStr> = name.unwrap_or_else(|| id.to_string().into()).into();
        self.names.insert(id, Arc::clone(&name));
        name
    }
}
