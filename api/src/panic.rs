//! Panics in a child: message, place and backtrace for the parent.

use serde::{Deserialize, Serialize};
use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::fmt;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

/// A panic that ended a child's function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Panic {
    /// What it said.
    pub message: String,
    /// Where: file, line and column; `None` for a panic that was resumed.
    pub place: Option<Place>,
    /// The stack of the child at that moment; empty for a panic that was resumed. Function names
    /// need symbols, lines need debug information.
    pub backtrace: String,
}

/// A place in source code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The file, as the compiler was given it.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// `at src/main.rs:3:5: the message`. The backtrace is left out: it has many lines.
impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "at {place}: ")?;
        }
        f.write_str(&self.message)
    }
}

thread_local! {
    static LAST: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

/// Has every panic of this process noted, besides what was done about panics before. Under
/// `panic = "abort"`, where nobody will catch it, `last_words` is told at once.
pub(crate) fn watch(last_words: fn(Panic)) {
    static WATCHING: Once = Once::new();
    WATCHING.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let panic = Panic::read(info);
            if cfg!(panic = "abort") {
                last_words(panic);
            } else {
                LAST.with(|last| drop(last.replace(Some(panic))));
            }
            before(info);
        }));
    });
}

/// Runs `body`; a panic in it becomes an error.
pub(crate) fn catch<R>(body: impl FnOnce() -> R) -> Result<R, Panic> {
    // The body's state is given up with the process.
    catch_unwind(AssertUnwindSafe(body)).map_err(|payload| {
        // Dropping it could panic again; it goes with the process.
        let payload = ManuallyDrop::new(payload);
        let noted = LAST.with(RefCell::take);
        noted.unwrap_or_else(|| Panic {
            message: message_of(&**payload),
            place: None,
            backtrace: String::new(),
        })
    })
}

impl Panic {
    fn read(info: &PanicHookInfo<'_>) -> Self {
        Self {
            message: message_of(info.payload()),
            place: info.location().map(|place| Place {
                file: place.file().into(),
                line: place.line(),
                column: place.column(),
            }),
            backtrace: Backtrace::force_capture().to_string(),
        }
    }
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic with a payload that is no text").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_place_and_stack_are_kept() {
        watch(drop);
        let line = line!() + 1;
        let panic = catch(|| panic!("number {}", 7)).unwrap_err();
        let place = panic.place.clone().unwrap();
        assert_eq!((panic.message.as_str(), place.line), ("number 7", line));
        assert!(place.file.ends_with("panic.rs"));
        assert!(!panic.backtrace.is_empty());
        assert_eq!(panic.to_string(), format!("at {place}: number 7"));
    }

    #[test]
    fn any_payload_is_some_message() {
        let resumed = catch(|| std::panic::resume_unwind(Box::new(5))).unwrap_err();
        assert!(resumed.message.contains("no text"));
        assert_eq!(resumed.place, None);
    }
}
