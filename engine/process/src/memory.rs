//! The family's arena: its file is made with the family and handed to every child at birth; a process
//! maps it, and becomes a member, when it first needs it.

use crate::member;
use polyproc_shm::{Arena, Delivery, Error, Handle};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock};

/// What a process has of its family's arena.
#[derive(Debug)]
pub(crate) struct FamilyMemory {
    /// Or why there is none.
    file: Result<Arc<File>, String>,
    arena: OnceLock<Arena>,
}

/// The first that this process had. A copy that somebody else forked founds a family of its own, but
/// goes on with the objects that it has.
static FIRST: OnceLock<&'static FamilyMemory> = OnceLock::new();

impl FamilyMemory {
    /// For a founder.
    pub(crate) fn found() -> &'static Self {
        match FIRST.get() {
            Some(memory) => memory,
            None => Self::keep(Arena::make_file().map_err(|error| error.to_string())),
        }
    }

    /// For a child that was executed.
    pub(crate) fn inherited(file: Option<OwnedFd>) -> &'static Self {
        let file = file.map(|file| Arc::new(File::from(file)));
        Self::keep(file.ok_or_else(|| "the program could not make it".into()))
    }

    fn keep(file: Result<Arc<File>, String>) -> &'static Self {
        let memory = Box::leak(Box::new(Self { file, arena: OnceLock::new() }));
        FIRST.get_or_init(|| memory);
        memory
    }

    /// For a child that is about to be executed.
    pub(crate) fn file(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().ok().map(|file| file.as_fd())
    }

    fn attach(&self) -> Result<&Arena, Error> {
        if let Some(arena) = self.arena.get() {
            return Ok(arena);
        }
        let file = self.file.as_ref().map_err(|reason| Error::NoArena(reason.clone()))?;
        // Of two threads that come here at once, one's arena stays and the other's leaves again.
        let arena = Arena::attach(Arc::clone(file))?;
        Ok(self.arena.get_or_init(|| arena))
    }
}

/// The memory that this process shares with its family. The first call maps it.
///
/// # Errors
/// [`Error::NoArena`] when it could not be made; [`Error::Map`] when it cannot be mapped here;
/// [`Error::NoPlace`] when 512 processes use it.
pub fn arena() -> Result<&'static Arena, Error> {
    let member = member::member().map_err(|error| Error::NoArena(error.to_string()))?;
    member.memory().attach()
}

/// The arena, if this process has used it.
pub(crate) fn attached() -> Option<&'static Arena> {
    member::existing()?.memory().arena.get()
}

/// The handles of a message; without any the arena is not touched.
///
/// # Errors
/// As [`arena`], and [`Arena::receive_all`].
pub fn receive(message: &Delivery) -> Result<Vec<Handle>, Error> {
    if message.tickets.is_empty() {
        return Ok(Vec::new());
    }
    arena()?.receive_all(&message.tickets)
}

/// Gives back the handles of a message that nobody will read.
pub(crate) fn give_back(message: &Delivery) {
    if message.tickets.is_empty() {
        return;
    }
    match arena() {
        Ok(arena) => arena.give_back_all(&message.tickets),
        Err(error) => tracing::warn!(%error, "shared objects stay until this process ends"),
    }
}
