//! A channel as one process sees it, and the holding of its ends.

use crate::core::{Core, End, Order, Settings};
use crate::error::{Problem, PutError, PutReason, TakeError};
use crate::fifo::{self, Fifo};
use crate::message::{Key, MOST_KEY_BYTES, Message, Received};
use crate::record;
use crate::sides::{Gone, Many, One, Sides, Stop};
use crate::table::{self, Ordered};
use crate::tally::Tally;
use polyproc_shm::{Arena, Error, Handle, Shared};
use polyproc_sync::Wait;
use std::marker::PhantomData;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// See [`before_asking`].
static BEFORE_ASKING: OnceLock<fn()> = OnceLock::new();

/// Has `look` run whenever this process is about to ask whether the holders of an end live, which is at
/// most every 40 ms for each thread that waits. Whoever starts processes settles there what those that
/// have ended left: an end in a message that one of them never read. Only the first call counts.
pub fn before_asking(look: fn()) {
    let _first = BEFORE_ASKING.set(look);
}

/// Which end of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Put,
    Take,
}

/// A channel, without its ends.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) arena: Arena,
    core: Shared<Core>,
    tally: Option<Shared<Tally>>,
}

/// Calls `$body` with the store of the channel's order.
macro_rules! with_store {
    ($channel:expr, $store:ident => $body:expr) => {{
        let (arena, core) = (&$channel.arena, &*$channel.core);
        let (keeper, tally) = ($channel.core.handle(), $channel.tally.as_deref());
        match core.order() {
            Order::Fifo => {
                let $store = Fifo { arena, core, keeper, tally, message: PhantomData };
                $body
            }
            Order::Lifo | Order::Priority => {
                let $store = Ordered { arena, core, keeper, tally, message: PhantomData };
                $body
            }
        }
    }};
}

impl Channel {
    /// A new channel and its two ends.
    pub(crate) fn make(
        arena: &Arena,
        settings: Settings,
        is_joinable: bool,
    ) -> Result<[Hold; 2], Error> {
        let end = |role: Role| {
            Shared::new(
                arena,
                End {
                    core: AtomicU64::new(0),
                    role: AtomicU32::new(role as u32),
                    reserved: AtomicU32::new(0),
                },
            )
        };
        let ends = [end(Role::Put)?, end(Role::Take)?];
        let ids = [0, 1].map(|index: usize| ends[index].handle().id());
        let core = Shared::new(arena, Core::new(settings, ids))?;
        for end in &ends {
            end.core.store(core.handle().id(), Ordering::Relaxed);
        }
        let tally = is_joinable.then(|| Shared::new(arena, Tally::new())).transpose()?;
        let channel = Self { arena: arena.clone(), core, tally };
        channel.start()?;
        Ok(ends.map(|end| Hold { end: Some(end), channel: channel.clone() }))
    }

    /// Gives a new channel what it needs from the start.
    fn start(&self) -> Result<(), Error> {
        let (arena, core, keeper) = (&self.arena, &*self.core, self.core.handle());
        if core.order() != Order::Fifo {
            return Ok(());
        }
        let fifo = Fifo { arena, core, keeper, tally: None, message: PhantomData };
        match fifo.start() {
            Err(Problem::Memory(error)) => Err(error),
            Err(Problem::Corrupt) => Err(Error::Gone),
            Ok(()) => Ok(()),
        }
    }

    #[inline]
    pub(crate) fn sides(&self) -> &Sides {
        &self.core.sides
    }

    pub(crate) fn settings(&self) -> Settings {
        let items = Some(self.core.most_items());
        let bytes = Some(self.core.most_bytes());
        Settings {
            order: self.core.order(),
            items: items.filter(|&items| items < crate::position::MOST_ITEMS),
            bytes: bytes.filter(|&bytes| bytes != u64::MAX),
            tag: self.core.tag(),
        }
    }

    /// Whether it holds as many messages, or bytes, as it may.
    pub(crate) fn is_full(&self) -> bool {
        let (items, bytes) = (self.core.most_items(), self.core.most_bytes());
        let held = || with_store!(self, store => store.held_bytes());
        // Whatever the bound in bytes, one message has room.
        match self.sides().len() {
            0 => false,
            len => len >= items || bytes != u64::MAX && held() >= bytes,
        }
    }

    pub(crate) fn core_handle(&self) -> &Handle {
        self.core.handle()
    }

    pub(crate) fn tally(&self) -> Option<&Tally> {
        self.tally.as_deref()
    }

    /// The handles that every end of the channel travels with.
    fn common(&self) -> impl Iterator<Item = &Handle> {
        std::iter::once(self.core.handle()).chain(self.tally.as_ref().map(Shared::handle))
    }

    #[inline]
    pub(crate) fn put<'m>(
        &self,
        mut message: Message<'m>,
        wait: Option<Wait>,
        gone: Gone<'_>,
    ) -> Result<(), PutError<'m>> {
        let result = match self.prepare(&mut message) {
            Ok(()) => {
                let messages = std::slice::from_mut(&mut message);
                let put =
                    with_store!(self, store => self.sides().put(&store, messages, wait, gone));
                put.map_err(|(_, stop)| stop.into())
            }
            Err(reason) => Err(reason),
        };
        result.map_err(|reason| PutError { reason, message })
    }

    /// Puts the first of `messages`, and takes those that are put out of it.
    pub(crate) fn put_many(
        &self,
        messages: &mut Vec<Message<'_>>,
        wait: Option<Wait>,
        gone: Gone<'_>,
    ) -> Result<(), PutReason> {
        messages.iter_mut().try_for_each(|message| self.prepare(message))?;
        let put = with_store!(self, store => self.sides().put(&store, messages, wait, gone));
        let done = put.as_ref().map_or_else(|(done, _)| *done, |()| messages.len());
        messages.drain(..done);
        put.map_err(|(_, stop)| stop.into())
    }

    /// Does before the lock is taken whatever can be done.
    #[inline]
    fn prepare(&self, message: &mut Message<'_>) -> Result<(), PutReason> {
        let room = match self.core.order() {
            Order::Fifo => fifo::INLINE,
            _ => table::INLINE,
        };
        if let Key::Bytes(key) = message.key
            && key.len() > MOST_KEY_BYTES
        {
            return Err(PutReason::KeyTooLong);
        }
        record::prepare(message, &self.arena, room).map_err(PutReason::Memory)
    }

    #[inline]
    pub(crate) fn take(&self, wait: Option<Wait>, gone: Gone<'_>) -> Result<Received, TakeError> {
        let mut one = One::<Received>::default();
        match with_store!(self, store => self.sides().take(&store, wait, gone, &mut one)) {
            Ok(()) => Ok(one.taken),
            Err(stop) => Err(stop.into()),
        }
    }

    pub(crate) fn take_many(
        &self,
        most: usize,
        wait: Option<Wait>,
        gone: Gone<'_>,
    ) -> Result<Vec<Received>, TakeError> {
        let mut many = Many { taken: Vec::new(), most };
        with_store!(self, store => self.sides().take(&store, wait, gone, &mut many))?;
        Ok(many.taken)
    }

    pub(crate) fn poll(&self, wait: Option<Wait>, gone: Gone<'_>) -> Result<(), TakeError> {
        self.sides().poll::<Problem>(wait, gone).map_err(Stop::into)
    }

    /// Whether nobody holds the end opposite to `role`; `thorough`: or only the dead do.
    #[inline]
    pub(crate) fn is_alone(&self, role: Role, thorough: bool) -> bool {
        let other = self.core.ends[1 - role as usize].load(Ordering::Relaxed);
        if !thorough {
            return !self.arena.is_there(other);
        }
        if let Some(look) = BEFORE_ASKING.get() {
            look();
        }
        !self.arena.is_held(other)
    }

    pub(crate) fn close(&self) -> bool {
        with_store!(self, store => self.sides().close(&store))
    }
}

/// One end of a channel, held. When the last one goes, whoever waits at the other end learns of it.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    end: Option<Shared<End>>,
    pub(crate) channel: Channel,
}

impl Hold {
    /// The handles with which this end travels.
    pub(crate) fn handles(&self) -> Vec<&Handle> {
        let end = self.end.iter().map(Shared::handle);
        self.channel.common().chain(end).collect()
    }

    /// From [`Hold::handles`].
    pub(crate) fn from_handles(
        arena: &Arena,
        handles: Vec<Handle>,
        role: Role,
    ) -> Result<Self, Error> {
        let wrong = || Error::WrongType("end of a channel");
        let mut handles = handles.into_iter();
        let core: Shared<Core> = Shared::from_handle(handles.next().ok_or_else(wrong)?)?;
        let end: Shared<End> = Shared::from_handle(handles.next_back().ok_or_else(wrong)?)?;
        let tally = handles.next().map(Shared::from_handle).transpose()?;
        let is_right = end.role.load(Ordering::Relaxed) == role as u32
            && end.core.load(Ordering::Relaxed) == core.handle().id();
        if !is_right || handles.next().is_some() {
            return Err(wrong());
        }
        let channel = Channel { arena: arena.clone(), core, tally };
        Ok(Self { end: Some(end), channel })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let Some(end) = self.end.take() else {
            return;
        };
        let id = end.handle().id();
        drop(end);
        if !self.channel.arena.is_there(id) {
            self.channel.sides().wake_all();
        }
    }
}
