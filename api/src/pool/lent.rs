//! Borrowed inputs.
//!
//! Arguments are encoded before a call returns, and a reference is encoded as what it refers to. So inputs need
//! not be owned, and no scope has to be waited for: what a worker gets is a value of its own anyway.

use super::calls::Gathered;
use super::chunk::{self, Coding, Encoded};
use super::kind::{self, Kind};
use super::run;
use super::{Calls, Pool, Task, TaskError};
use crate::codec::CodecError;
use crate::item::Item;
use polyproc_pool::{NewTask, Spares};
use polyproc_shm::Parcel;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;

/// What an input is to the function that takes it: `str` a `String`, `[T]` a `Vec<T>`, `T` itself.
type Owned<B> = <B as ToOwned>::Owned;

/// An input, or one that came back from a worker that died.
type Lent<'a, B> = Cow<'a, B>;

impl<S: 'static, K: Kind> Calls<'_, S, K> {
    /// As [`Pool::submit_ref`].
    pub fn submit_ref<B, R>(&self, function: K::Function<Owned<B>, R>, argument: &B) -> Task<R>
    where
        B: ToOwned + Serialize + ?Sized + 'static,
        Owned<B>: Item + 'static,
        R: Item + 'static,
    {
        let encoded = encode(&mut vec![Cow::Borrowed(argument)], &mut Spares::default());
        Task::submit(&self.pool.inner, self.job(function), encoded.map_err(kind::not_encoded))
    }

    /// As [`Pool::map_ref`].
    ///
    /// # Errors
    /// As [`Pool::map`].
    pub fn map_ref<'a, B, R>(
        &self,
        function: K::Function<Owned<B>, R>,
        items: impl IntoIterator<Item = &'a B>,
    ) -> Result<Vec<R>, TaskError>
    where
        B: ToOwned + Serialize + ?Sized + 'static,
        Owned<B>: Item + 'static,
        R: Item + 'static,
    {
        let items = items.into_iter().map(Cow::Borrowed);
        let gathered = Gathered::new(items.size_hint().0);
        let coding = Coding { encode: encode_task::<B>, decode: decode::<B> };
        let job = self.job(function)?;
        self.gather(self.stream_of((job, coding), items, (usize::MAX, true)), gathered)
    }
}

impl<S: 'static> Pool<S> {
    /// [`apply`](Self::apply) with a borrowed argument.
    ///
    /// # Errors
    /// [`TaskError`].
    pub fn apply_ref<B, R>(&self, function: fn(Owned<B>) -> R, argument: &B) -> Result<R, TaskError>
    where
        B: ToOwned + Serialize + ?Sized + 'static,
        Owned<B>: Item + 'static,
        R: Item + 'static,
    {
        self.submit_ref(function, argument).get()
    }

    /// [`submit`](Self::submit) with a borrowed argument: a `&str` for a function that takes a `String`, a
    /// `&[T]` for one that takes a `Vec<T>`, a `&T` for one that takes a `T`.
    ///
    /// It is encoded before this returns, so it is not borrowed for longer, and no scope is needed as threads
    /// do. Nothing else can be borrowed: the function runs in another process, where a closure's references
    /// would mean nothing. What many tasks read goes to each worker once by
    /// [`sharing`](Calls::sharing), or lies in a [`SharedArray`](crate::SharedArray).
    ///
    /// ```
    /// let pool = polyproc::Pool::new(2)?;
    /// let numbers: Vec<f64> = vec![0.5; 1000];
    /// let (left, right) = numbers.split_at(400);
    /// let sum = |part: Vec<f64>| part.iter().sum::<f64>();
    /// let sums = [pool.submit_ref(sum, left), pool.submit_ref(sum, right)];
    /// assert_eq!((sums[0].get()?, sums[1].get()?), (200.0, 300.0));
    /// # Ok::<(), polyproc::Error>(())
    /// ```
    pub fn submit_ref<B, R>(&self, function: fn(Owned<B>) -> R, argument: &B) -> Task<R>
    where
        B: ToOwned + Serialize + ?Sized + 'static,
        Owned<B>: Item + 'static,
        R: Item + 'static,
    {
        self.calls().submit_ref(function, argument)
    }

    /// [`map`](Self::map) over borrowed items: see [`submit_ref`](Self::submit_ref).
    ///
    /// ```
    /// let pool = polyproc::Pool::new(2)?;
    /// let text = "one two three";
    /// let lengths = pool.map_ref(|word: String| word.len(), text.split(' '))?;
    /// assert_eq!(lengths, [3, 3, 5]);
    ///
    /// let pixels = vec![7_u8; 1 << 20];
    /// let brightest = pool.map_ref(|row: Vec<u8>| row.into_iter().max(), pixels.chunks(4096))?;
    /// assert_eq!(brightest, [Some(7); 256]);
    /// # Ok::<(), polyproc::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`map`](Self::map).
    pub fn map_ref<'a, B, R>(
        &self,
        function: fn(Owned<B>) -> R,
        items: impl IntoIterator<Item = &'a B>,
    ) -> Result<Vec<R>, TaskError>
    where
        B: ToOwned + Serialize + ?Sized + 'static,
        Owned<B>: Item + 'static,
        R: Item + 'static,
    {
        self.calls().map_ref(function, items)
    }
}

fn encode<B>(items: &mut Vec<Lent<'_, B>>, spares: &mut Spares) -> Result<Encoded, CodecError>
where
    B: ToOwned + Serialize + ?Sized + 'static,
{
    let taken = match &items[..] {
        [Cow::Borrowed(item)] => run::copy_out(*item),
        _ => None,
    };
    chunk::encode_taken(taken, items, spares)
}

fn encode_task<B>(
    items: &mut Vec<Lent<'_, B>>,
    spares: &mut Spares,
    (task, parcels): (&mut NewTask, &mut Vec<Parcel>),
) -> Result<(), CodecError>
where
    B: ToOwned + Serialize + ?Sized + 'static,
{
    encode(items, spares)?.write_to(task, parcels);
    Ok(())
}

fn decode<B>(bytes: &[u8], items: &mut Vec<Lent<'_, B>>) -> Result<(), CodecError>
where
    B: ToOwned + ?Sized,
    Owned<B>: DeserializeOwned + 'static,
{
    let mut owned = Vec::new();
    chunk::decode_task::<Owned<B>>(bytes, &mut owned)?;
    items.extend(owned.into_iter().map(Cow::Owned));
    Ok(())
}
