//! What travels to a child and back: a call (code and arguments) and its report.

use crate::codec::{self, CodecError};
use crate::function::{Address, CodeRef, NotHere, signature};
use crate::panic;
use polyproc_process::{Front, Outcome};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

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
type Trampoline = fn(Invocation<'_>) -> Report;

/// What a trampoline gets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Invocation<'a> {
    function: Address,
    signature: u64,
    arguments: &'a [u8],
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The encoded result.
    Value(#[serde(with = "serde_bytes_form")] Vec<u8>),
    Panicked(panic::Panic),
    NotHere(NotHere),
    /// The arguments could not be decoded.
    BadArguments(CodecError),
    /// The result could not be encoded.
    BadResult(CodecError),
}

/// A byte string as one run: serde's own form for `Vec<u8>` goes byte by byte.
mod serde_bytes_form {
    use serde::de::{Deserializer, Error, Visitor};
    use serde::ser::Serializer;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }
        from.deserialize_byte_buf(Bytes)
    }
}

/// Why a call could not be made up.
#[derive(Debug)]
pub(crate) enum CallError {
    /// No image holds the function.
    NoImage,
    Encode(CodecError),
}

/// The bytes of a call of `function` with `arguments`.
pub(crate) fn encode_call<A, R>(function: fn(A) -> R, arguments: &A) -> Result<Vec<u8>, CallError>
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
    codec::encode(arguments, head).map_err(CallError::Encode)
}

/// The last that the parent hears of a panic that aborts.
fn report_early(panic: panic::Panic) {
    drop(polyproc_process::report_early(&Report::Panicked(panic).encode()));
}

/// In the child: from bytes to the call.
fn run_call(bytes: &[u8]) -> Outcome {
    panic::watch(report_early);
    let report = match postcard::take_from_bytes::<Call>(bytes) {
        Ok((call, arguments)) => dispatch(&call, arguments),
        Err(error) => Report::BadArguments(CodecError {
            type_name: "call".into(),
            path: String::new(),
            reason: error.to_string(),
        }),
    };
    let code = match report {
        Report::Value(_) => 0,
        Report::Panicked(_) => PANICKED,
        _ => 1,
    };
    Outcome { report: report.encode(), code }
}

#[expect(unsafe_code, reason = "calls a function by its place")]
fn dispatch(call: &Call, arguments: &[u8]) -> Report {
    let places = call
        .trampoline
        .resolve()
        .and_then(|trampoline| call.function.resolve().map(|function| (trampoline, function)));
    let (trampoline, function) = match places {
        Ok(places) => places,
        Err(reason) => return Report::NotHere(reason),
    };
    // SAFETY: the parent put the place of a `Trampoline` there, and image and build-id agree.
    let trampoline = unsafe { trampoline.function::<Invocation<'_>, Report>() };
    trampoline(Invocation { function, signature: call.signature, arguments })
}

#[expect(unsafe_code, reason = "calls a function by its place")]
fn trampoline<A, R>(invocation: Invocation<'_>) -> Report
where
    A: Serialize + DeserializeOwned,
    R: Serialize + DeserializeOwned,
{
    if invocation.signature != signature::<A, R>() {
        return Report::NotHere(NotHere::OtherBuild("the function's type".into()));
    }
    let arguments: A = match panic::catch(|| codec::decode(invocation.arguments)) {
        Ok(Ok(arguments)) => arguments,
        Ok(Err(error)) => return Report::BadArguments(error),
        Err(panic) => return Report::Panicked(panic),
    };
    // SAFETY: the call was made with a `fn(A) -> R`: the signature agrees.
    let function = unsafe { invocation.function.function::<A, R>() };
    run(|| function(arguments))
}

/// Runs `body` and reports what came of it: also for a forked copy, where nothing was encoded.
pub(crate) fn run<R: Serialize>(body: impl FnOnce() -> R) -> Report {
    // Encoding and dropping the value run the user's code, too.
    let encoded = panic::catch(|| {
        let value = body();
        codec::encode(&value, Vec::new())
    });
    match encoded {
        Ok(Ok(bytes)) => Report::Value(bytes),
        Ok(Err(error)) => Report::BadResult(error),
        Err(panic) => Report::Panicked(panic),
    }
}

/// The same as an outcome for the engine.
pub(crate) fn run_copy<R: Serialize>(body: impl FnOnce() -> R) -> Outcome {
    panic::watch(report_early);
    let report = run(body);
    let code = if matches!(report, Report::Value(_)) { 0 } else { PANICKED };
    Outcome { report: report.encode(), code }
}

impl Report {
    pub(crate) fn encode(&self) -> Vec<u8> {
        // Strings, numbers and bytes: always possible.
        codec::encode(self, Vec::new()).unwrap_or_default()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        codec::decode(bytes)
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

    fn outcome(call: &[u8]) -> (Report, i32) {
        let outcome = run_call(call);
        (Report::decode(&outcome.report).unwrap(), outcome.code)
    }

    #[test]
    fn a_call_gives_its_value() {
        let call =
            encode_call(|(a, b): (u32, String)| format!("{a}{b}"), &(1, "x".into())).unwrap();
        let Report::Value(bytes) = outcome(&call).0 else { panic!("no value") };
        assert_eq!(codec::decode::<String>(&bytes), Ok("1x".into()));
    }

    #[test]
    fn a_call_of_another_type_is_refused() {
        let call = encode_call(|x: u32| x, &1).unwrap();
        let (mut head, _) = postcard::take_from_bytes::<Call>(&call).unwrap();
        head.signature += 1;
        let forged = codec::encode(&1_u32, codec::encode(&head, Vec::new()).unwrap()).unwrap();
        assert!(matches!(outcome(&forged), (Report::NotHere(_), 1)));
        assert!(matches!(outcome(&[]), (Report::BadArguments(_), 1)));
    }

    #[test]
    fn arguments_that_cannot_be_read_are_named() {
        let call = encode_call(|text: String| text, &"some text".into()).unwrap();
        let (Report::BadArguments(error), 1) = outcome(&call[..call.len() - 3]) else {
            panic!("no error")
        };
        assert!(error.to_string().contains("String"), "{error}");
    }
}
