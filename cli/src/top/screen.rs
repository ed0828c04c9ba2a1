//! The terminal while the view has it: raw, on its other screen, and given back however this ends.

use super::input::{Decoder, Key};
use crossterm::cursor::{Hide, Show};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use polyproc_sys::clock::Deadline;
use polyproc_sys::poll;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Position, Rect};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Read, Stdout, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A frame in one write, or few.
const BUFFER: usize = 64 * 1024;

/// Whether the terminal is not as the shell left it.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Gives the terminal back if it was taken, for a message that must be seen before this program ends.
pub(crate) fn rescue_terminal() {
    if TAKEN.swap(false, Ordering::Relaxed) {
        // If the terminal is gone, nobody reads the message.
        drop(execute!(io::stdout(), LeaveAlternateScreen, Show));
        drop(disable_raw_mode());
    }
}

/// See the [module](self).
pub(crate) struct Screen {
    pub(crate) terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    /// The standard input, without a buffer of ours in between.
    terminal_input: File,
    /// Becomes readable when a signal has come.
    signals: UnixStream,
    decoder: Decoder,
    is_over: Arc<AtomicBool>,
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").finish_non_exhaustive()
    }
}

/// Why a wait for input ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// These were pressed; also none, when only the size of the window changed.
    Keys(Vec<Key>),
    /// Time is up.
    Timeout,
    /// The terminal is gone, or somebody asked this program to end.
    Over,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// When the terminal cannot be set up.
    pub(crate) fn enter() -> io::Result<Self> {
        let (signals, is_over) = watch_signals()?;
        let backend = CrosstermBackend::new(BufWriter::with_capacity(BUFFER, io::stdout()));
        let terminal_input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let mut screen = Self {
            terminal_input,
            terminal: Terminal::new(backend)?,
            signals,
            decoder: Decoder::default(),
            is_over,
        };
        screen.take()?;
        Ok(screen)
    }

    fn take(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::Relaxed);
        execute!(self.terminal.backend_mut(), EnterAlternateScreen, Hide)?;
        self.repaint()
    }

    /// Has the next frame written whole. (`Terminal::clear` would ask the terminal where its cursor
    /// is, and fail when the answer does not come within two seconds.)
    ///
    /// # Errors
    /// Those of writing to the terminal.
    pub(crate) fn repaint(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::from((Position::ORIGIN, size)))
    }

    /// Gives the terminal back until the shell has this program go on.
    ///
    /// # Errors
    /// When the terminal cannot be set up again.
    pub(crate) fn step_back(&mut self) -> io::Result<()> {
        rescue_terminal();
        signal_hook::low_level::raise(SIGTSTP)?;
        self.take()
    }

    /// Waits for keys, or a new size, for so long.
    ///
    /// # Errors
    /// When waiting fails.
    pub(crate) fn wait(&mut self, timeout: Duration) -> io::Result<Woken> {
        /// A sequence of bytes that is one key comes at once, on a slow line nearly so.
        const PIECES: Duration = Duration::from_millis(50);
        let (keys, signal) = self.readable(timeout)?;
        if self.is_over.load(Ordering::Relaxed) {
            return Ok(Woken::Over);
        }
        if !keys && !signal {
            return Ok(Woken::Timeout);
        }
        if signal {
            // As many as there may be: they all say the same.
            drop(self.signals.read(&mut [0; 64]));
        }
        let mut found = Vec::new();
        let mut more = keys;
        while more {
            match self.read() {
                Some(bytes) => found.extend(self.decoder.feed(&bytes)),
                None => return Ok(Woken::Over),
            }
            more = self.decoder.is_waiting() && self.readable(PIECES)?.0;
        }
        found.extend(self.decoder.finish());
        Ok(Woken::Keys(found))
    }

    /// Whether there are keys, and whether a signal has come.
    fn readable(&self, timeout: Duration) -> io::Result<(bool, bool)> {
        let stdin = io::stdin();
        let fds = [Some(stdin.as_fd()), Some(self.signals.as_fd())];
        let [keys, signal] = poll::readable(fds, Deadline::after(timeout))?;
        Ok((keys, signal))
    }

    /// What is there; none when the terminal has hung up. Called when a read does not wait.
    fn read(&self) -> Option<Vec<u8>> {
        let mut bytes = vec![0; 1024];
        match (&self.terminal_input).read(&mut bytes) {
            Ok(len @ 1..) => {
                bytes.truncate(len);
                Some(bytes)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Some(Vec::new()),
            Ok(_) | Err(_) => None,
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A frame may be on its way yet.
        drop(self.terminal.backend_mut().flush());
        rescue_terminal();
    }
}

/// A descriptor that a signal makes readable, and whether it was one that asks to end.
fn watch_signals() -> io::Result<(UnixStream, Arc<AtomicBool>)> {
    let (reader, writer) = UnixStream::pair()?;
    reader.set_nonblocking(true)?;
    let is_over = Arc::new(AtomicBool::new(false));
    // In this order: the flag is up when the descriptor wakes us.
    for signal in [SIGTERM, SIGHUP, SIGINT, SIGQUIT] {
        signal_hook::flag::register(signal, Arc::clone(&is_over))?;
        signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
    }
    signal_hook::low_level::pipe::register(SIGWINCH, writer)?;
    Ok((reader, is_over))
}
