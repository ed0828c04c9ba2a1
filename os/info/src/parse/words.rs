//! Command lines and environments: texts that end with a zero byte, one after the other.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;

/// The command line of a process, as bytes: a program may have been given anything.
///
/// A program can overwrite its own (to hide a password, or to tell its state); then it is what it
/// wrote. Empty for a kernel thread.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Arguments(Vec<u8>);

impl Arguments {
    /// `/proc/PID/cmdline`. The last text may lack its zero byte, when the program wrote over it.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// The words, the program's name first. Empty ones are words, too. A program that wrote over
    /// its command line (as some servers do) usually leaves a single text: that is one word here.
    pub fn iter(&self) -> impl Iterator<Item = &OsStr> {
        let bytes = self.0.strip_suffix(&[0]).unwrap_or(&self.0);
        let words = (!self.0.is_empty()).then(|| bytes.split(|&byte| byte == 0));
        words.into_iter().flatten().map(OsStr::from_bytes)
    }

    /// [`Arguments::iter`], as psutil splits: a single text with blanks is split at the blanks,
    /// since it is more often a title that the program wrote than one word. psutil splits text that
    /// lacks its last zero byte at blanks, too.
    pub fn split_title(&self) -> Vec<&OsStr> {
        let words: Vec<_> = self.iter().collect();
        let ended = self.0.ends_with(&[0]);
        match words.as_slice() {
            [one] if ended && one.as_bytes().contains(&b' ') => at_blanks(one),
            _ if ended || words.is_empty() => words,
            _ => at_blanks(OsStr::from_bytes(self.0.strip_suffix(b" ").unwrap_or(&self.0))),
        }
    }

    /// The program's name as it was called.
    pub fn first(&self) -> Option<&OsStr> {
        self.iter().next()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As one line, blanks between the words; other than UTF-8 is replaced.
    pub fn to_line(&self) -> String {
        self.iter().map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
    }
}

fn at_blanks(text: &OsStr) -> Vec<&OsStr> {
    text.as_bytes().split(|&byte| byte == b' ').map(OsStr::from_bytes).collect()
}

impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Display for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_line())
    }
}

/// The environment of a process at the time of its last `exec`, as bytes. Later changes by the
/// program itself do not show. Empty for a kernel thread.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Environment(Vec<u8>);

impl Environment {
    /// `/proc/PID/environ`.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// Names and values. An entry without `=` is passed over, and so is what stands behind an empty
    /// one: it is no environment any more, but what the program wrote there.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        let entries = self.0.split(|&byte| byte == 0).take_while(|entry| !entry.is_empty());
        entries.filter_map(|entry| {
            let equals = entry.iter().position(|&byte| byte == b'=').filter(|&at| at > 0)?;
            Some((OsStr::from_bytes(&entry[..equals]), OsStr::from_bytes(&entry[equals + 1..])))
        })
    }

    /// The value of a variable: the last one, where a name stands twice.
    pub fn get(&self, name: impl AsRef<OsStr>) -> Option<&OsStr> {
        let name = name.as_ref();
        self.iter().filter(|entry| entry.0 == name).last().map(|entry| entry.1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// The kernel keeps 15 bytes of a name: where the program's file name, as it was called, starts
/// with these, it is the whole name.
pub(crate) fn long_name(short: &OsStr, arguments: &[u8]) -> Option<OsString> {
    let called = arguments.split(|&byte| byte == 0).next()?;
    let file = called.rsplit(|&byte| byte == b'/').next()?;
    let longer = file.len() > short.len() && file.starts_with(short.as_bytes());
    longer.then(|| OsStr::from_bytes(file).to_owned())
}

/// How long a name must be for the kernel to have cut it.
pub(crate) const CUT_NAME: usize = 15;

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::*;
    use proptest::prelude::*;

    fn words(bytes: &[u8]) -> Vec<String> {
        Arguments::new(bytes).iter().map(|word| word.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn empty_words_are_words() {
        assert_eq!(words(b"sh\0\0-c\0"), ["sh", "", "-c"]);
        assert_eq!(words(b"\0"), [""]);
        assert_eq!(words(b""), [""; 0]);
        assert_eq!(words(b"nginx: master process"), ["nginx: master process"]);
    }

    #[test]
    fn titles_are_split_as_psutil_does() {
        let split = |bytes| Arguments::new(bytes).split_title().len();
        assert_eq!(split(b"one single arg with space\0"), 5);
        assert_eq!(split(b"a b\0c\0"), 2);
        assert_eq!(split(b"nginx: master process"), 3);
        assert_eq!(split(b""), 0);
    }

    #[test]
    fn an_environment_ends_at_an_empty_entry() {
        let environment = Environment::new(b"A=1\0B\0=x\0C=a=b\0A=2\0D=\xff\0\0E=5\0");
        let names: Vec<_> = environment.iter().map(|entry| entry.0.as_bytes()).collect();
        assert_eq!(names, [b"A", b"C", b"A", b"D"]);
        assert_eq!(environment.get("A"), Some(OsStr::new("2")));
        assert_eq!(environment.get("C"), Some(OsStr::new("a=b")));
        assert_eq!(environment.get("D").unwrap().as_bytes(), b"\xff");
        assert!(environment.get("E").is_none() && Environment::default().is_empty());
    }

    #[test]
    fn a_cut_name_is_made_whole() {
        let whole = |short: &str, line: &[u8]| long_name(short.as_ref(), line);
        let found = whole("gnome-keyring-d", b"/usr/bin/gnome-keyring-daemon\0--x\0");
        assert_eq!(found, Some("gnome-keyring-daemon".into()));
        assert_eq!(whole("gnome-keyring-d", b"other\0"), None);
        assert_eq!(whole("gnome-keyring-d", b""), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in hostile::bytes()) {
            let arguments = Arguments::new(&bytes);
            arguments.split_title();
            assert!(!format!("{arguments:?}").is_empty());
            Environment::new(&bytes).iter().count();
            long_name("a".as_ref(), &bytes);
        }

        #[test]
        fn words_come_back(all in proptest::collection::vec("[^\0]{0,5}", 0..5)) {
            let bytes: Vec<u8> = all.iter().flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect();
            prop_assert_eq!(words(&bytes), all);
        }
    }
}
