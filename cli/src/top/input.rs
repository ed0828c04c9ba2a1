//! From the bytes that a terminal sends to keys. Pure.
//!
//! We read the terminal ourselves: crossterm's reader goes round for ever, with a processor of its
//! own, once the terminal has hung up.

/// A key, with what was held down with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Char(char),
    Control(char),
    Enter,
    Escape,
    Backspace,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    Function(u8),
    /// One that means nothing here.
    Other,
}

const ESCAPE: u8 = 0x1b;

/// Puts together what came in pieces.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    pending: Vec<u8>,
}

impl Decoder {
    /// The keys in `bytes`, as far as they are complete.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Key> {
        self.pending.extend_from_slice(bytes);
        let (mut keys, mut at) = (Vec::new(), 0);
        while let Some((key, length)) = first(&self.pending[at..]) {
            keys.push(key);
            at += length;
        }
        self.pending.drain(..at);
        keys
    }

    /// Whether more is to be expected at once.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Nothing more came: what there is was all.
    pub(crate) fn finish(&mut self) -> Option<Key> {
        match std::mem::take(&mut self.pending).as_slice() {
            [] => None,
            [ESCAPE] => Some(Key::Escape),
            _ => Some(Key::Other),
        }
    }
}

/// The first key and its length in bytes; none when it is not complete.
fn first(bytes: &[u8]) -> Option<(Key, usize)> {
    match *bytes {
        [] | [ESCAPE] | [ESCAPE, b'O'] => None,
        [ESCAPE, b'[', ref rest @ ..] => control_sequence(rest).map(|(key, len)| (key, len + 2)),
        [ESCAPE, b'O', letter, ..] => Some((final_letter(letter), 3)),
        [ESCAPE, ESCAPE, ..] => Some((Key::Escape, 1)),
        // With the Alt key, which means nothing here.
        [ESCAPE, _, ..] => Some((Key::Other, 2)),
        [b'\r' | b'\n', ..] => Some((Key::Enter, 1)),
        [0x7f | 0x08, ..] => Some((Key::Backspace, 1)),
        [b'\t' | 0 | 0x1c..0x20, ..] => Some((Key::Other, 1)),
        [control @ 1..0x1b, ..] => Some((Key::Control((control | 0x60).into()), 1)),
        _ => character(bytes),
    }
}

/// `ESC [` parameters and a letter: `A`, `5~`, `1;5C`.
fn control_sequence(rest: &[u8]) -> Option<(Key, usize)> {
    // Longer ones are of no key.
    const LONGEST: usize = 32;
    let Some(end) = rest.iter().position(|byte| (0x40..0x7f).contains(byte)) else {
        return (rest.len() >= LONGEST).then_some((Key::Other, rest.len()));
    };
    // The Linux console's function keys: `[[A`.
    if rest[0] == b'[' {
        let letter = rest.get(1)?;
        let number = letter.wrapping_sub(b'A').wrapping_add(1);
        return Some((Key::Function(number), 2));
    }
    let parameters = str::from_utf8(&rest[..end]).unwrap_or_default();
    let number = parameters.split(';').next().and_then(|number| number.parse().ok());
    let key = match (rest[end], number) {
        (b'~', Some(number)) => numbered(number),
        (letter, _) => final_letter(letter),
    };
    Some((key, end + 1))
}

fn final_letter(letter: u8) -> Key {
    match letter {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'H' => Key::Home,
        b'F' => Key::End,
        b'P'..=b'S' => Key::Function(letter - b'P' + 1),
        _ => Key::Other,
    }
}

/// As xterm numbers them; it leaves out some.
fn numbered(number: u8) -> Key {
    match number {
        1 | 7 => Key::Home,
        4 | 8 => Key::End,
        5 => Key::PageUp,
        6 => Key::PageDown,
        11..=15 => Key::Function(number - 10),
        17..=21 => Key::Function(number - 11),
        23 | 24 => Key::Function(number - 12),
        _ => Key::Other,
    }
}

/// A character in UTF-8; what is none is passed over by bytes.
fn character(bytes: &[u8]) -> Option<(Key, usize)> {
    let start = &bytes[..bytes.len().min(4)];
    let valid = match str::from_utf8(start) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() > 0 => {
            str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
        }
        // Cut off in the middle.
        Err(error) if error.error_len().is_none() => return None,
        Err(_) => return Some((Key::Other, 1)),
    };
    let character = valid.chars().next()?;
    Some((Key::Char(character), character.len_utf8()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut decoder = Decoder::default();
        let mut keys = decoder.feed(bytes);
        keys.extend(decoder.finish());
        keys
    }

    #[test]
    fn what_terminals_send() {
        let cases: &[(&[u8], Key)] = &[
            (b"q", Key::Char('q')),
            ("ü".as_bytes(), Key::Char('ü')),
            (b"\x03", Key::Control('c')),
            (b"\x1a", Key::Control('z')),
            (b"\r", Key::Enter),
            (b"\x7f", Key::Backspace),
            (b"\x1b", Key::Escape),
            (b"\x1b[A", Key::Up),
            (b"\x1bOB", Key::Down),
            (b"\x1b[1;5C", Key::Right),
            (b"\x1b[5~", Key::PageUp),
            (b"\x1b[H", Key::Home),
            (b"\x1bOP", Key::Function(1)),
            (b"\x1b[[E", Key::Function(5)),
            (b"\x1b[15~", Key::Function(5)),
            (b"\x1b[20~", Key::Function(9)),
            (b"\x1b[21~", Key::Function(10)),
            (b"\xff", Key::Other),
        ];
        for (bytes, key) in cases {
            assert_eq!(keys(bytes), [*key], "{bytes:?}");
        }
    }

    #[test]
    fn several_at_once_and_one_in_pieces() {
        assert_eq!(keys(b"a\x1b[Bb\x1b"), [Key::Char('a'), Key::Down, Key::Char('b'), Key::Escape]);
        let mut decoder = Decoder::default();
        for piece in ["\x1b", "[", "6"] {
            assert_eq!(decoder.feed(piece.as_bytes()), []);
            assert!(decoder.is_waiting());
        }
        assert_eq!(decoder.feed(b"~"), [Key::PageDown]);
        assert!(!decoder.is_waiting());
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200) {
            let mut decoder = Decoder::default();
            let cut = cut.min(bytes.len());
            decoder.feed(&bytes[..cut]);
            decoder.feed(&bytes[cut..]);
            prop_assert!(decoder.pending.len() <= 34);
            decoder.finish();
            prop_assert!(!decoder.is_waiting());
        }
    }
}
