//! Where a child takes over.

use crate::call::FRONT;
use polyproc_process::{PreloadError, Stage, take_over};

/// Says where a child process takes over. Call it as the first statement of `main`, or put
/// `#[polyproc::main]` above `fn main`.
///
/// A process started by `forkserver` or `spawn` executes this program again. When it comes here, it
/// runs the function that it was started for and exits: `main` never goes on in a child. In the
/// program itself this does nothing but note that processes may be started.
///
/// # Panics
/// When polyproc's Python package has been initialised in the same process.
pub fn init() {
    take_over(&FRONT, Stage::Main);
}

/// Has the fork server run `function` before it makes its first process: whatever it loads into
/// statics is then shared, copy-on-write, by every process started with
/// [`StartMethod::ForkServer`](crate::StartMethod::ForkServer). Several calls run in their order.
///
/// The function must not leave threads running: a process with threads cannot be forked safely, and
/// starting is refused. If it panics, the first start says so.
///
/// ```
/// use std::sync::OnceLock;
///
/// static MODEL: OnceLock<Vec<u64>> = OnceLock::new();
///
/// fn load() {
///     MODEL.get_or_init(|| (0..1_000_000).collect());
/// }
///
/// polyproc::preload(load)?;
/// let process = polyproc::spawn(|index: usize| MODEL.get().map(|model| model[index]), 7)?;
/// assert_eq!(process.join()?, Some(7));
/// # Ok::<(), polyproc::Error>(())
/// ```
///
/// # Errors
/// [`PreloadError::AlreadyRunning`] once the fork server runs: preload before the first process
/// starts.
pub fn preload(function: fn()) -> Result<(), PreloadError> {
    match crate::call::encode_preload(function) {
        Some(call) => polyproc_process::set_preload(call),
        None => Err(PreloadError::NoImage),
    }
}

/// Takes over while the program is loaded, if its parent asks for that: a parent does so only when
/// its own `main` has not come to [`init`] (see `Stage` in the engine).
///
/// What runs before `main` runs without some of std's own start-up: the main thread has no name, a
/// stack overflow ends in a plain `SIGSEGV`, and the initialisers of other libraries may not have
/// run yet.
#[cfg(feature = "auto-init")]
#[expect(unsafe_code, reason = "the loader's table of initialisers")]
mod auto {
    extern "C" fn at_load() {
        super::take_over(&super::FRONT, super::Stage::Load);
    }

    // The loader calls each entry of this section once, as a C function; its arguments are not
    // needed.
    #[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
    #[used]
    static AT_LOAD: extern "C" fn() = at_load;
}
