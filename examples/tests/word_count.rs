//! `word_count` against a count of our own, on files made for that.
#![expect(clippy::unwrap_used, reason = "a failing test panics")]

mod programs;

use polyproc_testkit::eventually;
use programs::{Ended, Program, assert_gone};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const DEADLINE: Duration = Duration::from_mins(2);

/// A folder of files, gone with the test.
struct Corpus(PathBuf);

impl Corpus {
    fn empty() -> Self {
        static FOLDERS: AtomicU32 = AtomicU32::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("word_count-{}-{number}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// Some hundred texts in nested folders: empty ones, ones without an end of line, some not UTF-8.
    fn texts() -> Self {
        let corpus = Self::empty();
        for number in 0..300_u32 {
            let mut text = String::new();
            for word in 0..number * 7 % 900 {
                let blank = ["\n", " ", "\t", "\u{a0}", "\u{3000}"][(word % 5) as usize];
                write!(text, "w{}{blank}", word * number % 97).unwrap();
            }
            let mut bytes = text.into_bytes();
            if number % 10 == 0 {
                bytes.extend(b"caf\xe9 \xff\xfe\xe2\x82");
            }
            let kind = ["txt", "md", "rs"][(number % 3) as usize];
            corpus.add(format!("{}/{number}.{kind}", number % 7), &bytes);
        }
        corpus
    }

    fn add(&self, name: impl AsRef<Path>, bytes: &[u8]) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Runs `word_count` on it.
    fn count(&self, arguments: &[&str]) -> Ended {
        self.count_paths(&[OsStr::new(".")], arguments)
    }

    fn count_paths(&self, paths: &[&OsStr], arguments: &[&str]) -> Ended {
        let mut program = Program::new("word_count");
        program.command.current_dir(&self.0).args(paths).args(arguments);
        program.run(DEADLINE)
    }

    /// What is to be printed of the files that `wanted` lets pass: the count and the top ten.
    fn expected(&self, wanted: impl Fn(&Path) -> bool) -> String {
        let (mut files, mut counts) = (0, BTreeMap::<String, u64>::new());
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            let (inner, found): (Vec<_>, Vec<_>) = fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .partition(|path| path.is_dir());
            folders.extend(inner);
            for path in found.iter().filter(|path| wanted(path)) {
                files += 1;
                let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
                text.split_whitespace()
                    .for_each(|word| *counts.entry(word.to_owned()).or_default() += 1);
            }
        }
        let words: u64 = counts.values().sum();
        let mut ranked: Vec<_> = counts.into_iter().collect();
        // Stable: ties stay in the order of the words.
        ranked.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let mut text = format!("{files} files, {words} words\n\nmost frequent words\n");
        for (word, count) in ranked.iter().take(10) {
            writeln!(text, "{count:>12}  {word}").unwrap();
        }
        text
    }
}

impl Drop for Corpus {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// The report up to the section of that name.
fn before<'a>(section: &str, report: &'a str) -> &'a str {
    report.split(&format!("\n{section}\n")).next().unwrap()
}

/// The lines of a section, without their indentation.
fn section<'a>(name: &str, report: &'a str) -> Vec<&'a str> {
    let lines = report.lines().skip_while(|line| *line != name).skip(1);
    lines.take_while(|line| !line.is_empty()).map(str::trim_start).collect()
}

#[test]
fn the_count_is_exact_whatever_the_number_of_workers() {
    let corpus = Corpus::texts();
    let expected = corpus.expected(|_| true);
    for workers in ["1", "2", "7"] {
        let ended = corpus.count(&["--workers", workers]);
        assert_eq!((ended.code, before("workers", &ended.stdout)), (Some(0), &*expected));
        assert!(ended.stderr.contains("counting 300 files"), "{}", ended.stderr);
        let lines = section("workers", &ended.stdout);
        assert_eq!(lines.len().to_string(), workers);
        let files = lines.iter().map(|line| {
            let (_, rest) = line.split_once(": ").unwrap();
            rest.split_once(" files, ").unwrap().0.parse::<u32>().unwrap()
        });
        assert_eq!(files.sum::<u32>(), 300, "{lines:?}");
    }
}

type Crashes<'a> = &'a dyn Fn(&Path) -> bool;

#[test]
fn files_that_crash_their_worker_are_named_and_the_others_counted() {
    let corpus = Corpus::texts();
    let is_3 = |path: &Path| path.file_name() == Some(OsStr::new("3.txt"));
    let is_md = |path: &Path| path.extension() == Some(OsStr::new("md"));
    let is_in_5 = |path: &Path| path.parent().and_then(Path::file_name) == Some(OsStr::new("5"));
    let cases: [(&[&str], Crashes<'_>, usize); 5] = [
        (&["3.txt"], &is_3, 1),
        (&["*.md"], &is_md, 100),
        (&["./5/*"], &is_in_5, 43),
        (&["*.md", "./5/*"], &|path| is_md(path) || is_in_5(path), 129),
        (&["nothing"], &|_| false, 0),
    ];
    for (globs, crashes, number) in cases {
        let arguments: Vec<_> = globs.iter().flat_map(|glob| ["--crash", glob]).collect();
        let ended = corpus.count(&arguments);
        assert_eq!(ended.code, Some(i32::from(number > 0)), "{globs:?}");
        let expected = corpus.expected(|path| !crashes(path));
        let counted = before("workers", before("not counted", &ended.stdout));
        assert_eq!(counted, expected, "{globs:?}");
        let failed = section("not counted", &ended.stdout);
        assert_eq!(failed.len(), number, "{globs:?}: {failed:?}");
        for line in failed {
            let (path, reason) = line.split_once(": ").unwrap();
            assert!(crashes(Path::new(path)), "{line}");
            let pid = reason.strip_prefix("SIGABRT ended its worker (pid ").unwrap();
            assert!(pid.trim_end_matches(')').parse::<u32>().is_ok(), "{line}");
        }
    }
}

#[test]
fn when_every_file_crashes_nothing_is_counted() {
    let corpus = Corpus::empty();
    for number in 0..20 {
        corpus.add(number.to_string(), b"a b c");
    }
    let ended = corpus.count(&["--crash", "*"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.starts_with("0 files, 0 words\n"), "{}", ended.stdout);
    assert_eq!(section("not counted", &ended.stdout).len(), 20);
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_counted() {
    let corpus = Corpus::empty();
    corpus.add("good", b"one two");
    corpus.add("binary", b"one\0two");
    std::os::unix::fs::symlink("good", corpus.0.join("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", corpus.0.join("broken")).unwrap();
    // Can be opened by anybody, and read by nobody: also by the superuser, who may read all files.
    let unreadable = "/proc/self/mem";
    let paths = [".", "missing", unreadable, "link", "/dev/null"].map(OsStr::new);
    let ended = corpus.count_paths(&paths, &[]);
    assert_eq!(ended.code, Some(1));
    let start =
        "2 files, 4 words\n1 binary files skipped\n\nmost frequent words\n           2  one\n";
    assert!(ended.stdout.starts_with(start), "{}", ended.stdout);
    let missing = section("not counted", &ended.stdout);
    let paths: Vec<_> = missing.iter().map(|line| line.split_once(": ").unwrap().0).collect();
    assert_eq!(paths, ["/dev/null", unreadable, "missing"], "{missing:?}");
    assert!(missing[2].contains("No such file"), "{missing:?}");
}

#[test]
fn a_folder_without_files_is_no_error() {
    let corpus = Corpus::empty();
    fs::create_dir(corpus.0.join("empty")).unwrap();
    let ended = corpus.count(&[]);
    assert_eq!((ended.code, before("workers", &ended.stdout)), (Some(0), "0 files, 0 words\n"));
}

#[test]
fn without_paths_it_is_the_current_folder() {
    let corpus = Corpus::empty();
    corpus.add(".hidden/file", b"one two three");
    let ended = corpus.count_paths(&[], &[]);
    assert!(ended.stdout.starts_with("1 files, 3 words\n"), "{}", ended.stdout);
}

#[test]
fn names_need_not_be_text() {
    let corpus = Corpus::empty();
    corpus.add(OsString::from_vec(b"caf\xe9.txt".to_vec()), b"one two");
    corpus.add("line\nbreak", b"three");
    let ended = corpus.count(&[]);
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.starts_with("2 files, 3 words\n"), "{}", ended.stdout);
    let ended = corpus.count(&["--crash", "caf*", "--crash", "*break"]);
    let failed = section("not counted", &ended.stdout);
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(failed[0].starts_with("./caf\u{fffd}.txt: SIGABRT"), "{failed:?}");
    assert!(failed[1].starts_with("./line\\nbreak: SIGABRT"), "{failed:?}");
}

/// Larger than all buffers, and with a word that is larger than that, too.
#[test]
fn words_are_whole_across_the_pieces_of_a_large_file() {
    let corpus = Corpus::empty();
    let mut text = "αβγ ".repeat(300_000);
    text += &"x".repeat(3_000_000);
    text += &"\n日本".repeat(200_000);
    corpus.add("large", text.as_bytes());
    let ended = corpus.count(&[]);
    let start = "1 files, 500001 words\n\nmost frequent words\n      300000  αβγ\n      200000  日本\n\nworkers\n";
    assert!(ended.stdout.starts_with(start), "{}", ended.stdout);
}

#[test]
fn wrong_arguments_are_explained() {
    let corpus = Corpus::empty();
    for (arguments, expected) in [
        (&["--workers", "0"], "must be a number from 1 to"),
        (&["--workers", "x"], "must be a number from 1 to"),
        (&["--crash", "a[b"], "a[b"),
        (&["--sort", "x"], "--sort"),
    ] {
        let ended = corpus.count(arguments);
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{arguments:?}");
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
    let help = corpus.count(&["--help"]);
    assert_eq!(help.code, Some(0));
    assert!(help.stdout.contains("--crash <GLOB>") && help.stdout.contains("exit code"));
}

/// As under `| head -1`.
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let corpus = Corpus::texts();
    let mut program = Program::new("word_count");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    program.command.arg(&corpus.0).stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped());
    let mark = program.mark.clone();
    let output = program.command.spawn().unwrap().wait_with_output().unwrap();
    assert_gone(&mark);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}

#[test]
fn a_full_disk_is_an_error() {
    let corpus = Corpus::texts();
    let mut program = Program::new("word_count");
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    program.command.arg(&corpus.0).stdin(Stdio::null()).stdout(full).stderr(Stdio::piped());
    let output = program.command.spawn().unwrap().wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("No space left"), "{stderr}");
}

/// Ctrl-C reaches the whole group, a plain `kill` only the first process.
#[test]
fn a_signal_stops_it_at_once_and_no_process_is_left() {
    for (signal, whole_group) in
        [("-INT", true), ("-INT", false), ("-TERM", false), ("-KILL", false)]
    {
        let corpus = Corpus::empty();
        let text = "word ".repeat(1_000_000);
        for number in 0..40 {
            corpus.add(number.to_string(), text.as_bytes());
        }
        let mut program = Program::new("word_count");
        program.command.arg(&corpus.0).stdin(Stdio::null()).process_group(0);
        program.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mark = program.mark.clone();
        let mut child = program.command.spawn().unwrap();
        // It has begun when it says so.
        let mut begun = [0; 20];
        child.stderr.as_mut().unwrap().read_exact(&mut begun).unwrap();
        let target = if whole_group { format!("-{}", child.id()) } else { child.id().to_string() };
        let kill = std::process::Command::new("kill").args([signal, "--", &target]).status();
        assert!(kill.unwrap().success());
        let status = eventually(Duration::from_mins(1), || child.try_wait().unwrap());
        let status = status.expect("it ends at once");
        assert_eq!(status.code(), None, "{signal}: {status}");
        assert_gone(&mark);
    }
}
