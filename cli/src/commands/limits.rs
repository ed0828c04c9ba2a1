//! What control groups allow: this program (and so its container), or another process.

use crate::report::{Body, fact};
use crate::value::Value;
use polyproc_info::{CgroupLimits, Result};

/// There is always something to say, if only that there is no limit.
pub(super) fn body(limits: Result<CgroupLimits>) -> Body {
    let limits = match limits {
        Ok(limits) => limits,
        Err(error) => return Body::Unknown(error.to_string()),
    };
    let most = |most: Option<u64>, make: fn(u64) -> Value| most.map_or(Value::Unlimited, make);
    let now = |now: Option<u64>, make: fn(u64) -> Value| Value::maybe(now, make);
    let processors = limits.processors.map_or(Value::Unlimited, Value::Ratio);
    Body::Facts(vec![
        fact("processors", "processors", processors),
        fact("memory", "memory", most(limits.memory, Value::Bytes)),
        fact("memory_used", "memory used", now(limits.memory_used, Value::Bytes)),
        fact("swap", "swap", most(limits.swap, Value::Bytes)),
        fact("processes", "processes and threads", most(limits.processes, Value::number)),
        fact("processes_now", "of these there are", now(limits.processes_now, Value::number)),
    ])
}
