//! The loop: a look, a frame, a wait for keys, until somebody leaves.

use super::model::{Effect, Event, Target, Top};
use super::sampler::Sampler;
use super::screen::{Screen, Woken};
use super::view::{self, Look};
use crate::host::Host;
use polyproc_info::{Error, System};
use polyproc_sys::signal::Signal;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::io;
use std::time::{Duration, Instant};

/// Shares need two looks: the second comes soon after the first, so that the view is soon full.
const FIRST_LOOKS: Duration = Duration::from_millis(300);

/// What can end the view other than a key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The processes cannot be looked at.
    #[error(transparent)]
    Facts(#[from] Error),
    /// The terminal does not work.
    #[error("the terminal: {0}")]
    Terminal(#[from] io::Error),
}

/// What the view is given.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) top: Top,
    pub(crate) look: Look,
    pub(crate) delay: Duration,
    /// It ends after so many frames.
    pub(crate) frames: Option<u64>,
}

/// When the next look is due.
#[derive(Debug)]
struct Looks {
    next: Instant,
    taken: u64,
}

impl Live {
    /// Shows the view on the terminal until somebody leaves it.
    ///
    /// # Errors
    /// [`Failure`]; the terminal has been given back.
    pub(crate) fn on_terminal(mut self, host: Host) -> Result<(), Failure> {
        let system = host.system.clone();
        let mut sampler = Sampler::new(host)?;
        let mut screen = Screen::enter()?;
        let mut looks = Looks { next: Instant::now(), taken: 0 };
        loop {
            self.look_if_due(&mut sampler, &mut looks)?;
            self.draw(&mut screen)?;
            if self.frames.is_some_and(|frames| looks.taken >= frames) {
                return Ok(());
            }
            let left = looks.next.saturating_duration_since(Instant::now());
            let keys = match screen.wait(if self.top.paused { self.delay } else { left })? {
                Woken::Over => return Ok(()),
                Woken::Timeout => continue,
                Woken::Keys(keys) => keys,
            };
            for key in keys {
                match self.top.handle(Event::Key(key)) {
                    Effect::Leave => return Ok(()),
                    effect => self.act(effect, &system, &mut screen, &mut looks)?,
                }
            }
        }
    }

    fn look_if_due(&mut self, sampler: &mut Sampler, looks: &mut Looks) -> Result<(), Failure> {
        if self.top.paused || Instant::now() < looks.next {
            return Ok(());
        }
        self.top.handle(Event::Sample(sampler.sample()?));
        looks.taken += 1;
        let pause = if looks.taken == 1 { FIRST_LOOKS.min(self.delay) } else { self.delay };
        looks.next = Instant::now() + pause;
        Ok(())
    }

    fn act(
        &mut self,
        effect: Effect,
        system: &System,
        screen: &mut Screen,
        looks: &mut Looks,
    ) -> io::Result<()> {
        match effect {
            Effect::Stay | Effect::Leave => {}
            Effect::Look => {
                looks.next = Instant::now();
                screen.repaint()?;
            }
            Effect::Background => screen.step_back()?,
            Effect::Send(targets, signal) => {
                let told = send(system, &targets, signal);
                self.top.handle(Event::Told(told));
                // What became of it is worth seeing soon.
                looks.next = looks.next.min(Instant::now() + FIRST_LOOKS);
            }
        }
        Ok(())
    }

    fn draw(&mut self, screen: &mut Screen) -> io::Result<()> {
        screen.terminal.autoresize()?;
        let area = Rect::from((ratatui::layout::Position::ORIGIN, screen.terminal.size()?));
        let page = view::page(&self.top, area);
        self.top.handle(Event::Page(page));
        let look = self.look;
        screen
            .terminal
            .draw(|frame| view::draw(&self.top, look, frame.area(), frame.buffer_mut()))
            .map(drop)
    }

    /// Looks without a screen; `each` gets the state after one at a time.
    ///
    /// # Errors
    /// [`Failure`], and what `each` says.
    pub(crate) fn into_looks<E: From<Failure>>(
        mut self,
        host: Host,
        mut each: impl FnMut(&mut Top) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut sampler = Sampler::new(host).map_err(Failure::from)?;
        let mut taken = 0;
        while self.frames.is_none_or(|frames| taken < frames) {
            crate::process::look::pause(self.delay);
            let sample = sampler.sample().map_err(Failure::from)?;
            self.top.handle(Event::Sample(sample));
            each(&mut self.top)?;
            taken += 1;
        }
        Ok(())
    }
}

/// The picture as text, for where there is no terminal.
pub(crate) fn frame(top: &mut Top, area: Rect) -> String {
    let page = view::page(top, area);
    top.handle(Event::Page(page));
    let mut buffer = Buffer::empty(area);
    view::draw(top, Look { color: false }, area, &mut buffer);
    text(&buffer)
}

/// The characters of a frame, without blanks at the ends of lines.
fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let lines = buffer.content.chunks(width).map(|cells| {
        let line: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        line.trim_end().to_owned() + "\n"
    });
    lines.collect()
}

/// Sends a signal to each, unless it has gone since; says what became of that.
fn send(system: &System, targets: &[Target], signal: Signal) -> String {
    let mut failed = None;
    let mut sent = 0;
    for target in targets {
        let identity = (target.identity.pid, target.identity.start_ticks);
        let process = system.process(target.identity.pid);
        let outcome = match process {
            Ok(process) if process.identity() == identity => process.send_signal(signal),
            Ok(_) => Err(Error::Gone { pid: identity.0 }),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => sent += 1,
            Err(error) => failed = Some(error),
        }
    }
    match (failed, targets) {
        (Some(error), _) => format!("{signal} sent to {sent} of {}: {error}", targets.len()),
        (None, [one]) => format!("{signal} sent to {} (pid {})", one.name, one.identity.pid),
        (None, all) => format!("{signal} sent to {} processes", all.len()),
    }
}
