//! The name of a terminal by its device number: computed where the numbers are fixed
//! (`Documentation/admin-guide/devices.txt`), so that a terminal opened a moment ago has a name, too.

use crate::system::System;
use std::path::PathBuf;

/// `/dev/pts/0` and the like; `None` for number 0, and for one that is no terminal of this machine.
pub(crate) fn path(system: &System, number: u32) -> Option<PathBuf> {
    let (major, minor) = split(number);
    let name = match (major, minor) {
        (0, _) => return None,
        (136..=143, _) => format!("pts/{}", ((major - 136) << 8) + minor),
        (4, 0..64) => format!("tty{minor}"),
        (4, _) => format!("ttyS{}", minor - 64),
        (5, 1) => "console".to_owned(),
        _ => {
            // The driver's own name stands at the end of this link.
            let link = system.path(&format!("sys/dev/char/{major}:{minor}"));
            let target = std::fs::read_link(link).ok()?;
            target.file_name()?.to_str()?.to_owned()
        }
    };
    Some(PathBuf::from("/dev").join(name))
}

/// The kernel's `new_encode_dev`: the minor number's high bits stand above the major number.
fn split(number: u32) -> (u32, u32) {
    ((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xf_ff00))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_numbers_have_names() {
        let name = |major: u32, minor: u32| {
            let number = (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12);
            path(&System::at("/no/such/place"), number).map(|path| path.display().to_string())
        };
        assert_eq!(name(136, 5).as_deref(), Some("/dev/pts/5"));
        assert_eq!(name(136, 1000).as_deref(), Some("/dev/pts/1000"));
        assert_eq!(name(137, 5).as_deref(), Some("/dev/pts/261"));
        assert_eq!(name(4, 1).as_deref(), Some("/dev/tty1"));
        assert_eq!(name(4, 65).as_deref(), Some("/dev/ttyS1"));
        assert_eq!(name(5, 1).as_deref(), Some("/dev/console"));
        assert_eq!((name(0, 0), name(229, 0)), (None, None));
    }
}
