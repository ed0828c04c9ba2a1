"""CPython's multiprocessing.Lock and Event, for the bench `sync`: prints one number.

lock N: nanoseconds of one acquire and release, without the loop around them.
contending N: acquisitions a microsecond of two processes together, N each.
event N: microseconds of one round trip between two processes.
"""

import multiprocessing
import sys
import time


def lock(steps):
    lock = multiprocessing.get_context("fork").Lock()
    acquire, release = lock.acquire, lock.release
    start = time.perf_counter_ns()
    for _ in range(steps):
        acquire()
        release()
    taken = time.perf_counter_ns() - start
    start = time.perf_counter_ns()
    for _ in range(steps):
        pass
    return (taken - (time.perf_counter_ns() - start)) / steps


def hammer(lock, steps):
    acquire, release = lock.acquire, lock.release
    for _ in range(steps):
        acquire()
        release()


def contending(steps):
    context = multiprocessing.get_context("fork")
    lock = context.Lock()
    both = [context.Process(target=hammer, args=(lock, steps)) for _ in range(2)]
    start = time.perf_counter_ns()
    for process in both:
        process.start()
    for process in both:
        process.join()
    return 2 * steps * 1000 / (time.perf_counter_ns() - start)


def answer(there, back, steps):
    for _ in range(steps):
        there.wait()
        there.clear()
        back.set()


def event(steps):
    context = multiprocessing.get_context("fork")
    there, back = context.Event(), context.Event()
    other = context.Process(target=answer, args=(there, back, steps))
    other.start()
    start = time.perf_counter_ns()
    for _ in range(steps):
        there.set()
        back.wait()
        back.clear()
    taken = time.perf_counter_ns() - start
    other.join()
    return taken / steps / 1000


print({"lock": lock, "contending": contending, "event": event}[sys.argv[1]](int(sys.argv[2])))
