//! What may go from process to process, and what the compiler says of anything else.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What can travel: everything that serde can write and read.
///
/// Nobody has to implement it: whatever has serde's traits has this one. Handles of shared objects have them,
/// and the objects themselves have not:
///
/// ```compile_fail,E0277
/// use polyproc::prelude::*;
/// polyproc::spawn(|total: Mutex<u64>| *total.lock().unwrap() += 1, Mutex::new(0));
/// ```
///
/// ```
/// use polyproc::prelude::*;
/// let total = Shared::new(Mutex::new(0_u64))?;
/// polyproc::spawn(|total: Shared<Mutex<u64>>| *total.lock().unwrap() += 1, total.clone())?.join()?;
/// assert_eq!(*total.lock()?, 1);
/// # Ok::<(), polyproc::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel to another process",
    label = "serde cannot write and read it, or a part of it",
    note = "a type of your own derives `serde::Serialize` and `serde::Deserialize`, and owns what it holds (`String`, not `&str`)",
    note = "an error without these is passed on as text, or by a `polyproc::Result`",
    note = "locks, events and atomics stay where they are: pass on a handle of one, `polyproc::Shared`"
)]
pub trait Item: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Item for T {}
