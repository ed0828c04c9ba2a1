//! Trial.
use polyproc_bench_ipc::play::{Shared, child, join, ping_pong};
use polyproc_channel::{Message, PipeEnd, Queue, Settings, Wait};
use polyproc_shm::Arena;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

fn race(name: &str, producers: usize, consumers: usize, each: u64, put: impl Fn(), get: impl Fn()) {
    let ready = Shared::new([const { AtomicU64::new(0) }; 2]).unwrap();
    let base = Instant::now();
    let end = Shared::new(AtomicU64::new(0)).unwrap();
    let wait = || {
        ready[0].fetch_add(1, Ordering::SeqCst);
        while ready[1].load(Ordering::SeqCst) == 0 {
            std::hint::spin_loop();
        }
    };
    let mut children = Vec::new();
    let total = each * producers as u64;
    for _ in 0..producers {
        children.push(
            child(|| {
                wait();
                for _ in 0..each {
                    put();
                }
            })
            .unwrap(),
        );
    }
    for _ in 0..consumers {
        children.push(
            child(|| {
                wait();
                for _ in 0..total / consumers as u64 {
                    get();
                }
                end.fetch_max(base.elapsed().as_nanos() as u64, Ordering::SeqCst);
            })
            .unwrap(),
        );
    }
    while ready[0].load(Ordering::SeqCst) != (producers + consumers) as u64 {
        std::thread::yield_now();
    }
    let start = base.elapsed().as_nanos() as u64;
    ready[1].store(1, Ordering::SeqCst);
    for c in &children {
        join(c).unwrap();
    }
    let t = end.load(Ordering::SeqCst) - start;
    println!("{name} {producers}:{consumers}  {:.3} M/s", total as f64 * 1e3 / t as f64);
}

fn main() {
    let only = std::env::args().nth(1);
    let arena = Arena::create().unwrap();
    for _ in 0..2 {
        for (size, each) in [(64usize, 2_000_000u64), (4096, 500_000)] {
            let bytes = vec![7u8; size];
            if only.is_some() && size != 64 {
                continue;
            }
            for (p, c) in [(1, 1), (2, 2), (4, 4)] {
                for s in [Settings::items(1024)] {
                    let q = Queue::new(&arena, s).unwrap();
                    race(
                        &format!("queue {size} {:?}", s.items),
                        p,
                        c,
                        each / p as u64,
                        || q.put(bytes.as_slice(), Wait::FOREVER).unwrap(),
                        || {
                            q.get(Wait::FOREVER).unwrap();
                        },
                    );
                }
            }
            let (r, w) = PipeEnd::one_way(&arena).unwrap();
            race(
                &format!("pipe {size}"),
                1,
                1,
                each,
                || w.send(bytes.as_slice(), Wait::FOREVER).unwrap(),
                || {
                    r.recv(Wait::FOREVER).unwrap();
                },
            );
        }
        if only.is_none() {
            let bytes = vec![7u8; 1 << 20];
            let (r, w) = PipeEnd::one_way(&arena).unwrap();
            race(
                "pipe 1M copied",
                1,
                1,
                20000,
                || w.send(bytes.as_slice(), Wait::FOREVER).unwrap(),
                || {
                    let _ = r.recv(Wait::FOREVER).unwrap().into_vec();
                },
            );
            race(
                "pipe 1M copied in, read in place",
                1,
                1,
                20000,
                || w.send(bytes.as_slice(), Wait::FOREVER).unwrap(),
                || {
                    let _ = r.recv(Wait::FOREVER).unwrap();
                },
            );
            race(
                "pipe 1M in place",
                1,
                1,
                20000,
                || {
                    let mut d = w.draft(1 << 20).unwrap();
                    d.fill(7);
                    w.send(d, Wait::FOREVER).unwrap()
                },
                || {
                    let _ = r.recv(Wait::FOREVER).unwrap();
                },
            );
            race(
                "pipe 1M in place not touched",
                1,
                1,
                20000,
                || {
                    let d = w.draft(1 << 20).unwrap();
                    w.send(d, Wait::FOREVER).unwrap()
                },
                || {
                    let _ = r.recv(Wait::FOREVER).unwrap();
                },
            );
        }
        let q = [
            Queue::new(&arena, Settings::UNBOUNDED).unwrap(),
            Queue::new(&arena, Settings::UNBOUNDED).unwrap(),
        ];
        let set = |side: usize| q[side].put(&[7u8; 64], Wait::FOREVER).unwrap();
        let get = |side: usize| {
            q[side].get(Wait::FOREVER).unwrap();
        };
        println!("queue rtt awake {:.3} us", ping_pong(200_000, set, get, false));
        println!("queue rtt asleep {:.3} us", ping_pong(2000, set, get, true));
        let (a, b) = PipeEnd::duplex(&arena).unwrap();
        let ends = [&a, &b];
        let set = |side: usize| ends[side].send(&[7u8; 64], Wait::FOREVER).unwrap();
        let get = |side: usize| {
            ends[1 - side].recv(Wait::FOREVER).unwrap();
        };
        println!("pipe rtt awake {:.3} us", ping_pong(200_000, set, get, false));
        println!("pipe rtt asleep {:.3} us", ping_pong(2000, set, get, true));
    }
}
