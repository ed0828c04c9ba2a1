import sys
import time

import psutil

LIGHT = [
    "pid", "name", "exe", "cwd", "cmdline", "ppid", "status", "username", "create_time", "terminal",
    "cpu_times", "memory_info", "num_threads",
]
MOST = [*LIGHT, "open_files", "threads", "environ"]


def light():
    return [process.info for process in psutil.process_iter(LIGHT)]


def with_parents(attributes):
    rows = []
    for process in psutil.process_iter(attributes):
        try:
            parent = process.parent()
            name = parent and parent.name()
        except psutil.NoSuchProcess:
            name = None
        rows.append((process.info, name))
    return rows


def expert():
    return with_parents(MOST), psutil.net_connections("all")


def natural():
    return with_parents([*MOST, "net_connections"])


for line in sys.stdin:
    word, pid = line.split()
    if word == "connections":
        process = psutil.Process(int(pid))
        work = lambda: process.net_connections()
    else:
        work = {"light": light, "expert": expert, "natural": natural}[word]
    begin = time.process_time()
    work()
    print((time.process_time() - begin) * 1e3, flush=True)
