"""CPython's multiprocessing.Lock and Event, for the bench `sync`: prints one number.

lock N: nanoseconds of one acquire and release, without the loop around them.
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


print({"lock": lock, "event": event}[sys.argv[1]](int(sys.argv[2])))
