//! 32 payloads of 8 MiB there and back: by value, in the forms that users have, and in shared buffers.

use crate::{against, done};
use polyproc::prelude::*;
use polyproc_bench::{Kind, Options, Row};

const COUNT: usize = 32;
const BYTES: usize = 8 << 20;
const PAGE: usize = 4096;

/// The bytes that are passed on, as each user has them: made one by one, when the pool asks for more.
pub(crate) fn rows(options: Options, pool: &Pool, peer: &procspawn::Pool) -> Vec<Row> {
    let bytes = vec![7_u8; BYTES];
    let numbers = vec![7.0_f64; BYTES / 8];
    let echo: fn(Vec<u8>) -> Vec<u8> = |bytes| bytes;
    let echo_numbers: fn(Vec<f64>) -> Vec<f64> = |numbers| numbers;
    let by_value = || {
        let items = (0..COUNT).map(|_| bytes.clone());
        let back: usize = pool.imap(echo, items).map(|bytes| done(bytes).len()).sum();
        assert_eq!(back, COUNT * BYTES);
    };
    let of_numbers = || {
        let items = (0..COUNT).map(|_| numbers.clone());
        let back: usize = pool.imap(echo_numbers, items).map(|bytes| done(bytes).len()).sum();
        assert_eq!(back, COUNT * BYTES / 8);
    };
    let shared = || {
        let items = (0..COUNT).map(|_| done(SharedArray::from_slice(&bytes)));
        for array in pool.imap(touch, items) {
            assert_eq!(done(done(array).lock())[BYTES - PAGE], 8);
        }
    };
    // One at a time: with several, its worker and its parent wait for each other for ever.
    let procspawn = || {
        let echo = || done(peer.spawn(bytes.clone(), echo).join()).len();
        let back: usize = (0..COUNT).map(|_| echo()).sum();
        assert_eq!(back, COUNT * BYTES);
    };
    let race = |workload| against(workload, Kind::Peer, "procspawn 1.0");
    vec![
        options.times(race("32 x 8 MiB there and back"), 5, by_value, procspawn),
        options.times(race("the same, as Vec<f64>"), 5, of_numbers, procspawn),
        options.times(race("the same, in shared buffers"), 5, shared, procspawn),
    ]
}

/// Changes every page where it lies.
fn touch(array: SharedArray<u8>) -> SharedArray<u8> {
    if let Ok(mut bytes) = array.lock() {
        bytes.iter_mut().step_by(PAGE).for_each(|byte| *byte += 1);
    }
    array
}
