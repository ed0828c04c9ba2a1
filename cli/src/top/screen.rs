//! The terminal while the view has it: raw, on its other screen, and given back however this ends.

use crossterm::cursor::{Hide, Show};
use crossterm::event::{self, Event as Input};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use polyproc_sys::clock::Deadline;
use polyproc_sys::poll;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use std::fmt;
use std::io::{self, BufWriter, Read, Stdout, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A frame in one write, or few.
const BUFFER: usize = 64 * 1024;

/// See the [module](self).
pub(crate) struct Screen {
    pub(crate) terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    /// Becomes readable when a signal has come.
    signals: UnixStream,
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
    /// These came in; also none, when only the size of the window changed.
    Input(Vec<Input>),
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
        let mut screen = Self { terminal: Terminal::new(backend)?, signals, is_over };
        screen.take()?;
        Ok(screen)
    }

    fn take(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        execute!(self.terminal.backend_mut(), EnterAlternateScreen, Hide)?;
        self.terminal.clear()
    }

    fn give_back(&mut self) -> io::Result<()> {
        execute!(self.terminal.backend_mut(), LeaveAlternateScreen, Show)?;
        disable_raw_mode()
    }

    /// Gives the terminal back until the shell has this program go on.
    ///
    /// # Errors
    /// When the terminal cannot be set up again.
    pub(crate) fn step_back(&mut self) -> io::Result<()> {
        self.give_back()?;
        signal_hook::low_level::raise(SIGTSTP)?;
        self.take()
    }

    /// Waits for keys, or a new size, for so long.
    ///
    /// # Errors
    /// Those of reading from the terminal.
    pub(crate) fn wait(&mut self, timeout: Duration) -> io::Result<Woken> {
        let stdin = io::stdin();
        let fds = [Some(stdin.as_fd()), Some(self.signals.as_fd())];
        let [keys, signal] = poll::readable(fds, Deadline::after(timeout))?;
        if self.is_over.load(Ordering::Relaxed) {
            return Ok(Woken::Over);
        }
        if !keys && !signal {
            return Ok(Woken::Timeout);
        }
        // As many as there may be: they all say the same.
        drop(self.signals.read(&mut [0; 64]));
        let mut input = Vec::new();
        while event::poll(Duration::ZERO)? {
            input.push(event::read()?);
        }
        let is_gone = keys && input.is_empty() && poll::is_hung_up(stdin.as_fd());
        Ok(if is_gone { Woken::Over } else { Woken::Input(input) })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The terminal may be gone, and there is nobody left to tell.
        drop(self.give_back());
        drop(self.terminal.backend_mut().flush());
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
