//! Text of any bytes. Names, paths and environments of processes are bytes that need not be UTF-8,
//! and may hold what would move a terminal's cursor. For people they are shown escaped; in JSON they
//! are exact.

use serde_json::{Value as Json, json};
use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use unicode_width::UnicodeWidthChar;

/// As a person sees it: control characters, invisible ones and bytes that are not UTF-8 as `\n`,
/// `\u{200b}` and `\xff`. A backslash stays as it is.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|character| push_shown(&mut text, character));
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// [`shown`] of what the system calls a string.
pub(crate) fn shown_os(text: &OsStr) -> String {
    shown(text.as_bytes())
}

fn push_shown(text: &mut String, character: char) {
    // A character without a width of its own hides, or changes what stands before it.
    if character.width().is_none_or(|width| width == 0) {
        text.extend(character.escape_default());
    } else {
        text.push(character);
    }
}

/// The words of a command line, so that a person can tell where each begins and ends.
pub(crate) fn shown_words(words: &[impl AsRef<OsStr>]) -> String {
    let words: Vec<_> = words.iter().map(|word| shown_word(word.as_ref())).collect();
    words.join(" ")
}

fn shown_word(word: &OsStr) -> String {
    let bytes = word.as_bytes();
    let is_plain = !bytes.is_empty() && !bytes.iter().any(|byte| b" '\"".contains(byte));
    if is_plain { shown(bytes) } else { format!("'{}'", shown(bytes).replace('\'', "'\\''")) }
}

/// Exactly these bytes: a string where they are UTF-8, and else an object with the bytes in
/// hexadecimal digits, and what a person would see.
pub(crate) fn json(bytes: &[u8]) -> Json {
    match str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => json!({ "bytes": hexadecimal(bytes), "shown": shown(bytes) }),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// How many cells of a terminal `text` takes.
pub(crate) fn width(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

/// The first part of `text` that fits `cells`, with `…` in place of what was left off.
pub(crate) fn cut(text: &str, cells: usize) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    let room = cells.saturating_sub(1);
    let mut used = 0;
    let kept = text.chars().take_while(|character| {
        used += character.width().unwrap_or(0);
        used <= room
    });
    let mut kept: String = kept.collect();
    if cells > 0 {
        kept.push('…');
    }
    kept
}

/// Whether `name` is what `pattern` describes: `*` is any text, `?` any one byte.
pub(crate) fn matches_pattern(pattern: &[u8], name: &[u8]) -> bool {
    // Where to go on after a mismatch: behind the last star, with that star one byte longer.
    let (mut at, mut seen, mut retry) = (0, 0, None);
    while seen < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                at += 1;
                retry = Some((at, seen));
            }
            Some(&wanted) if wanted == b'?' || wanted == name[seen] => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((star, longer)) = retry else { return false };
                (at, seen, retry) = (star, longer + 1, Some((star, longer + 1)));
            }
        }
    }
    pattern[at..].iter().all(|&left| left == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_cannot_play_with_the_terminal() {
        assert_eq!(shown(b"a\x1b[2J\xffb\n"), "a\\u{1b}[2J\\xffb\\n");
        assert_eq!(shown("naïve 日本\u{202e}\u{200b}".as_bytes()), "naïve 日本\\u{202e}\\u{200b}");
        assert_eq!(shown(b"C:\\dir"), "C:\\dir");
    }

    #[test]
    fn words_keep_their_borders() {
        assert_eq!(shown_words(&["sh", "-c", "echo it's", ""]), "sh -c 'echo it'\\''s' ''");
    }

    #[test]
    fn json_is_exact() {
        assert_eq!(json(b"plain"), json!("plain"));
        assert_eq!(json(b"a\xff"), json!({"bytes": "61ff", "shown": "a\\xff"}));
    }

    #[test]
    fn cutting_respects_wide_characters() {
        assert_eq!(cut("日本語", 6), "日本語");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!((cut("ab", 1), cut("ab", 0)), ("…".into(), String::new()));
    }

    #[test]
    fn patterns_describe_names() {
        let describes =
            |pattern: &str, name: &str| matches_pattern(pattern.as_bytes(), name.as_bytes());
        assert!(describes("sleep", "sleep") && !describes("sleep", "sleeper"));
        assert!(describes("*", "") && describes("a*b*c", "a12b3bc") && describes("?x", "ax"));
        assert!(!describes("a*b", "abc") && !describes("?", ""));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_harmless(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let shown = shown(&bytes);
            prop_assert!(shown.chars().all(|character| !character.is_control()));
            prop_assert!(width(&cut(&shown, 10)) <= 10);
        }
    }
}
