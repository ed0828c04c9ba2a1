//! Reading what the kernel writes: bytes in, values out, no file is touched here.
//!
//! Nothing panics, whatever the bytes are: names and paths come from programs, and a container may
//! mount anything over `/proc`. What a kernel leaves out (an older one, or one built without it) is
//! zero or absent; a file that is not at all in its form is `None`.

pub(crate) mod cgroup;
pub(crate) mod cpu;
pub(crate) mod disk;
pub(crate) mod files;
pub(crate) mod limits;
pub(crate) mod memory;
pub(crate) mod network;
pub(crate) mod process;
pub(crate) mod sock_diag;
pub(crate) mod sockets;
pub(crate) mod status;
pub(crate) mod users;
pub(crate) mod words;

/// The runs of bytes between blanks, tabs and newlines.
pub(crate) fn split(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// The lines, the last one whether or not it is ended.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty())
}

/// A decimal number without a sign; nothing else around it.
pub(crate) fn number(word: &[u8]) -> Option<u64> {
    let digit = |value: u64, byte: &u8| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { value.checked_mul(10)?.checked_add(digit.into()) }
    };
    if word.is_empty() { None } else { word.iter().try_fold(0, digit) }
}

/// A decimal number that may have a minus.
pub(crate) fn signed(word: &[u8]) -> Option<i64> {
    match word.strip_prefix(b"-") {
        Some(digits) => number(digits)?.try_into().ok().map(|value: i64| -value),
        None => number(word)?.try_into().ok(),
    }
}

/// A number to the base of 16 or 8.
pub(crate) fn number_to_base(word: &[u8], base: u32) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(word).ok()?, base).ok()
}

/// The number behind `key` in a line such as `Threads: 5` or `MemFree:  77 kB`.
pub(crate) fn value_after(line: &[u8], key: &[u8]) -> Option<u64> {
    number(split(line.strip_prefix(key)?).next()?)
}

/// `0-3,8` as a list of numbers; empty when it is not in that form. No longer than the kernel can
/// mean it.
pub(crate) fn ranges(text: &[u8]) -> Vec<usize> {
    /// More processors than any kernel can be built for.
    const MOST: usize = 1 << 20;
    let range = |part: &[u8]| {
        let mut ends = part.splitn(2, |&byte| byte == b'-').map(number);
        let first = ends.next()?? as usize;
        let last = ends.next().map_or(Some(first), |last| last.map(|last| last as usize))?;
        (last < MOST).then_some(first..=last)
    };
    let text = text.trim_ascii();
    text.split(|&byte| byte == b',').filter_map(range).flatten().collect()
}

/// For the tests of all parsers: any bytes, and bytes that look like the real thing.
#[cfg(test)]
pub(crate) mod hostile {
    use proptest::prelude::*;

    /// Anything at all.
    pub(crate) fn bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..300)
    }

    /// `sample` with a few bytes changed, and cut somewhere.
    pub(crate) fn damaged(sample: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
        let changes = proptest::collection::vec((0..sample.len(), any::<u8>()), 0..8);
        (changes, 0..=sample.len()).prop_map(|(changes, len)| {
            let mut bytes = sample.to_vec();
            for (at, byte) in changes {
                bytes[at] = byte;
            }
            bytes.truncate(len);
            bytes
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_whole_words() {
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(number(b"18446744073709551616"), None);
        assert_eq!((number(b""), number(b"+1"), number(b"1x")), (None, None, None));
        assert_eq!((signed(b"-20"), signed(b"--1")), (Some(-20), None));
        assert_eq!(value_after(b"Threads:\t5", b"Threads:"), Some(5));
    }

    #[test]
    fn ranges_are_counted_out() {
        assert_eq!(ranges(b"0-2,8\n"), [0, 1, 2, 8]);
        assert_eq!(ranges(b"5"), [5]);
        assert_eq!(ranges(b"0-18446744073709551615,x,3-1"), [0_usize; 0]);
    }

    proptest! {
        #[test]
        fn numbers_are_read_as_std_reads_them(value: u64, signed_value: i64) {
            prop_assert_eq!(number(value.to_string().as_bytes()), Some(value));
            if signed_value != i64::MIN {
                prop_assert_eq!(signed(signed_value.to_string().as_bytes()), Some(signed_value));
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in hostile::bytes()) {
            ranges(&bytes);
            for word in split(&bytes) {
                number(word);
                signed(word);
            }
            lines(&bytes).count();
        }
    }
}
