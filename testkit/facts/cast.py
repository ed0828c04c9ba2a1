"""A cast of processes with everything that is hard to say of a process."""

import ctypes
import os
import platform
import pty
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

PR_SET_PDEATHSIG = 1
CLONE_NEWNET = 0x40000000

# All that are on stage.
pids = []
# Those in another network namespace.
elsewhere = set()
# Faults of psutil that they bring to light.
provoked = {
    "thread name with a parenthesis: wrong times",
    "deleted file: left out",
    "Unix socket with a blank in its path: no path",
    "first thread ended: taken for a zombie",
}

_folder = None
_children = []
# What a role must not lose.
_kept = []


def start(command, **options):
    """Starts a process that is killed when this one ends, however that comes about."""
    tie = lambda: ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    process = subprocess.Popen(command, cwd=_folder, preexec_fn=tie, **options)
    _children.append(process)
    pids.append(process.pid)
    return process


def play(role, elsewhere=False):
    """Forks a process for a role (whoever it is to run as may not execute this interpreter), and
    waits until it says that it is ready."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if elsewhere:
                assert ctypes.CDLL(None).unshare(CLONE_NEWNET) == 0
            os.chdir(_folder)
            role(lambda: os.write(writer, b"ready"))
            signal.pause()
        finally:
            os._exit(1)
    os.close(writer)
    said = os.read(reader, 10)
    os.close(reader)
    assert said == b"ready", role.__name__
    _children.append(pid)
    pids.append(pid)
    return pid


def assemble():
    global _folder
    _folder = tempfile.mkdtemp(prefix="polyproc-cast-")
    for role in [files, sockets, threads, settings, headless]:
        play(role)
    strange = {**os.environ, b"STR\xffANGE": b"va\xfelue", "EMPTY": "", "EQ": "a=b"}
    start(["sleep", "1000"], env=strange)
    start(["sleep", "1000"])
    start([b"a\xffb c", "1000"], executable="sleep")
    program = shutil.copy(shutil.which("sleep"), os.path.join(_folder, "a-very-long-program-name"))
    start([program, "1000"])
    os.unlink(program)
    zombie = start(["true"])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    terminal()
    if os.geteuid() == 0:
        start(["sleep", "1000"], user=65534)
        elsewhere.add(play(far, elsewhere=True))
        provoked.add("another network namespace: no sockets")
    if os.path.exists("/proc/2/stat") and is_kernel_thread(2) and os.geteuid() == 0:
        provoked.add("kernel thread: NoSuchProcess for a process that is there")


def is_kernel_thread(pid):
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[6]) & 0x200000 != 0


def wait_for_name(pid, name):
    """Until it has executed its program."""
    while open(f"/proc/{pid}/comm").read().strip() != name:
        time.sleep(0.001)


def terminal():
    """A process with a terminal of its own."""
    pid, _controller = pty.fork()
    if pid == 0:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.execvp("sleep", ["sleep", "1000"])
    wait_for_name(pid, "sleep")
    pids.append(pid)
    _children.append(pid)


def dismiss():
    for child in _children:
        pid = child if isinstance(child, int) else child.pid
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    shutil.rmtree(_folder)


# --- The roles.


def files(ready):
    """Open in every way, deleted, and with a name that looks so."""
    kept = _kept
    kept += [open(f"mode {mode}", "w") for mode in "rwa"]
    kept += [open("mode r"), open("mode w", "r+"), open("mode a", "a"), open("mode a", "a+"), open("mode w", "w")]
    kept[3].seek(7)
    kept.append(open("deleted", "w"))
    os.unlink("deleted")
    kept.append(open("kept (deleted)", "w"))
    kept.append(open("/dev/null"))
    kept.append(os.memfd_create("nameless"))
    ready()


def sockets(ready):
    kept = _kept
    kept += [socket.socket() for _ in range(2)]
    kept[0].bind(("127.0.0.1", 0))
    kept[0].listen()
    kept[1].connect(kept[0].getsockname())
    kept += [kept[0].accept()[0], kept[0].dup(), socket.socket()]
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.connect(("127.0.0.1", 9))
    kept += [udp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM)]
    if socket.has_ipv6:
        try:
            kept.append(socket.socket(socket.AF_INET6))
            kept[-1].bind(("::1", 0))
            kept[-1].listen()
            kept.append(socket.socket(socket.AF_INET6))
            kept[-1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            kept[-1].connect(("::ffff:127.0.0.1", kept[0].getsockname()[1]))
            kept.append(kept[0].accept()[0])
        except OSError:
            pass  # Switched off on this machine.
    for name in ["plain", "with a blank", f"\0polyproc-cast-{os.getpid()}"]:
        kept.append(socket.socket(socket.AF_UNIX))
        kept[-1].bind(name)
        kept[-1].listen()
    kept.append(socket.socket(socket.AF_UNIX))
    kept[-1].connect("plain")
    kept += [*socket.socketpair(), kept[-1].dup(), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)]
    ready()


def far(ready):
    """Started in a network namespace of its own."""
    _kept.append(socket.socket())
    _kept[0].bind(("0.0.0.0", 0))
    _kept[0].listen()
    ready()


def threads(ready):
    """One whose name ends the search of a naive parser too early has used some time."""
    done = threading.Event()

    def work():
        with open(f"/proc/self/task/{threading.get_native_id()}/comm", "w") as comm:
            comm.write("ev) S 1 2 3 4")
        while time.thread_time() < 0.2:
            pass
        done.set()
        threading.Event().wait()

    threading.Thread(target=work, daemon=True).start()
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    done.wait()
    ready()


def settings(ready):
    """Everything that can be set is set."""
    os.nice(5)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.RLIM_INFINITY) if os.geteuid() == 0 else (0, 0))
    ioprio_set = {"x86_64": 251, "aarch64": 30}[platform.machine()]
    ctypes.CDLL(None).syscall(ioprio_set, 1, 0, 2 << 13 | 6)
    ready()


def headless(ready):
    """The first thread ends, another one goes on."""
    own = os.getpid()

    def stay():
        while True:
            with open(f"/proc/{own}/stat", "rb") as file:
                if file.read().rpartition(b")")[2].split()[0] == b"Z":
                    break
            time.sleep(0.001)
        ready()
        threading.Event().wait()

    threading.Thread(target=stay).start()
    leave = {"x86_64": 60, "aarch64": 93}[platform.machine()]
    ctypes.CDLL(None).syscall(leave, 0)

