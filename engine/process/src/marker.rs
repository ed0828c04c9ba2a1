//! How an executed child is told from any other process: a marker in its environment, and
//! descriptors under agreed numbers.

use crate::environment::Variables;
use crate::front::Stage;
use polyproc_sys::exec;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// Set in the environment of a process that is to take over: `<key in hex>-<stage>-<parent's pid>`.
pub(crate) const MARKER: &str = "POLYPROC_CHILD";

/// The agreed numbers. They follow [`exec::FIRST_EXTRA`] in this order.
pub(crate) const SOCKET: i32 = 3;
pub(crate) const LINE: i32 = 4;
pub(crate) const ROSTER: i32 = 5;
pub(crate) const SERVER: i32 = 6;
const _: () = assert!(SOCKET == exec::FIRST_EXTRA && SERVER < SOCKET + exec::MAX_EXTRA as i32);

/// The environment with a marker in it, in the place of one that this process inherited.
pub(crate) fn put(environment: &Variables, key: u64, stage: Stage) -> Variables {
    let parent = std::process::id();
    let marker = (OsString::from(MARKER), OsString::from(format!("{key:016x}-{stage}-{parent}")));
    environment.iter().filter(|(name, _)| name != MARKER).cloned().chain([marker]).collect()
}

/// The key in a marker and the pid of who made it, if it is for `stage`.
pub(crate) fn read(marker: &OsStr, stage: Stage) -> Option<(u64, u32)> {
    let text = std::str::from_utf8(marker.as_bytes()).ok()?;
    let (key, rest) = text.split_once('-')?;
    let (marked_stage, parent) = rest.split_once('-')?;
    let content = (u64::from_str_radix(key, 16).ok()?, parent.parse().ok()?);
    (marked_stage == stage.to_string()).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_for_one_stage() {
        let (_, marker) = put(&Vec::new(), 0xabc, Stage::Main).pop().unwrap();
        assert_eq!(read(&marker, Stage::Main), Some((0xabc, std::process::id())));
        assert_eq!(read(&marker, Stage::Load), None);
        for wrong in ["", "abc", "xyz-main-1", "-main-1", "123-", "123-main", "123-main-x"] {
            assert_eq!(read(OsStr::new(wrong), Stage::Main), None);
        }
    }

    #[test]
    fn an_inherited_marker_is_replaced() {
        let old = vec![(OsString::from(MARKER), OsString::from("old"))];
        assert_eq!(put(&old, 1, Stage::Load).len(), 1);
    }
}
