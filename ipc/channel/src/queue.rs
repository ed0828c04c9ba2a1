//! Queues, and their halves.

use crate::bell::{Bell, Place};
use crate::channel::{Channel, Hold, Role};
use crate::core::Settings;
use crate::error::{PutError, PutReason, TakeError};
use crate::message::{Draft, Message, Received};
use polyproc_shm::{Arena, Error, Handle};
use polyproc_sync::{Outcome, Wait};
use std::io;
use std::os::fd::BorrowedFd;

/// The half of a queue that puts. A clone is the same half.
#[derive(Debug)]
pub struct Sender {
    hold: Hold,
    bell: Bell,
}

/// The half of a queue that takes. A clone is the same half; each message goes to one of them.
#[derive(Debug)]
pub struct Receiver {
    hold: Hold,
    bell: Bell,
}

/// Messages from any members of the family to any members.
///
/// A put that has returned can be seen by everybody: there is no thread that sends later. A process
/// that is killed in the middle of a call leaves the queue as it was before or after that call.
///
/// ```
/// use polyproc_channel::{Queue, Settings, Wait};
/// use polyproc_shm::Arena;
///
/// let arena = Arena::create()?;
/// let queue = Queue::new(&arena, Settings::items(100))?;
/// queue.put(b"first", Wait::FOREVER)?;
/// queue.put(b"second", Wait::FOREVER)?;
/// queue.close();
/// assert_eq!(&*queue.get(Wait::FOREVER)?, b"first");
/// assert_eq!(&*queue.get(Wait::FOREVER)?, b"second");
/// assert!(queue.get(Wait::FOREVER).is_err(), "closed and empty");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Queue {
    sender: Sender,
    receiver: Receiver,
}

impl Sender {
    pub(crate) fn of(hold: Hold) -> Self {
        Self { hold, bell: Bell::new(Role::Put) }
    }

    /// From [`Sender::handles`] that were received.
    ///
    /// # Errors
    /// [`Error::WrongType`] when they are something else.
    pub fn from_handles(arena: &Arena, handles: Vec<Handle>) -> Result<Self, Error> {
        Hold::from_handles(arena, handles, Role::Put).map(Self::of)
    }

    /// What another member, to whom they are sent, makes the same sender of.
    pub fn handles(&self) -> Vec<&Handle> {
        self.hold.handles()
    }

    pub(crate) fn channel(&self) -> &Channel {
        &self.hold.channel
    }

    /// Puts a message, waiting for room as `wait` says.
    ///
    /// # Errors
    /// With the message: the queue is closed, no receiver is left (also when the last one dies while
    /// this waits, within 100 ms), `wait` is over, or the arena is full.
    #[inline]
    pub fn put<'m>(&self, message: impl Into<Message<'m>>, wait: Wait) -> Result<(), PutError<'m>> {
        self.put_as(message.into(), Some(wait))
    }

    /// Puts a message if there is room.
    ///
    /// # Errors
    /// As [`Sender::put`], with [`PutReason::Full`]; [`PutReason::TimedOut`] when another process was
    /// stopped, or did not get to run, in the middle of a call for 300 ms.
    #[inline]
    pub fn try_put<'m>(&self, message: impl Into<Message<'m>>) -> Result<(), PutError<'m>> {
        self.put_as(message.into(), None)
    }

    #[inline]
    fn put_as<'m>(&self, message: Message<'m>, wait: Option<Wait>) -> Result<(), PutError<'m>> {
        let gone = |thorough| self.hold.channel.is_alone(Role::Put, thorough);
        self.channel().put(message, wait, Some(&gone))
    }

    /// Puts all of `messages`, one after another, and wakes once. Those that were put are taken out of
    /// the vector, also when it fails in between.
    ///
    /// # Errors
    /// As [`Sender::put`]; the messages that are left were not put.
    pub fn put_many(
        &self,
        messages: &mut Vec<Message<'_>>,
        wait: Option<Wait>,
    ) -> Result<(), PutReason> {
        let gone = |thorough| self.hold.channel.is_alone(Role::Put, thorough);
        self.channel().put_many(messages, wait, Some(&gone))
    }

    /// Room for a message of `len` bytes, to be written in place and put without a copy.
    ///
    /// # Errors
    /// When the arena is full.
    pub fn draft(&self, len: usize) -> Result<Draft, Error> {
        Draft::new(&self.channel().arena, len)
    }

    /// For a future that waits for room.
    pub(crate) fn place(&self) -> Place<'_> {
        self.bell.place(&self.hold)
    }

    /// Whether no receiver is left that a message could reach. Asks whether the holders live.
    pub fn is_alone(&self) -> bool {
        self.hold.channel.is_alone(Role::Put, true)
    }
}

impl Receiver {
    pub(crate) fn of(hold: Hold) -> Self {
        Self { hold, bell: Bell::new(Role::Take) }
    }

    /// From [`Receiver::handles`] that were received.
    ///
    /// # Errors
    /// [`Error::WrongType`] when they are something else.
    pub fn from_handles(arena: &Arena, handles: Vec<Handle>) -> Result<Self, Error> {
        Hold::from_handles(arena, handles, Role::Take).map(Self::of)
    }

    /// What another member, to whom they are sent, makes the same receiver of.
    pub fn handles(&self) -> Vec<&Handle> {
        self.hold.handles()
    }

    pub(crate) fn channel(&self) -> &Channel {
        &self.hold.channel
    }

    /// Takes a message, waiting for one as `wait` says.
    ///
    /// # Errors
    /// What was put is taken first; then: the queue is closed, no sender is left (also when the last
    /// one dies while this waits, within 100 ms), or `wait` is over.
    #[inline]
    pub fn get(&self, wait: Wait) -> Result<Received, TakeError> {
        self.get_as(Some(wait))
    }

    /// Takes a message if there is one.
    ///
    /// # Errors
    /// As [`Receiver::get`], with [`TakeError::Empty`]; [`TakeError::TimedOut`] when another process was
    /// stopped, or did not get to run, in the middle of a call for 300 ms.
    #[inline]
    pub fn try_get(&self) -> Result<Received, TakeError> {
        self.get_as(None)
    }

    #[inline]
    fn get_as(&self, wait: Option<Wait>) -> Result<Received, TakeError> {
        let gone = |thorough| self.hold.channel.is_alone(Role::Take, thorough);
        let taken = self.channel().take(wait, Some(&gone));
        self.bell.hush(self.channel());
        taken
    }

    /// Takes up to `most` messages at once, waiting for the first.
    ///
    /// # Errors
    /// As [`Receiver::get`]; without error there is at least one.
    pub fn get_many(&self, most: usize, wait: Option<Wait>) -> Result<Vec<Received>, TakeError> {
        let gone = |thorough| self.hold.channel.is_alone(Role::Take, thorough);
        let taken = self.channel().take_many(most, wait, Some(&gone));
        self.bell.hush(self.channel());
        taken
    }

    /// Waits until there is something to take, without taking it: another may be faster.
    ///
    /// # Errors
    /// As [`Receiver::get`].
    pub fn poll(&self, wait: Wait) -> Result<(), TakeError> {
        let gone = |thorough| self.hold.channel.is_alone(Role::Take, thorough);
        self.channel().poll(Some(wait), Some(&gone))
    }

    /// A descriptor that is readable when there may be something to take, or the end has come: to be
    /// polled beside sockets. After it was, take until [`TakeError::Empty`].
    ///
    /// The first call starts a thread in this process, which is there as long as this receiver; see
    /// `docs/design/0020-channels.md` for what it costs.
    ///
    /// # Errors
    /// At the limits on descriptors and threads.
    pub fn descriptor(&self) -> io::Result<BorrowedFd<'_>> {
        self.bell.descriptor(&self.hold)
    }

    /// For a future that waits for a message.
    pub(crate) fn place(&self) -> Place<'_> {
        self.bell.place(&self.hold)
    }

    /// Whether no sender is left that could put more. Asks whether the holders live.
    pub fn is_alone(&self) -> bool {
        self.hold.channel.is_alone(Role::Take, true)
    }
}

impl Clone for Sender {
    fn clone(&self) -> Self {
        Self::of(self.hold.clone())
    }
}

impl Clone for Receiver {
    fn clone(&self) -> Self {
        Self::of(self.hold.clone())
    }
}

/// What both halves know of their queue.
macro_rules! common {
    ($($type:ty),*) => {
        $(impl $type {
            /// How many messages are in it, at this moment.
            pub fn len(&self) -> usize {
                self.channel().sides().len() as usize
            }

            /// Whether nothing is in it, at this moment.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// Whether it holds as many messages or bytes as it may, at this moment.
            pub fn is_full(&self) -> bool {
                self.channel().is_full()
            }

            /// Its order and bounds.
            pub fn settings(&self) -> Settings {
                self.channel().settings()
            }

            /// Closes it for all: what is in it can be taken, and nothing more can be put. False when
            /// it was closed already.
            pub fn close(&self) -> bool {
                self.channel().close()
            }

            /// Whether it was closed.
            pub fn is_closed(&self) -> bool {
                self.channel().sides().tail().is_closed()
            }

            /// Its place in the arena, to be named or recognised.
            pub fn handle(&self) -> &Handle {
                self.channel().core_handle()
            }
        })*
    };
}

common!(Sender, Receiver, Queue);

impl Queue {
    /// An empty queue.
    ///
    /// # Errors
    /// When the arena is full.
    pub fn new(arena: &Arena, settings: Settings) -> Result<Self, Error> {
        Channel::make(arena, settings, false).map(Self::of)
    }

    /// An empty queue that can be joined: see [`Queue::task_done`].
    ///
    /// # Errors
    /// When the arena is full.
    pub fn joinable(arena: &Arena, settings: Settings) -> Result<Self, Error> {
        Channel::make(arena, settings, true).map(Self::of)
    }

    fn of([put, take]: [Hold; 2]) -> Self {
        Self { sender: Sender::of(put), receiver: Receiver::of(take) }
    }

    /// From [`Queue::handles`] that were received.
    ///
    /// # Errors
    /// [`Error::WrongType`] when they are something else.
    pub fn from_handles(arena: &Arena, handles: Vec<Handle>) -> Result<Self, Error> {
        let wrong = Error::WrongType("queue");
        let (mut put, mut take) = (handles, Vec::new());
        let end = put.pop().ok_or(wrong)?;
        take.extend(put[..put.len().saturating_sub(1)].iter().cloned());
        take.push(end);
        let put = Sender::from_handles(arena, put)?;
        Ok(Self { sender: put, receiver: Receiver::from_handles(arena, take)? })
    }

    /// What another member, to whom they are sent, makes the same queue of.
    pub fn handles(&self) -> Vec<&Handle> {
        let mut handles = self.sender.handles();
        handles.extend(self.receiver.handles().pop());
        handles
    }

    fn channel(&self) -> &Channel {
        self.sender.channel()
    }

    /// The half that puts.
    pub fn sender(&self) -> &Sender {
        &self.sender
    }

    /// The half that takes.
    pub fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// Both halves. Each learns when the other is nowhere any more.
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }

    /// Puts a message, waiting for room as `wait` says.
    ///
    /// # Errors
    /// With the message: the queue is closed, `wait` is over, or the arena is full.
    #[inline]
    pub fn put<'m>(&self, message: impl Into<Message<'m>>, wait: Wait) -> Result<(), PutError<'m>> {
        // This queue itself is a receiver.
        self.channel().put(message.into(), Some(wait), None)
    }

    /// Puts a message if there is room.
    ///
    /// # Errors
    /// As [`Sender::try_put`].
    #[inline]
    pub fn try_put<'m>(&self, message: impl Into<Message<'m>>) -> Result<(), PutError<'m>> {
        self.channel().put(message.into(), None, None)
    }

    /// As [`Sender::put_many`].
    ///
    /// # Errors
    /// As [`Queue::put`]; the messages that are left were not put.
    pub fn put_many(
        &self,
        messages: &mut Vec<Message<'_>>,
        wait: Option<Wait>,
    ) -> Result<(), PutReason> {
        self.channel().put_many(messages, wait, None)
    }

    /// As [`Sender::draft`].
    ///
    /// # Errors
    /// When the arena is full.
    pub fn draft(&self, len: usize) -> Result<Draft, Error> {
        self.sender.draft(len)
    }

    /// Takes a message, waiting for one as `wait` says.
    ///
    /// # Errors
    /// What was put is taken first; then: the queue is closed, or `wait` is over.
    #[inline]
    pub fn get(&self, wait: Wait) -> Result<Received, TakeError> {
        let taken = self.channel().take(Some(wait), None);
        self.receiver.bell.hush(self.channel());
        taken
    }

    /// Takes a message if there is one.
    ///
    /// # Errors
    /// As [`Receiver::try_get`].
    #[inline]
    pub fn try_get(&self) -> Result<Received, TakeError> {
        let taken = self.channel().take(None, None);
        self.receiver.bell.hush(self.channel());
        taken
    }

    /// Takes up to `most` messages at once, waiting for the first.
    ///
    /// # Errors
    /// As [`Queue::get`]; without error there is at least one.
    pub fn get_many(&self, most: usize, wait: Option<Wait>) -> Result<Vec<Received>, TakeError> {
        let taken = self.channel().take_many(most, wait, None);
        self.receiver.bell.hush(self.channel());
        taken
    }

    /// Waits until there is something to take, without taking it.
    ///
    /// # Errors
    /// As [`Queue::get`].
    pub fn poll(&self, wait: Wait) -> Result<(), TakeError> {
        self.channel().poll(Some(wait), None)
    }

    /// As [`Receiver::descriptor`].
    ///
    /// # Errors
    /// At the limits on descriptors and threads.
    pub fn descriptor(&self) -> io::Result<BorrowedFd<'_>> {
        self.receiver.descriptor()
    }

    /// Says that one of the messages that were taken from a joinable queue is done. False when all
    /// were, or it is not joinable.
    pub fn task_done(&self) -> bool {
        self.channel().tally().is_some_and(crate::tally::Tally::task_done)
    }

    /// How many messages are not done: those in the queue, and those taken since.
    pub fn unfinished(&self) -> usize {
        let taken = self.channel().tally().map_or(0, crate::tally::Tally::taken);
        taken as usize + self.len()
    }

    /// Waits until all that was put is taken and done. Says how many messages, so far, were taken by a
    /// process that died before they were done: nobody waits for those.
    ///
    /// # Errors
    /// `wait` is over. On a queue that is not joinable this returns at once.
    pub fn join(&self, wait: Wait) -> Result<u32, Outcome> {
        match self.channel().tally() {
            Some(tally) => tally.join(wait, || self.is_empty()),
            None => Ok(0),
        }
    }
}
