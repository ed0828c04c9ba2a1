//! What a task is, on both sides: a definition says which function, a chunk holds its arguments, and a
//! report what came of each.

use super::chunk::{self, Beside};
use crate::codec::{self, CodecError};
use crate::function::{Address, CodeRef, NotHere, signature};
use crate::panic::{self, Panic};
use polyproc_pool::{Bytes, Handler, Outcome, Output, Spares, Verdict};
use polyproc_shm::Arena;
use polyproc_sync::Owner;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

/// The worker's state, made by its initializer.
pub(super) type State = Rc<RefCell<Box<dyn Any>>>;

/// Which function tasks call.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    /// Of type [`Trampoline`].
    trampoline: CodeRef,
    function: CodeRef,
    signature: u64,
}

/// Knows the types of a function: makes the handler for its tasks.
type Trampoline = fn(Local<'_>) -> Handler;

/// What a trampoline gets in the worker.
pub(super) struct Local<'a> {
    function: Address,
    signature: u64,
    state: State,
    parent: Owner,
    /// What all tasks of the definition are given, as bytes.
    object: &'a [u8],
}

/// A function by its place, for the tasks of one pool.
#[expect(unnameable_types, reason = "a detail of `Kind`, which is sealed")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    trampoline: usize,
    function: usize,
    signature: u64,
}

impl Target {
    pub(super) fn plain<A, R>(function: fn(A) -> R) -> Self
    where
        A: Serialize + DeserializeOwned + 'static,
        R: Serialize + DeserializeOwned + 'static,
    {
        let trampoline: Trampoline = plain_handler::<A, R>;
        Self {
            trampoline: trampoline as usize,
            function: Address::of(function).number(),
            signature: signature::<A, R>(),
        }
    }

    pub(super) fn stateful<S, A, R>(function: fn(&mut S, A) -> R) -> Self
    where
        S: 'static,
        A: Serialize + DeserializeOwned + 'static,
        R: Serialize + DeserializeOwned + 'static,
    {
        let trampoline: Trampoline = stateful_handler::<S, A, R>;
        Self {
            trampoline: trampoline as usize,
            function: Address::of_stateful(function).number(),
            signature: signature::<(S, A), R>(),
        }
    }

    pub(super) fn sharing<C, A, R>(function: fn(&C, A) -> R) -> Self
    where
        C: DeserializeOwned + 'static,
        A: Serialize + DeserializeOwned + 'static,
        R: Serialize + DeserializeOwned + 'static,
    {
        let trampoline: Trampoline = sharing_handler::<C, A, R>;
        Self {
            trampoline: trampoline as usize,
            function: Address::of_sharing(function).number(),
            signature: signature::<(C, A), R>(),
        }
    }

    /// For the workers, with what all tasks are given; `None` when no image holds the function.
    pub(super) fn encode(self, object: &[u8]) -> Option<Vec<u8>> {
        let head = Head {
            trampoline: CodeRef::of(self.trampoline)?,
            function: CodeRef::of(self.function)?,
            signature: self.signature,
        };
        let head = codec::encode(&head, Vec::new()).ok()?;
        let len = u32::try_from(head.len()).ok()?.to_le_bytes();
        Some([&len[..], &head, object].concat())
    }
}

/// The parts of what [`Target::encode`] has made.
fn split_head(definition: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = definition.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*len) as usize)
}

/// Why an item has no result, as its worker says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Failure {
    Panicked(Panic),
    NotHere(NotHere),
    BadArguments(CodecError),
    BadResult(CodecError),
}

impl Failure {
    pub(super) fn encode(&self) -> Vec<u8> {
        // Strings and numbers: always possible.
        codec::encode(self, Vec::new()).unwrap_or_default()
    }

    pub(super) fn decode(bytes: &[u8]) -> Self {
        codec::decode(bytes).unwrap_or_else(Self::BadResult)
    }
}

/// A list that takes up so much memory is kept from one chunk to the next.
const KEPT_BYTES: usize = 1 << 20;
/// After the values of a chunk: they are all.
const ALL: u8 = 0;
/// Or some items failed: before this come the worker's pid and the failures by their numbers, and how many bytes
/// those are.
const SOME: u8 = 1;

/// Whether all items of a chunk have a value, as the worker's bytes say.
pub(super) fn has_all_values(bytes: &[u8]) -> bool {
    bytes.last() == Some(&ALL)
}

/// In the parent: the only value of a chunk, if it is a plain number.
pub(super) fn decode_number<R: 'static>(bytes: &[u8]) -> Option<R> {
    chunk::decode_number(bytes.strip_suffix(&[ALL])?)
}

/// Appends the values of a chunk whose items have one, if they are plain numbers.
pub(super) fn decode_numbers<R: 'static>(
    bytes: &[u8],
    values: &mut Vec<R>,
) -> Option<Result<(), CodecError>> {
    chunk::decode_numbers(bytes.strip_suffix(&[ALL])?, values)
}

/// The same for whatever they are.
pub(super) fn decode_all<R>(
    bytes: Bytes,
    values: &mut Vec<R>,
    spares: &mut Spares,
) -> Result<(), CodecError>
where
    R: DeserializeOwned + 'static,
{
    match bytes.split_last() {
        Some((ALL, bytes)) => chunk::decode(bytes, values, spares),
        _ => Err(CodecError::of::<R>(&"not in the form of results")),
    }
}

/// The same for a chunk of which some failed, with the pid of its worker, as that says.
pub(super) fn decode_some<R>(bytes: &[u8]) -> Result<(u32, Vec<Result<R, Failure>>), CodecError>
where
    R: DeserializeOwned + 'static,
{
    let Some((bytes, Some(failures))) = split(bytes) else {
        return Err(CodecError::of::<R>(&"not in the form of results"));
    };
    let mut values = Vec::new();
    chunk::decode_slice(bytes, &mut values)?;
    let (pid, failures) = codec::decode(failures)?;
    Ok((pid, merge(failures, values)?))
}

/// The values, and the failures if there are any.
fn split(bytes: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    match bytes.split_last()? {
        (&ALL, values) => Some((values, None)),
        (&SOME, rest) => {
            let (rest, len) = rest.split_last_chunk()?;
            let place = rest.len().checked_sub(u32::from_le_bytes(*len) as usize)?;
            let (values, failures) = rest.split_at(place);
            Some((values, Some(failures)))
        }
        _ => None,
    }
}

fn merge<R>(
    failures: Vec<(u64, Failure)>,
    values: Vec<R>,
) -> Result<Vec<Result<R, Failure>>, CodecError> {
    let len = failures.len() + values.len();
    let (mut failures, mut values) = (failures.into_iter().peekable(), values.into_iter());
    let next = |index: u64| match failures.next_if(|(place, _)| *place == index) {
        Some((_, failure)) => Some(Err(failure)),
        None => values.next().map(Ok),
    };
    let merged: Option<Vec<_>> = (0..len as u64).map(next).collect();
    merged.ok_or_else(|| CodecError::of::<R>(&"results of other items"))
}

fn with_tickets(bytes: &[u8], act: fn(&Arena, &[u8])) {
    let tickets = split(bytes).map(|(values, _)| chunk::tickets(values)).unwrap_or_default();
    if !tickets.is_empty()
        && let Ok(arena) = polyproc_process::arena()
    {
        act(arena, tickets);
    }
}

/// In the parent, as soon as results are there: the handles in them do not go with the worker any more.
pub(super) fn arrived(outcome: &Outcome) {
    if let Outcome::Value(bytes) = outcome {
        with_tickets(bytes, Arena::arrived);
    }
}

/// Gives back the handles in results that nobody will read.
pub(super) fn give_back(outcome: &Outcome) {
    if let Outcome::Value(bytes) = outcome {
        with_tickets(bytes, Arena::give_back_all);
    }
}

/// In the worker: what runs the tasks of a definition.
#[expect(unsafe_code, reason = "calls a function by its place")]
pub(super) fn define(definition: &[u8], state: &State, parent: Owner) -> Handler {
    let (head, object) = split_head(definition).unwrap_or_default();
    let head: Result<Head, _> = codec::decode(head);
    let resolved = head.map_err(Failure::BadArguments).and_then(|head| {
        let trampoline = head.trampoline.resolve().map_err(Failure::NotHere)?;
        let function = head.function.resolve().map_err(Failure::NotHere)?;
        Ok((trampoline, function, head.signature))
    });
    match resolved {
        Ok((trampoline, function, signature)) => {
            // SAFETY: the parent put the place of a `Trampoline` there; image and build-id agree.
            let trampoline = unsafe { trampoline.function::<Local<'_>, Handler>() };
            trampoline(Local { function, signature, state: Rc::clone(state), parent, object })
        }
        Err(failure) => failing(&failure),
    }
}

/// Answers every task with this.
fn failing(failure: &Failure) -> Handler {
    let bytes = failure.encode();
    Box::new(move |_task, output| {
        output.bytes.extend_from_slice(&bytes);
        Verdict::Failed
    })
}

fn other_type() -> Handler {
    failing(&Failure::NotHere(NotHere::OtherBuild("the function's type".into())))
}

#[expect(unsafe_code, reason = "calls a function by its place")]
#[expect(clippy::needless_pass_by_value, reason = "the type of a trampoline")]
fn plain_handler<A, R>(local: Local<'_>) -> Handler
where
    A: Serialize + DeserializeOwned + 'static,
    R: Serialize + DeserializeOwned + 'static,
{
    if local.signature != signature::<A, R>() {
        return other_type();
    }
    // SAFETY: the target was made with a `fn(A) -> R`: the signature agrees.
    let function = unsafe { local.function.function::<A, R>() };
    let mut bench = Bench::new(local.parent);
    Box::new(move |task, output| bench.run(task, output, function))
}

#[expect(unsafe_code, reason = "calls a function by its place")]
fn stateful_handler<S, A, R>(local: Local<'_>) -> Handler
where
    S: 'static,
    A: Serialize + DeserializeOwned + 'static,
    R: Serialize + DeserializeOwned + 'static,
{
    let is_state = local.state.borrow().is::<S>();
    if !is_state || local.signature != signature::<(S, A), R>() {
        return other_type();
    }
    // SAFETY: the target was made with a `fn(&mut S, A) -> R`: the signature agrees.
    let function = unsafe { local.function.stateful::<S, A, R>() };
    let mut bench = Bench::new(local.parent);
    Box::new(move |task, output| {
        let mut state = local.state.borrow_mut();
        let Some(state) = state.downcast_mut::<S>() else { return Verdict::Failed };
        bench.run(task, output, |item| function(state, item))
    })
}

#[expect(unsafe_code, reason = "calls a function by its place")]
#[expect(clippy::needless_pass_by_value, reason = "the type of a trampoline")]
fn sharing_handler<C, A, R>(local: Local<'_>) -> Handler
where
    C: DeserializeOwned + 'static,
    A: Serialize + DeserializeOwned + 'static,
    R: Serialize + DeserializeOwned + 'static,
{
    if local.signature != signature::<(C, A), R>() {
        return other_type();
    }
    let object: C = match panic::catch(|| codec::decode(local.object)) {
        Ok(Ok(object)) => object,
        Ok(Err(error)) => return failing(&Failure::BadArguments(error)),
        Err(panic) => return failing(&Failure::Panicked(panic)),
    };
    // SAFETY: the target was made with a `fn(&C, A) -> R`: the signature agrees.
    let function = unsafe { local.function.sharing::<C, A, R>() };
    let mut bench = Bench::new(local.parent);
    Box::new(move |task, output| bench.run(task, output, |item| function(&object, item)))
}

/// Where the items of a task are run, one after the other: lists that are used again and again.
struct Bench<A, R> {
    items: Vec<A>,
    values: Vec<R>,
    failures: Vec<Numbered<Failure>>,
    parent: Owner,
}

/// A failure under the number of its item.
type Numbered<T> = (u64, T);

impl<A, R> Bench<A, R>
where
    A: DeserializeOwned + 'static,
    R: Serialize + 'static,
{
    fn new(parent: Owner) -> Self {
        Self { items: Vec::new(), values: Vec::new(), failures: Vec::new(), parent }
    }

    fn run(
        &mut self,
        task: &[u8],
        output: &mut Output<'_>,
        function: impl FnMut(A) -> R,
    ) -> Verdict {
        let verdict = self.try_run(task, output, function);
        // What a value does when it is dropped is not ours either; its result is made.
        drop(panic::catch(|| self.clear()));
        verdict.unwrap_or_else(|failure| {
            output.bytes.clear();
            output.bytes.extend(failure.encode());
            Verdict::Failed
        })
    }

    fn try_run(
        &mut self,
        task: &[u8],
        output: &mut Output<'_>,
        mut function: impl FnMut(A) -> R,
    ) -> Result<Verdict, Failure> {
        let decoded = panic::catch(|| chunk::decode_task(task, &mut self.items));
        decoded.map_err(Failure::Panicked)?.map_err(Failure::BadArguments)?;
        let is_single = self.items.len() == 1;
        self.run_items(output, &mut function);
        let encoded = self.encode_values(output.bytes);
        if is_single && self.failures.len() == 1 {
            return Err(self.failures.remove(0).1);
        }
        self.report(encoded?, output);
        Ok(Verdict::Value)
    }

    fn run_items(&mut self, output: &Output<'_>, function: &mut impl FnMut(A) -> R) {
        let count = self.items.len();
        self.values.reserve(count);
        let mut items = self.items.drain(..);
        let (mut number, values) = (0, &mut self.values);
        let mut run_one = |item| {
            output.begin_item(number);
            number += 1;
            values.push(function(item));
        };
        while let Err(panic) = panic::catch(|| items.by_ref().for_each(&mut run_one)) {
            let number = count - items.len() - 1;
            self.failures.push((number as u64, Failure::Panicked(panic)));
        }
    }

    /// The values as bytes; those that serde refuses are failures.
    fn encode_values(&mut self, bytes: &mut Vec<u8>) -> Result<Beside, Failure> {
        let encoded = panic::catch(|| chunk::encode_into(&mut self.values, bytes));
        if let Ok(Ok(beside)) = encoded {
            return Ok(beside);
        }
        self.sort_out();
        bytes.clear();
        let encoded = panic::catch(|| chunk::encode_into(&mut self.values, bytes));
        encoded.map_err(Failure::Panicked)?.map_err(Failure::BadResult)
    }

    /// Makes failures of the values that serde refuses.
    fn sort_out(&mut self) {
        let failed: Vec<u64> = self.failures.iter().map(|(number, _)| *number).collect();
        let mut numbers = (0..).filter(|number| failed.binary_search(number).is_err());
        let failures = &mut self.failures;
        self.values.retain(|value| {
            let number = numbers.next().unwrap_or_default();
            let failure = match panic::catch(|| chunk::check(value)) {
                Ok(Ok(())) => return true,
                Ok(Err(error)) => Failure::BadResult(error),
                Err(panic) => Failure::Panicked(panic),
            };
            failures.push((number, failure));
            false
        });
        self.failures.sort_by_key(|(number, _)| *number);
    }

    fn report(&mut self, (run, parcels): Beside, output: &mut Output<'_>) {
        for parcel in parcels {
            parcel.hand_over(self.parent);
            // The parent has it now; given back here it would be gone before it looks.
            _ = parcel.into_bytes();
        }
        *output.run = run;
        if self.failures.is_empty() {
            output.bytes.push(ALL);
        } else {
            let failures = (std::process::id(), &self.failures);
            let failures = codec::encode(&failures, Vec::new()).unwrap_or_default();
            output.bytes.extend(&failures);
            output.bytes.extend((failures.len() as u32).to_le_bytes());
            output.bytes.push(SOME);
        }
    }

    fn clear(&mut self) {
        self.failures.clear();
        self.items.clear();
        self.values.clear();
        self.items.shrink_to(KEPT_BYTES / size_of::<A>().max(1));
        self.values.shrink_to(KEPT_BYTES / size_of::<R>().max(1));
    }
}

/// The results of a task that gives one `()`.
pub(super) fn nothing() -> Bytes {
    let mut bytes = Vec::new();
    // Nothing is always possible to encode.
    drop(chunk::encode_into(&mut vec![()], &mut bytes));
    bytes.push(ALL);
    bytes.into()
}
