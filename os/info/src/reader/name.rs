//! Names of files as the kernel takes them, made without allocating: there are thousands.

use std::ffi::CStr;

/// A short name that ends with a zero byte.
pub(crate) struct Name([u8; Self::ROOM]);

impl Name {
    const ROOM: usize = 40;

    /// `12`.
    pub(crate) fn number(number: u32) -> Self {
        Self::join(&[b""], number, b"")
    }

    /// `folder/12/file`; what does not fit is cut off (nothing of ours is that long).
    pub(crate) fn join(before: &[&[u8]], number: u32, after: &[u8]) -> Self {
        let mut digits = [0; 10];
        let mut rest = number;
        let mut start = digits.len();
        loop {
            start -= 1;
            digits[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        let mut name = Self([0; Self::ROOM]);
        let parts = before.iter().copied().chain([&digits[start..], after]).flatten();
        // The last place stays zero.
        for (place, byte) in name.0[..Self::ROOM - 1].iter_mut().zip(parts) {
            *place = *byte;
        }
        name
    }

    pub(crate) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_folders() {
        assert_eq!(Name::number(0).as_c_str(), c"0");
        assert_eq!(Name::number(u32::MAX).as_c_str(), c"4294967295");
        assert_eq!(Name::join(&[b"task/"], 12, b"/stat").as_c_str(), c"task/12/stat");
        assert_eq!(Name::join(&[&[b'x'; 50]], 1, b"").as_c_str().to_bytes().len(), 39);
    }
}
