//! What runs in the worker processes: from files to words. Knows nothing of processes.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// How much of a file is in memory at once.
const BUFFER_BYTES: usize = 256 * 1024;
/// A file with a zero byte in its first bytes is no text.
const PROBE_BYTES: usize = 8 * 1024;
/// A longer word counts, but is not kept: memory stays bounded whatever the file.
const LONGEST_KEPT_WORD: usize = 1024;

/// A file to be counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Job {
    /// The path as bytes, since serde's form of a path holds UTF-8 only.
    pub(crate) path: Vec<u8>,
    /// Its size when it was found.
    pub(crate) bytes: u64,
    /// Whether the worker is to crash on it, as a bug in a parser would.
    pub(crate) crash: bool,
}

impl Job {
    pub(crate) fn path(&self) -> PathBuf {
        OsString::from_vec(self.path.clone()).into()
    }
}

/// What was counted in some files, on its way to the parent.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counted {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// Files that are no text.
    pub(crate) binary: u64,
    pub(crate) words: WordList,
    /// Paths, and why they could not be read.
    pub(crate) unreadable: Vec<(Vec<u8>, String)>,
}

/// Counts the words of a batch of files: what a worker process runs.
pub(crate) fn count_batch(batch: Vec<Job>) -> Counted {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut unreadable = Vec::new();
    let mut jobs = batch;
    loop {
        let (mut counted, mut tally) = (Counted::default(), Tally::default());
        let Err((index, error)) = count_files(&jobs, &mut counted, &mut tally, &mut buffer) else {
            counted.unreadable.extend(unreadable);
            counted.words = tally.list();
            return counted;
        };
        // Half of its words are in the tally already: leave it out and begin anew. This is rare (a
        // failing disk), while files that cannot even be opened are common, and cost nothing.
        unreadable.push((jobs.remove(index).path, error.to_string()));
    }
}

/// Stops with the index of a file that could be read in part only.
fn count_files(
    jobs: &[Job],
    counted: &mut Counted,
    tally: &mut Tally,
    buffer: &mut [u8],
) -> Result<(), (usize, io::Error)> {
    for (index, job) in jobs.iter().enumerate() {
        if job.crash {
            std::process::abort();
        }
        let words_before = tally.words;
        match File::open(job.path()).and_then(|file| count_text(file, tally, buffer)) {
            Ok(Some(bytes)) => {
                counted.files += 1;
                counted.bytes += bytes;
            }
            Ok(None) => counted.binary += 1,
            Err(error) if tally.words == words_before => {
                counted.unreadable.push((job.path.clone(), error.to_string()));
            }
            Err(error) => return Err((index, error)),
        }
    }
    Ok(())
}

/// Adds the words of a text to `tally`; gives its bytes, or `None` if it is no text.
fn count_text(
    mut text: impl Read,
    tally: &mut Tally,
    buffer: &mut [u8],
) -> io::Result<Option<u64>> {
    let mut splitter = Splitter::default();
    let mut bytes = 0;
    let mut held_back = 0;
    loop {
        let read = fill(&mut text, &mut buffer[held_back..])?;
        let end = held_back + read;
        if bytes == 0 && buffer[..end.min(PROBE_BYTES)].contains(&0) {
            return Ok(None);
        }
        bytes += read as u64;
        if read == 0 {
            splitter.finish(&buffer[..held_back], tally);
            return Ok(Some(bytes));
        }
        held_back = splitter.feed(&buffer[..end], tally);
        buffer.copy_within(end - held_back..end, 0);
    }
}

/// Reads until `buffer` is full or the text is over.
fn fill(text: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match text.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// How often which word was seen.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// All words, too long ones included.
    pub(crate) words: u64,
    counts: HashMap<Box<str>, u64, foldhash::fast::RandomState>,
}

impl Tally {
    fn add(&mut self, word: &str) {
        self.words += 1;
        if word.len() <= LONGEST_KEPT_WORD {
            self.add_many(word, 1);
        }
    }

    fn add_many(&mut self, word: &str, times: u64) {
        match self.counts.get_mut(word) {
            Some(count) => *count += times,
            None => drop(self.counts.insert(word.into(), times)),
        }
    }

    pub(crate) fn merge(&mut self, list: &WordList) {
        self.words += list.words;
        let mut text = &*list.text;
        for &(length, times) in &list.entries {
            let Some((word, rest)) = text.split_at_checked(length) else { break };
            self.add_many(word, times);
            text = rest;
        }
    }

    fn list(self) -> WordList {
        let mut list = WordList { words: self.words, ..WordList::default() };
        for (word, times) in self.counts {
            list.text.push_str(&word);
            list.entries.push((word.len(), times));
        }
        list
    }

    /// The `number` words seen most often, ties in the order of the words.
    pub(crate) fn most_frequent(&self, number: usize) -> Vec<(&str, u64)> {
        let mut all: Vec<_> = self.counts.iter().map(|(word, &times)| (&**word, times)).collect();
        let by_rank = |a: &(&str, u64), b: &(&str, u64)| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0));
        if number < all.len() {
            all.select_nth_unstable_by(number, by_rank);
            all.truncate(number);
        }
        all.sort_unstable_by(by_rank);
        all
    }
}

/// A [`Tally`] in a form that travels well: one run of text instead of many small ones.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct WordList {
    /// As in [`Tally`].
    words: u64,
    /// All words, one behind the other.
    text: String,
    /// Their lengths in bytes, and how often each was seen.
    entries: Vec<(usize, u64)>,
}

/// Cuts a text that comes in pieces into words. A piece may end anywhere, also within a character.
#[derive(Debug, Default)]
struct Splitter {
    /// What the pieces so far hold of the word that they end in.
    word: String,
}

impl Splitter {
    /// Takes a piece, but for a few bytes at its end, if they may be the start of a character: says
    /// how many. They belong at the start of the next piece.
    fn feed(&mut self, mut piece: &[u8], tally: &mut Tally) -> usize {
        loop {
            let error = match str::from_utf8(piece) {
                Ok(text) => {
                    self.text(text, tally);
                    return 0;
                }
                Err(error) => error,
            };
            let (text, rest) = piece.split_at(error.valid_up_to());
            self.text(str::from_utf8(text).unwrap_or_default(), tally);
            let Some(bad_bytes) = error.error_len() else {
                return rest.len();
            };
            self.text("\u{fffd}", tally);
            piece = &rest[bad_bytes..];
        }
    }

    /// The end of the text, with what the last piece held back.
    fn finish(mut self, held_back: &[u8], tally: &mut Tally) {
        if !held_back.is_empty() {
            self.text("\u{fffd}", tally);
        }
        self.end_word("", tally);
    }

    fn text(&mut self, mut text: &str, tally: &mut Tally) {
        while let Some(end) = text.find(char::is_whitespace) {
            let (word, rest) = text.split_at(end);
            self.end_word(word, tally);
            text = rest.trim_start();
        }
        if self.word.len() <= LONGEST_KEPT_WORD {
            self.word.push_str(text);
        }
    }

    /// `last` is what was still missing of the word.
    fn end_word(&mut self, last: &str, tally: &mut Tally) {
        if self.word.is_empty() {
            if !last.is_empty() {
                tally.add(last);
            }
            return;
        }
        self.word.push_str(last);
        tally.add(&self.word);
        self.word.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Gives its bytes, then an error.
    struct Failing<'a>(&'a [u8]);

    impl Read for Failing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Err(io::Error::other("bad disk"));
            }
            self.0.read(buffer)
        }
    }

    fn naive(bytes: &[u8]) -> (u64, BTreeMap<String, u64>) {
        let mut counts = BTreeMap::new();
        let text = String::from_utf8_lossy(bytes);
        for word in text.split_whitespace() {
            *counts.entry(word.to_owned()).or_default() += 1;
        }
        (counts.values().sum(), counts)
    }

    fn counted(bytes: &[u8], buffer_bytes: usize) -> (u64, BTreeMap<String, u64>) {
        let mut tally = Tally::default();
        let mut buffer = vec![0; buffer_bytes];
        assert_eq!(count_text(bytes, &mut tally, &mut buffer).unwrap(), Some(bytes.len() as u64));
        let counts = tally.counts.into_iter().map(|(word, count)| (word.into(), count));
        (tally.words, counts.collect())
    }

    #[test]
    fn whatever_the_pieces_the_words_are_those_of_the_whole_text() {
        let texts: [&[u8]; 9] = [
            b"",
            b" \t\r\n\x0b\x0c ",
            b"one",
            b" the cat and the hat ",
            "naïve\u{a0}Ærø\u{3000}日本語\u{2003}🦀🦀 \u{85}\u{feff}x\u{200b}y".as_bytes(),
            b"bad \xff\xfe bytes \xe2\x82 cut \xf0\x9f\xa6",
            b"\xe2\x82",
            b"a\xe3\x80\x80b\xe3\x80c\x80 \x1c\x1d",
            b"\xf0\x90\x80 \xc0\xaf\xed\xa0\x80 \xf4\x90\x80\x80",
        ];
        for text in texts {
            // Four bytes must fit: a character.
            for buffer_bytes in (4..20).chain([1000]) {
                assert_eq!(counted(text, buffer_bytes), naive(text), "{text:?} by {buffer_bytes}");
            }
        }
    }

    #[test]
    fn a_word_without_end_counts_once_and_is_not_kept() {
        let long = "x".repeat(LONGEST_KEPT_WORD);
        let text = format!("{long} {long}x {long}{long}{long} y");
        for buffer_bytes in [4, 100, LONGEST_KEPT_WORD, LONGEST_KEPT_WORD + 1, 1 << 20] {
            let (words, counts) = counted(text.as_bytes(), buffer_bytes);
            assert_eq!(words, 4);
            assert_eq!(counts, BTreeMap::from([(long.clone(), 1), ("y".into(), 1)]));
        }
    }

    #[test]
    fn a_zero_byte_near_the_start_is_no_text() {
        let mut tally = Tally::default();
        let mut buffer = vec![0; BUFFER_BYTES];
        assert_eq!(count_text(&b"a b\0"[..], &mut tally, &mut buffer).unwrap(), None);
        assert_eq!(tally.words, 0);
        let late = [&[b'a'; PROBE_BYTES][..], b"\0"].concat();
        assert!(count_text(&*late, &mut tally, &mut buffer).unwrap().is_some());
    }

    #[test]
    fn a_text_that_fails_half_way_is_an_error() {
        let mut tally = Tally::default();
        let error = count_text(Failing(b"one two"), &mut tally, &mut [0; 4]).unwrap_err();
        assert_eq!(error.to_string(), "bad disk");
    }

    #[test]
    fn ties_are_in_the_order_of_the_words() {
        let mut tally = Tally::default();
        for word in ["b", "a", "c", "c", "d"] {
            tally.add(word);
        }
        assert_eq!(tally.most_frequent(3), [("c", 2), ("a", 1), ("b", 1)]);
        assert_eq!(tally.most_frequent(9).len(), 4);
        assert_eq!(tally.most_frequent(0), []);
    }

    #[test]
    fn tallies_add_up() {
        let (mut left, mut right) = (Tally::default(), Tally::default());
        left.add("a");
        for word in ["a", "b"] {
            right.add(word);
        }
        left.merge(&right.list());
        assert_eq!((left.words, left.most_frequent(2)), (3, vec![("a", 2), ("b", 1)]));
    }
}
