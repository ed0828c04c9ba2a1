//! `top` on a terminal. `script` (of util-linux, on every Linux) makes one and passes on what is
//! typed and what is drawn.

use super::PATIENCE;
use polyproc_sys::signal::Signal;
use polyproc_testkit::eventually;
use polyproc_testkit::process::{self, Facts};
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

const COLUMNS: usize = 80;
const LINES: usize = 24;

/// What a terminal would show. Only cells that changed are written, so the bytes alone tell little.
fn shown(drawn: &str) -> String {
    let mut cells = vec![[' '; COLUMNS]; LINES];
    let (mut line, mut column) = (0, 0);
    let mut rest = drawn.chars();
    while let Some(character) = rest.next() {
        if character != '\u{1b}' {
            if line < LINES && column < COLUMNS {
                cells[line][column] = character;
            }
            column += 1;
            continue;
        }
        let body: String =
            rest.by_ref().skip(1).take_while(|&one| one.is_ascii_digit() || one == ';').collect();
        let after = drawn.len() - rest.as_str().len();
        // Of what ends a sequence only `H` (go to) means something here; all else is about looks.
        if drawn.as_bytes()[after - 1] == b'H' {
            let mut numbers = body.split(';').map(|number| number.parse().unwrap_or(1) - 1);
            (line, column) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        }
        if body.is_empty() && drawn.as_bytes()[after - 1] == b'?' {
            // A switch of the terminal: up to its letter.
            rest.by_ref().find(char::is_ascii_alphabetic);
        }
    }
    cells.iter().map(|line| line.iter().collect::<String>() + "\n").collect()
}

/// Whether the terminal has its first screen again.
fn is_given_back(drawn: &str) -> bool {
    let cursor = "\u{1b}[?25h";
    drawn.ends_with(cursor) && drawn.trim_end_matches(cursor).ends_with("\u{1b}[?1049l")
}

/// `polyproc top` on a terminal of 80 by 24.
struct Terminal {
    script: Child,
    keys: ChildStdin,
    drawn: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Terminal {
    fn new(arguments: &str) -> Self {
        let program = env!("CARGO_BIN_EXE_polyproc");
        let command = format!("stty cols 80 rows 24; exec '{program}' top {arguments}");
        let mut script = Command::new("script")
            .args(["-q", "-e", "-c", &command, "/dev/null"])
            .env("TERM", "xterm-256color")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (keys, mut output) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
        let drawn = Arc::new(Mutex::new(Vec::new()));
        let collected = Arc::clone(&drawn);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(len @ 1..) = output.read(&mut buffer) {
                collected.lock().unwrap().extend_from_slice(&buffer[..len]);
            }
        });
        Self { script, keys, drawn, reader: Some(reader) }
    }

    fn drawn(&self) -> String {
        String::from_utf8_lossy(&self.drawn.lock().unwrap()).into_owned()
    }

    fn await_text(&self, text: &str) {
        let found = || shown(&self.drawn()).contains(text).then_some(());
        let message = || unreachable!("no {text}:\n{}", shown(&self.drawn()));
        eventually(PATIENCE, found).unwrap_or_else(message);
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// `polyproc top` itself.
    fn top(&self) -> Facts {
        let find = || {
            let heirs = process::descendants(&process::all(), self.script.id());
            heirs.into_iter().find(|facts| facts.command.contains("polyproc top"))
        };
        eventually(PATIENCE, find).unwrap()
    }

    fn end(mut self) -> (ExitStatus, String) {
        let status = self.script.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        (status, self.drawn())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may be gone already, as it should.
        drop(self.script.kill());
        drop(self.script.wait());
    }
}

#[test]
fn keys_are_heeded_and_the_terminal_is_given_back() {
    let mut terminal = Terminal::new("");
    terminal.await_text("processes");
    terminal.press("?");
    terminal.await_text("children below their parents");
    terminal.press(" /no-process-is-called-so\r");
    terminal.await_text("no process is what is asked for");
    terminal.press("q");
    let (status, drawn) = terminal.end();
    assert!(status.success(), "{status}");
    assert!(is_given_back(&drawn), "{drawn:?}");
}

#[test]
fn a_signal_that_asks_to_end_is_heeded_at_once() {
    let terminal = Terminal::new("--delay 1h");
    terminal.await_text("processes");
    terminal.top().signal(Signal::TERM);
    let (status, drawn) = terminal.end();
    assert!(status.success(), "{status}");
    assert!(is_given_back(&drawn), "{drawn:?}");
}

/// crossterm's reader of keys went round for ever here.
#[test]
fn a_terminal_that_hangs_up_ends_it() {
    let mut terminal = Terminal::new("--delay 1h");
    terminal.await_text("processes");
    let top = terminal.top();
    terminal.script.kill().unwrap();
    let is_over = || {
        let now = process::facts(top.pid).filter(|now| now.identity() == top.identity());
        now.is_none_or(|now| now.is_zombie()).then_some(())
    };
    eventually(PATIENCE, is_over).unwrap();
}

#[test]
fn a_process_is_ended_from_the_view_after_a_yes() {
    let seconds = 100_000 + std::process::id();
    let mut sleeper = Command::new("sleep").arg(seconds.to_string()).spawn().unwrap();
    let mut terminal = Terminal::new(&format!("--delay 200ms 'sleep {seconds}'"));
    terminal.await_text(&format!("sleep {seconds}"));
    // The shell that started the view has the text, too: the larger one of the two.
    terminal.press("n");
    for _ in 0..2 {
        terminal.press("k");
        terminal.await_text("ask to end");
        if shown(&terminal.drawn()).contains(&format!("sleep (pid {})", sleeper.id())) {
            break;
        }
        terminal.press("x");
        terminal.await_text("nothing was sent");
        terminal.press("\u{1b}[B");
    }
    terminal.await_text(&format!("sleep (pid {})", sleeper.id()));
    terminal.press("y");
    assert!(!sleeper.wait().unwrap().success());
    terminal.await_text("SIGTERM sent to sleep");
    terminal.press("q");
    assert!(terminal.end().0.success());
}
