//! The kinds of functions that a pool runs: plain ones, and those that are given something beside
//! their argument.

use super::error::{TaskError, TaskFacts};
use super::task::Target;
use super::{Definitions, Inner};
use crate::codec::{self, CodecError};
use crate::item::Item;
use polyproc_pool::Definition;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

/// What functions [`Calls`](super::Calls) take. There are these three kinds.
pub trait Kind: sealed::Sealed {
    /// The type of the functions, for an argument `A` and a result `R`.
    type Function<A, R>;

    #[doc(hidden)]
    fn target<A, R>(function: Self::Function<A, R>) -> Target
    where
        A: Item + 'static,
        R: Item + 'static;

    #[doc(hidden)]
    fn object(&self) -> Result<Option<&Arc<Object>>, CodecError> {
        Ok(None)
    }
}

/// A function of its argument alone.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

/// A function that is given its worker's state: see [`Calls::with_state`](super::Calls::with_state).
pub struct WithState<S>(pub(super) PhantomData<fn(S)>);

/// A function that is given an object: see [`Calls::sharing`](super::Calls::sharing).
pub struct Sharing<C> {
    object: Result<Arc<Object>, CodecError>,
    types: PhantomData<fn(C)>,
}

impl<S> fmt::Debug for WithState<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WithState")
    }
}

impl<C> fmt::Debug for Sharing<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sharing").field(&self.object).finish()
    }
}

impl Kind for Plain {
    type Function<A, R> = fn(A) -> R;

    fn target<A, R>(function: fn(A) -> R) -> Target
    where
        A: Item + 'static,
        R: Item + 'static,
    {
        Target::plain(function)
    }
}

impl<S: 'static> Kind for WithState<S> {
    type Function<A, R> = fn(&mut S, A) -> R;

    fn target<A, R>(function: fn(&mut S, A) -> R) -> Target
    where
        A: Item + 'static,
        R: Item + 'static,
    {
        Target::stateful(function)
    }
}

impl<C: DeserializeOwned + 'static> Kind for Sharing<C> {
    type Function<A, R> = fn(&C, A) -> R;

    fn target<A, R>(function: fn(&C, A) -> R) -> Target
    where
        A: Item + 'static,
        R: Item + 'static,
    {
        Target::sharing(function)
    }

    fn object(&self) -> Result<Option<&Arc<Object>>, CodecError> {
        self.object.as_ref().map(Some).map_err(Clone::clone)
    }
}

impl<C: Serialize> Sharing<C> {
    pub(super) fn new(pool: &Arc<Inner>, object: &C) -> Self {
        let object = codec::encode(object, Vec::new()).map(|bytes| {
            let definitions = Mutex::default();
            Arc::new(Object { pool: Arc::clone(pool), bytes, definitions })
        });
        Self { object, types: PhantomData }
    }
}

/// An object as bytes, and the definitions that hold it. When nobody will submit tasks with it any
/// more, the pool forgets them.
#[expect(unnameable_types, reason = "a detail of `Kind`, which is sealed")]
pub struct Object {
    pool: Arc<Inner>,
    bytes: Vec<u8>,
    definitions: Mutex<Definitions>,
}

impl Object {
    pub(super) fn definition(&self, target: Target) -> Result<Definition, TaskError> {
        self.pool.define(&self.definitions, target, &self.bytes)
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        let definitions = self.definitions.get_mut().unwrap_or_else(PoisonError::into_inner);
        for definition in definitions.all.values() {
            self.pool.engine.retire(*definition);
        }
    }
}

mod sealed {
    #[expect(unnameable_types, reason = "so that nobody else has it")]
    pub trait Sealed {}
    impl Sealed for super::Plain {}
    impl<S> Sealed for super::WithState<S> {}
    impl<C> Sealed for super::Sharing<C> {}
}

/// The error of a call whose arguments serde refuses.
pub(super) fn not_encoded(source: CodecError) -> TaskError {
    let (task, source) = (TaskFacts::default(), Box::new(source));
    TaskError::Arguments { task, verb: "encoded", source }
}
