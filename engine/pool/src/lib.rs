//! Scheduling tasks over worker processes. Bytes in, bytes out.

mod dispatch;
mod ring;
