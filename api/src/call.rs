//! What travels to a child and back: a call (code and arguments) and its report.

use crate::codec::{self, CodecError};
use crate::function::{Address, CodeRef, NotHere, signature};
use crate::message;
use crate::panic;
use polyproc_process::{Delivery, Front, Outcome, Payload};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::os::fd::OwnedFd;

/// How the engine runs our calls.
pub(crate) static FRONT: Front = Front { run: run_call, preload: run_preload };

/// The exit code of a child whose function panicked: the one that Rust programs end with.
const PANICKED: i32 = 101;

/// The head of a call; the encoded arguments follow it.
#[derive(Debug, Serialize, Deserialize)]
struct Call {
    /// Of type [`Trampoline`].
    trampoline: CodeRef,
    function: CodeRef,
    signature: u64,
}

/// Knows the types that the bytes have: one for each pair of argument and result.
type Trampoline = fn(Invocation) -> Reply;

/// What a trampoline gets.
#[derive(Debug)]
pub(crate) struct Invocation {
    function: Address,
    signature: u64,
    /// The arguments, encoded. What they took is free again when the function runs.
    message: Delivery,
}

/// What a trampoline gives: an encoded report, and the handles in the result.
#[derive(Debug)]
pub(crate) struct Reply {
    report: Payload,
    /// The exit code of the child.
    code: i32,
}

impl From<Failure> for Reply {
    fn from(failure: Failure) -> Self {
        let code = if matches!(failure, Failure::Panicked(_)) { PANICKED } else { 1 };
        Self { report: failure.report(), code }
    }
}

/// What came of a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Report<'r> {
    /// The encoded result.
    Value(&'r [u8]),
    Failed(Failure),
}

/// The first byte of a report: what follows it is an encoded result.
const VALUE: u8 = 0;
/// A [`Failure`] follows.
const FAILED: u8 = 1;

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Failure {
    Panicked(panic::Panic),
    NotHere(NotHere),
    /// The arguments could not be decoded.
    BadArguments(CodecError),
    /// The result could not be encoded.
    BadResult(CodecError),
}

/// Why a call could not be made up.
#[derive(Debug)]
pub(crate) enum CallError {
    /// No image holds the function.
    NoImage,
    Encode(CodecError),
}

/// A call of `function` with `arguments`.
pub(crate) fn encode_call<A, R>(function: fn(A) -> R, arguments: &A) -> Result<Payload, CallError>
where
    A: Serialize + DeserializeOwned,
    R: Serialize + DeserializeOwned,
{
    let trampoline: Trampoline = trampoline::<A, R>;
    let place = |address: usize| CodeRef::of(address).ok_or(CallError::NoImage);
    let call = Call {
        trampoline: place(trampoline as usize)?,
        function: place(Address::of(function).number())?,
        signature: signature::<A, R>(),
    };
    let head = codec::encode(&call, Vec::new()).map_err(CallError::Encode)?;
    message::encode(arguments, head).map_err(CallError::Encode)
}

/// The last that the parent hears of a panic that aborts.
fn report_early(panic: panic::Panic) {
    drop(polyproc_process::report_early(Failure::Panicked(panic).report()));
}

thread_local! {
    /// The descriptors that came with the call that this process runs.
    static DESCRIPTORS: RefCell<Vec<OwnedFd>> = const { RefCell::new(Vec::new()) };
}

/// The descriptors that came with the call that this process runs: once.
pub(crate) fn take_descriptors() -> Vec<OwnedFd> {
    DESCRIPTORS.take()
}

/// The panic of which a process told before it aborted.
pub(crate) fn last_words(report: &[u8]) -> Option<panic::Panic> {
    match Report::decode(report) {
        Ok(Report::Failed(Failure::Panicked(panic))) => Some(panic),
        _ => None,
    }
}

/// In the child: from a message to the call.
fn run_call(call: polyproc_process::Call) -> Outcome {
    panic::watch(report_early);
    DESCRIPTORS.set(call.descriptors);
    let Delivery { body, tickets } = call.message;
    let head = codec::decode_first::<Call>(&body);
    let reply = match head.map(|(call, rest)| (call, body.len() - rest.len())) {
        Ok((call, len)) => dispatch(&call, Delivery { body: body.without_first(len), tickets }),
        Err(error) => Failure::BadArguments(error).into(),
    };
    reply.into()
}

#[expect(unsafe_code, reason = "calls a function by its place")]
fn dispatch(call: &Call, message: Delivery) -> Reply {
    let places = call
        .trampoline
        .resolve()
        .and_then(|trampoline| call.function.resolve().map(|function| (trampoline, function)));
    let (trampoline, function) = match places {
        Ok(places) => places,
        Err(reason) => return Failure::NotHere(reason).into(),
    };
    // SAFETY: the parent put the place of a `Trampoline` there, and image and build-id agree.
    let trampoline = unsafe { trampoline.function::<Invocation, Reply>() };
    trampoline(Invocation { function, signature: call.signature, message })
}

#[expect(unsafe_code, reason = "calls a function by its place")]
fn trampoline<A, R>(invocation: Invocation) -> Reply
where
    A: Serialize + DeserializeOwned,
    R: Serialize + DeserializeOwned,
{
    if invocation.signature != signature::<A, R>() {
        return Failure::NotHere(NotHere::OtherBuild("the function's type".into())).into();
    }
    let message = invocation.message;
    let open = move || message::open(&message.body, &message.tickets);
    let arguments: A = match panic::catch(open) {
        Ok(Ok(arguments)) => arguments,
        Ok(Err(error)) => return Failure::BadArguments(error).into(),
        Err(panic) => return Failure::Panicked(panic).into(),
    };
    // SAFETY: the call was made with a `fn(A) -> R`: the signature agrees.
    let function = unsafe { invocation.function.function::<A, R>() };
    run(|| function(arguments))
}

/// Runs `body` and reports what came of it: also for a forked copy, where nothing was encoded.
pub(crate) fn run<R: Serialize>(body: impl FnOnce() -> R) -> Reply {
    // Encoding and dropping the value run the user's code, too.
    let encoded = panic::catch(|| {
        let value = body();
        message::encode(&value, vec![VALUE])
    });
    match encoded {
        Ok(Ok(report)) => Reply { report, code: 0 },
        Ok(Err(error)) => Failure::BadResult(error).into(),
        Err(panic) => Failure::Panicked(panic).into(),
    }
}

/// The same as an outcome for the engine.
pub(crate) fn run_copy<R: Serialize>(body: impl FnOnce() -> R) -> Outcome {
    panic::watch(report_early);
    run(body).into()
}

impl From<Reply> for Outcome {
    fn from(reply: Reply) -> Self {
        Self { report: reply.report, code: reply.code }
    }
}

impl Failure {
    fn report(&self) -> Payload {
        // Strings and numbers: always possible.
        codec::encode(self, vec![FAILED]).unwrap_or_default().into()
    }
}

impl<'r> Report<'r> {
    pub(crate) fn decode(bytes: &'r [u8]) -> Result<Self, CodecError> {
        match bytes.split_first() {
            Some((&VALUE, value)) => Ok(Self::Value(value)),
            Some((&FAILED, failure)) => codec::decode(failure).map(Self::Failed),
            _ => Err(CodecError::of::<Failure>(&"not in the form of a report")),
        }
    }
}

/// The bytes of a function that the fork server is to run before it serves.
pub(crate) fn encode_preload(function: fn()) -> Option<Vec<u8>> {
    let place = CodeRef::of(function as usize)?;
    codec::encode(&place, Vec::new()).ok()
}

#[expect(unsafe_code, reason = "calls a function by its place")]
fn run_preload(bytes: &[u8]) -> Result<(), String> {
    let place: CodeRef = codec::decode(bytes).map_err(|error| error.to_string())?;
    let address = place.resolve().map_err(|reason| reason.to_string())?;
    panic::watch(report_early);
    // SAFETY: `encode_preload` took the place of a `fn()`, and image and build-id agree.
    let function = unsafe { address.plain() };
    panic::catch(function).map_err(|panic| format!("a preloaded function panicked {panic}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    fn outcome(call: &[u8]) -> (Vec<u8>, i32) {
        let message = Delivery { body: call.to_vec().into(), tickets: Vec::new() };
        let outcome = run_call(polyproc_process::Call { message, descriptors: Vec::new() });
        (outcome.report.body, outcome.code)
    }

    fn failure(call: &[u8]) -> Failure {
        let (report, 1) = outcome(call) else { panic!("no failure") };
        let Ok(Report::Failed(failure)) = Report::decode(&report) else { panic!("no failure") };
        failure
    }

    #[test]
    fn a_call_gives_its_value() {
        let call =
            encode_call(|(a, b): (u32, String)| format!("{a}{b}"), &(1, "x".into())).unwrap();
        let (report, 0) = outcome(&call.body) else { panic!("no value") };
        let Ok(Report::Value(bytes)) = Report::decode(&report) else { panic!("no value") };
        assert_eq!(codec::decode::<String>(bytes), Ok("1x".into()));
    }

    #[test]
    fn a_call_of_another_type_is_refused() {
        let call = encode_call(|x: u32| x, &1).unwrap().body;
        let (mut head, _) = codec::decode_first::<Call>(&call).unwrap();
        head.signature += 1;
        let forged = codec::encode(&1_u32, codec::encode(&head, Vec::new()).unwrap()).unwrap();
        assert!(matches!(failure(&forged), Failure::NotHere(_)));
        assert!(matches!(failure(&[]), Failure::BadArguments(_)));
    }

    #[test]
    fn arguments_that_cannot_be_read_are_named() {
        let call = encode_call(|text: String| text, &"some text".into()).unwrap().body;
        let Failure::BadArguments(error) = failure(&call[..call.len() - 3]) else {
            panic!("no error")
        };
        assert!(error.to_string().contains("String"), "{error}");
    }
}
