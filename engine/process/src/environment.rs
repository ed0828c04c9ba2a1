//! The environment of a child: its parent's at the moment of the start, with changes.

use crate::error::StartError;
use std::collections::hash_map::DefaultHasher;
use std::ffi::{CString, OsString};
use std::hash::{Hash, Hasher};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Names and values.
pub(crate) type Variables = Vec<(OsString, OsString)>;

/// What a child's environment has other than its parent's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    /// Whether to start from nothing.
    pub(crate) clear: bool,
    /// New values; `None` removes. The last word on a name counts.
    pub(crate) set: Vec<(OsString, Option<OsString>)>,
}

impl Changes {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        !self.clear && self.set.is_empty()
    }

    /// This process's environment with the changes, if there are any.
    pub(crate) fn apply(&self) -> Variables {
        let base = std::env::vars_os().filter(|_| !self.clear);
        let mut variables: Variables =
            base.filter(|(name, _)| self.set.iter().all(|(changed, _)| changed != name)).collect();
        for (index, (name, value)) in self.set.iter().enumerate() {
            let is_last = self.set[index + 1..].iter().all(|(later, _)| later != name);
            if let (true, Some(value)) = (is_last, value) {
                variables.push((name.clone(), value.clone()));
            }
        }
        variables
    }

    /// Refuses what no environment can hold.
    pub(crate) fn check(&self) -> Result<(), StartError> {
        if self.set.iter().any(|(name, _)| name.is_empty()) {
            return Err(StartError::Nameless);
        }
        let name_has = |byte| self.set.iter().any(|(name, _)| name.as_bytes().contains(&byte));
        let mut values = self.set.iter().filter_map(|(_, value)| value.as_ref());
        if name_has(b'=') {
            return Err(StartError::Forbidden {
                what: "an environment variable's name",
                character: '=',
            });
        }
        if name_has(0) || values.any(|value| value.as_bytes().contains(&0)) {
            return Err(StartError::Forbidden { what: "an environment variable", character: '\0' });
        }
        Ok(())
    }
}

/// A number that differs (but for a chance of 2⁻⁶⁴) when environments differ.
pub(crate) fn fingerprint(variables: &Variables) -> u64 {
    let mut hasher = DefaultHasher::new();
    variables.hash(&mut hasher);
    hasher.finish()
}

/// The form in which `exec` takes it. Names and values have no zero byte: see [`Changes::check`].
pub(crate) fn for_exec(variables: Variables) -> Vec<CString> {
    let line = |(name, value): (OsString, OsString)| {
        CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).ok()
    };
    variables.into_iter().filter_map(line).collect()
}

/// From the bytes that travelled.
pub(crate) fn os_string(bytes: &[u8]) -> OsString {
    OsString::from_vec(bytes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(clear: bool, set: &[(&str, Option<&str>)]) -> Changes {
        let set = set.iter().map(|(name, value)| (name.into(), value.map(OsString::from)));
        Changes { clear, set: set.collect() }
    }

    #[test]
    fn the_last_word_counts() {
        let changes =
            changes(true, &[("A", Some("1")), ("B", Some("2")), ("A", None), ("B", Some("3"))]);
        assert_eq!(changes.apply(), [("B".into(), "3".into())]);
    }

    #[test]
    fn starts_from_this_process() {
        let all = changes(false, &[]).apply();
        assert_eq!(all.len(), std::env::vars_os().count());
        let (name, _) = all[0].clone();
        let without = Changes { clear: false, set: vec![(name, None)] };
        assert_eq!(without.apply().len(), all.len() - 1);
        assert_ne!(fingerprint(&without.apply()), fingerprint(&all));
    }

    #[test]
    fn impossible_names_and_values_are_refused() {
        for (name, value) in [("", "1"), ("A=B", "1"), ("A\0", "1"), ("A", "\0")] {
            assert!(changes(false, &[(name, Some(value))]).check().is_err());
        }
    }
}
