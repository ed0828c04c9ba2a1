"""Asks psutil and polyproc-info the same questions about this machine, and compares the answers.

    compare.py PROGRAM [--nobody]

PROGRAM is the `polyproc-facts` of this folder. Processes come and go meanwhile (a storm of forks is
made for it), so each question is put to psutil, to us, and to psutil again. Where psutil gives the
same answer twice, ours must be that; where it gives two, ours must lie between them, or the question
is put again, later and later: a machine with too much to do may take long for what is soon over. A
process that is none of ours may change with every look (another comparison, say, that reads its own
memory): what psutil never gives twice the same there is no failure, but counted. What psutil answers
wrongly stands in `without_faults`; a fault that the cast of processes provokes must be seen, so that
the list stays true.

With --nobody, all of it as a user who may see little.
"""

import atexit
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import types

import psutil

import cast

TRIES = 25
TICK = 1 / os.sysconf("SC_CLK_TCK")
PR_SET_DUMPABLE = 4
# Numbers that lie between two others that were asked for before and after: most of them only grow.
GROWING = {
    "cpu_times", "io_counters", "num_ctx_switches", "cpu_times_each", "cpu_stats", "disk_io",
    "disk_io_total", "net_io", "net_io_total", "threads", "num_fds", "num_threads",
}
# What may have any value from one moment to the next: somewhere near is right.
VOLATILE = {
    "memory_info": 1 << 28, "memory_full_info": 1 << 28, "memory_maps": 1 << 28, "virtual_memory": 1 << 30, "swap_memory": 1 << 28,
    "disk_usage": 1 << 30, "load": 100, "memory_percent": 5, "mapped_files": 1 << 28, "cpu_freq": 1e4,
    "cpu_freq_mean": 1e4,
}
# What is right when it is either of psutil's two answers.
EITHER = {"status", "cpu_num"}


class Ours:
    """The program that answers for us."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, question):
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def hexed(text):
    return os.fsencode(text).hex()


def plain(text):
    return os.fsdecode(bytes.fromhex(text))


def answer(question):
    """What psutil says, or the name of its exception: of one that it should have caught, too, which a
    process that changes meanwhile may bring about."""
    try:
        return question()
    except (psutil.Error, OSError, ValueError, IndexError, NotImplementedError) as error:
        return {"error": type(error).__name__}


def tries():
    """Goes on for ten seconds in all, with longer and longer pauses."""
    for number in range(TRIES):
        time.sleep(0.002 * number**2)
        yield number


def address(value):
    if isinstance(value, tuple):
        return list(value)
    return hexed(value) if value else []


def connection(row, pid=None):
    return [row.fd, int(row.family), int(row.type), address(row.laddr), address(row.raddr), row.status, pid]


def terminal(process):
    """Its terminal, also one that was opened since psutil looked which there are: it looks once."""
    psutil._psposix.get_terminal_map.cache_clear()
    return (lambda path: path and hexed(path))(process.terminal())


def questions_about(pid):
    """psutil's answers about a process, in the form of ours."""
    process = psutil.Process(pid)
    listed = lambda all: [list(one) for one in all]
    paths = lambda path: hexed(path)
    limits = lambda: [list(process.rlimit(number)) for number in range(16)]
    maps = lambda: [[m.addr, m.perms, hexed(m.path), list(m[3:])] for m in process.memory_maps(grouped=False)]
    mapped = lambda: sorted([hexed(m.path), list(m[1:])] for m in process.memory_maps())
    files = lambda: sorted(
        [hexed(f.path), f.fd, f.position, f.mode, f.flags] for f in process.open_files())
    return {
        "name": lambda: hexed(process.name()),
        "ppid": process.ppid,
        "status": process.status,
        "create_time": lambda: round(process.create_time(), 2),
        "cpu_times": lambda: list(process.cpu_times()),
        "cpu_num": process.cpu_num,
        "nice": process.nice,
        "num_threads": process.num_threads,
        "username": lambda: hexed(process.username()),
        "uids": lambda: list(process.uids()),
        "gids": lambda: list(process.gids()),
        "terminal": lambda: terminal(process),
        "exe": lambda: paths(process.exe()),
        "cwd": lambda: paths(process.cwd()),
        "cmdline": lambda: [hexed(word) for word in process.cmdline()],
        "environ": lambda: sorted([hexed(k), hexed(v)] for k, v in process.environ().items()),
        "cpu_affinity": process.cpu_affinity,
        "num_ctx_switches": lambda: list(process.num_ctx_switches()),
        "num_fds": process.num_fds,
        "memory_info": lambda: list(process.memory_info()),
        "memory_full_info": lambda: list(process.memory_full_info()[-3:]),
        "memory_maps": maps,
        "mapped_files": mapped,
        "memory_percent": process.memory_percent,
        "io_counters": lambda: list(process.io_counters()),
        "threads": lambda: sorted(listed(process.threads())),
        "open_files": files,
        "net_connections": lambda: [connection(row) for row in process.net_connections("all")],
        "inet": lambda: [connection(row) for row in process.net_connections("inet")],
        "ionice": lambda: [int(value) for value in process.ionice()],
        "rlimit": limits,
        "parent": lambda: (lambda parent: parent and parent.pid)(process.parent()),
        "parents": lambda: [one.pid for one in process.parents()],
        "children": lambda: [one.pid for one in process.children()],
        "descendants": lambda: sorted(one.pid for one in process.children(recursive=True)),
        "is_running": process.is_running,
    }


def flat(value):
    """All numbers in a value, with everything else as its frame."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return [value], "#"
    if isinstance(value, (list, tuple)):
        parts = [flat(part) for part in value]
        return [n for numbers, _ in parts for n in numbers], [frame for _, frame in parts]
    if isinstance(value, dict):
        return flat(sorted(value.items()))
    return [], value


def between(low, ours, high, slack):
    (one, frame), (two, ours_frame), (three, last) = flat(low), flat(ours), flat(high)
    if not frame == ours_frame == last:
        return False
    return all(min(a, c) - slack <= b <= max(a, c) + slack for a, b, c in zip(one, two, three))


def agrees(name, before, ours, after):
    """True, False, or None for "ask again"."""
    if isinstance(ours, dict) and "error" in ours and ours in (before, after):
        return True
    if name in ("children", "descendants") and isinstance(ours, list):
        # psutil looks at them one by one, and most of a storm has gone by then.
        extra = set(ours) - set(before) - set(after)
        return set(before) & set(after) <= set(ours) and not any(map(psutil.pid_exists, extra))
    slack = VOLATILE.get(name, 0)
    if name in EITHER and ours in (before, after):
        return True
    # psutil's floats come from other divisions than ours.
    if (name in GROWING or name in VOLATILE or before == after) and between(before, ours, after, slack or 1e-6):
        return True
    return False if before == after else None


# --- What psutil answers wrongly: each with a rule for what it gets wrong, and what we expect then.

seen_faults = set()


def fault(name):
    seen_faults.add(name)
    return True


def is_idle_alike(ours, theirs):
    """Whether both say of a process with one thread that this has used no time. The kernel rounds the
    times of process and thread apart: one of them may have a tick of each kind that the other has not,
    and who is idle keeps it."""
    if not isinstance(theirs, list) or len(ours) != 1 or len(theirs) != 1:
        return False
    (our_id, *our_times), (their_id, *their_times) = ours[0], theirs[0]
    return our_id == their_id and our_times == [0, 0] and max(their_times) <= TICK


def is_kernel_thread(ours):
    return ours.get("kernel_thread")


def without_faults(name, theirs, ours, all_of_ours):
    """Our answer, made comparable to psutil's: what it has wrong or leaves out is taken away."""
    error = theirs.get("error") if isinstance(theirs, dict) else None
    if is_kernel_thread(all_of_ours) and error == "NoSuchProcess" and ours in ([], [0, 0, 0]):
        return fault("kernel thread: NoSuchProcess for a process that is there") and theirs
    if is_kernel_thread(all_of_ours) and error == "AccessDenied" and ours in ([], "", [0, 0, 0]):
        return fault("kernel thread: no permission for what it cannot have") and theirs
    if name == "exe" and isinstance(theirs, str) and ours == {"error": "AccessDenied"}:
        return fault("program file that may not be seen: guessed from the command line") and theirs
    if all_of_ours.get("lost_leader") and (error in ("ZombieProcess", "AccessDenied") or theirs in ([], 0, [0, 0, 0], "")):
        return fault("first thread ended: taken for a zombie") and theirs
    if isinstance(ours, dict) and ours.get("error") == "ZombieProcess":
        # Of what it does not have any more psutil says now this, now that.
        if error == "AccessDenied" or theirs in ("", [], [0, 0, 0]):
            return theirs
    if name == "num_fds" and all_of_ours["pid"] == os.getpid() and theirs == ours + 1:
        return fault("own descriptors: counts the one that it counts with") and theirs
    if name == "rlimit" and error == "AccessDenied" and isinstance(ours, list):
        return fault("limits that anybody may read: no permission") and theirs
    if name == "threads" and isinstance(ours, list):
        if any(")" in plain(thread[3]) for thread in ours):
            wrong = isinstance(theirs, list) and sorted(thread[:3] for thread in ours) != theirs
            return fault("thread name with a parenthesis: wrong times") and theirs if wrong else theirs
        own = sorted(thread[:3] for thread in ours)
        return theirs if is_idle_alike(own, theirs) else own
    if name == "open_files" and isinstance(ours, list):
        known = [row[:5] for row in ours if not (row[5] and fault("deleted file: left out"))]
        return sorted(row for row in known if os.path.isfile(plain(row[0])))
    if name == "memory_maps" and isinstance(ours, list):
        return [[a, p, hexed(map_path(plain(path))), n] for a, p, path, n in ours]
    if name == "mapped_files" and isinstance(ours, list):
        return sorted([hexed(map_path(plain(path))), n] for path, n in ours)
    if name in ("net_connections", "inet") and isinstance(ours, list) and isinstance(theirs, list):
        return comparable_connections(ours, theirs, all_of_ours)
    return ours


def map_path(path):
    path = path.strip()
    if path.endswith(" (deleted)") and not os.path.exists(path):
        path = path[:-10]
    return path or "[anon]"


def comparable_connections(ours, theirs, all_of_ours):
    """psutil has a Unix socket once for each copy of its descriptor, without state or other end."""
    rows = []
    unix_rows = {row[0]: row for row in theirs if row[1] == socket.AF_UNIX}
    for fd, family, kind, local, remote, state, _pid, inode in ours:
        if family != socket.AF_UNIX:
            rows.append([fd, family, kind, local, remote, state, None])
            continue
        name = bytes.fromhex(local).replace(b"\0", b"@") if local else b""
        if b" " in name and unix_rows.get(fd, [None] * 4)[3] == []:
            fault("Unix socket with a blank in its path: no path")
            name = b""
        local = name.hex() if name else []
        for copy in unix_rows:
            if copy == fd or link_inode(all_of_ours["pid"], copy) == inode:
                rows.append([copy, family, kind, local, [], "NONE", None])
    if all_of_ours["pid"] in cast.elsewhere and rows and not theirs:
        return fault("another network namespace: no sockets") and theirs
    key = lambda row: json.dumps(row)
    theirs.sort(key=key)
    return sorted(rows, key=key)


def link_inode(pid, fd):
    try:
        return int(os.readlink(f"/proc/{pid}/fd/{fd}").strip("socket:[]"))
    except (OSError, ValueError):
        return None


# --- Comparing.

failures = []
counted = {"processes": 0, "values": 0, "gone": 0, "restless": 0}


def compare_process(ours, pid, must_live):
    """Every attribute of one process."""
    open_names, mismatch = None, {}
    for _ in tries():
        try:
            # Anew each time: psutil keeps some of what it has read, also when another program is executed.
            questions = questions_about(pid)
        except psutil.Error:
            # It has gone, or may not be seen at all.
            assert not must_live, f"process {pid} of the cast has gone"
            counted["gone"] += 1
            return
        if open_names is None:
            open_names = set(questions)
            if pid == os.getpid():
                # It runs when it asks psutil, and waits when it asks us; and what psutil reads into is mapped then.
                open_names -= {"status", "memory_maps", "mapped_files"}
        before = {name: answer(questions[name]) for name in open_names}
        said = ours.ask(f"process {pid}")
        after = {name: answer(questions[name]) for name in open_names}
        if said.get("error") == "NoSuchProcess" or not psutil.pid_exists(pid):
            assert not must_live, f"process {pid} of the cast has gone"
            counted["gone"] += 1
            return
        if "error" in said:
            failures.append(f"{pid}: {said}")
            return
        said["pid"] = pid
        said["create_time"] = round(said["create_time"], 2)
        said["descendants"] = sorted(said["descendants"])
        for name in sorted(open_names):
            one, two = before[name], after[name]
            value = without_faults(name, two, said[name], said)
            if agrees(name, one, value, two) or agrees(name, one, without_faults(name, one, said[name], said), two):
                open_names.discard(name)
                mismatch.pop(name, None)
                counted["values"] += 1
            else:
                mismatch[name] = (one, value, two)
        if not open_names:
            break
    counted["processes"] += 1
    for name, (one, value, two) in mismatch.items():
        if one != two and not must_live:
            counted["restless"] += 1
            continue
        failures.append(f"{pid} {name}: psutil {short(one)} then {short(two)}, we {short(value)}")


def short(value):
    text = json.dumps(value)
    return text if len(text) < 300 else text[:300] + "…"


def by_nic(all):
    return sorted([hexed(name), list(values)] for name, values in all.items())


def interface_addresses():
    rows = []
    for nic, all in psutil.net_if_addrs().items():
        for one in all:
            rows.append([hexed(nic), int(one.family), one.address, one.netmask, one.broadcast, one.ptp])
    return sorted(rows, key=json.dumps)


def our_addresses(said):
    def show(value, scope, nic):
        if not value:
            return None
        if isinstance(value, str):
            return ":".join(value[at:at + 2] for at in range(0, len(value), 2))
        return value[0] + (f"%{plain(nic)}" if scope else "")

    rows = []
    for nic, family, own, mask, broadcast, peer, scope in said:
        rows.append([nic, family, show(own, scope, nic), show(mask, 0, nic), show(broadcast, 0, nic), show(peer, 0, nic)])
    return sorted(rows, key=json.dumps)


def interface_states():
    rows = []
    for nic, one in psutil.net_if_stats().items():
        rows.append([hexed(nic), one.isup, int(one.duplex), one.speed, one.mtu, sorted(one.flags.split(","))])
    return sorted(rows)


def partitions(all):
    rows = psutil.disk_partitions(all=all)
    return [[hexed(p.device), hexed(p.mountpoint), hexed(p.fstype), hexed(p.opts)] for p in rows]


SYSTEM = {
    "cpu_count": lambda: [psutil.cpu_count(), psutil.cpu_count(logical=False)],
    "cpu_times": lambda: list(psutil.cpu_times()),
    "cpu_times_each": lambda: [list(one) for one in psutil.cpu_times(percpu=True)],
    "cpu_stats": lambda: list(psutil.cpu_stats()[:3]),
    "cpu_freq": lambda: [list(one) for one in psutil.cpu_freq(percpu=True)],
    "cpu_freq_mean": lambda: psutil.cpu_freq() and list(psutil.cpu_freq()),
    "load": lambda: list(psutil.getloadavg()),
    "boot_time": psutil.boot_time,
    "virtual_memory": lambda: list(psutil.virtual_memory()),
    "swap_memory": lambda: list(psutil.swap_memory()),
    "disk_usage": lambda: list(psutil.disk_usage("/")),
    "disk_partitions": lambda: partitions(False),
    "disk_partitions_all": lambda: partitions(True),
    "disk_io": lambda: by_nic(psutil.disk_io_counters(perdisk=True, nowrap=False)),
    "disk_io_total": lambda: list(psutil.disk_io_counters(nowrap=False)),
    "net_io": lambda: by_nic(psutil.net_io_counters(pernic=True, nowrap=False)),
    "net_io_total": lambda: list(psutil.net_io_counters(nowrap=False)),
    "net_if_addrs": interface_addresses,
    "net_if_stats": interface_states,
    "users": lambda: [[hexed(u.name), u.terminal and hexed(u.terminal), hexed(u.host), u.started, u.pid] for u in psutil.users()],
    "temperatures": lambda: sum(len(all) for all in psutil.sensors_temperatures().values()),
    "fans": lambda: sum(len(all) for all in psutil.sensors_fans().values()),
    "battery": lambda: (lambda battery: battery and battery.percent)(psutil.sensors_battery()),
}


def compare_system(ours):
    GROWING.add("cpu_times")
    for name, question in SYSTEM.items():
        result = None
        for _ in tries():
            before = answer(question)
            said = ours.ask("system")[name]
            after = answer(question)
            if name == "net_if_addrs":
                said = our_addresses(said)
            if name == "net_if_stats":
                said = sorted([*row[:5], sorted(row[5])] for row in said)
            if name in ("disk_io", "net_io"):
                said = sorted(said)
            result = agrees(name, before, said, after)
            if result:
                counted["values"] += 1
                break
        if not result:
            failures.append(f"{name}: psutil {short(before)} then {short(after)}, we {short(said)}")


def compare_rising(ours):
    """psutil's `nowrap`, on made-up counters: they grow, go once round, vanish and come back."""
    looks = [
        {"one": 4294967290, "two": 5}, {"one": 7, "two": 6}, {"one": 9, "two": 2},
        {"one": 10, "two": 2, "three": 1}, {"two": 3, "three": 1}, {"one": 4, "two": 3, "three": 0},
    ]
    cast.provoked.add(AWAY)
    reached, usual = {}, psutil.PROCFS_PATH
    with tempfile.TemporaryDirectory(prefix="polyproc-rising-") as root:
        os.makedirs(f"{root}/proc/net")
        psutil.PROCFS_PATH = f"{root}/proc"
        forget()
        for look in looks:
            make_up_counters(root, look)
            said = ours.ask(f"rising {root}")
            total, interfaces = said["net_io"]
            risen(reached, by_nic(psutil.disk_io_counters(perdisk=True)), said["disk_io"], "disk_io")
            risen(reached, by_nic(psutil.net_io_counters(pernic=True)), interfaces, "net_io")
            risen(reached, [["all", list(psutil.net_io_counters())]], [["all", total]], "net_io_total")
    psutil.PROCFS_PATH = usual
    forget()


AWAY = "device that was away: its counters, and those of all together, go down"


def forget():
    psutil.disk_io_counters.cache_clear()
    psutil.net_io_counters.cache_clear()


def make_up_counters(root, look):
    with open(f"{root}/proc/diskstats", "w") as disks:
        disks.writelines(f" 8 0 {name}{f' {number}' * 11}\n" for name, number in look.items())
    with open(f"{root}/proc/net/dev", "w") as interfaces:
        interfaces.writelines(["Inter-|\n", " face |\n"])
        interfaces.writelines(f" {name}:{f' {number}' * 16}\n" for name, number in look.items())


def risen(reached, theirs, ours, kind):
    """Ours never go down, and are psutil's wherever those do not either."""
    theirs = dict(theirs)
    for name, numbers in ours:
        before = reached.get((kind, name), numbers)
        goes_down = lambda now: any(one < then for one, then in zip(now, before))
        said = theirs.pop(name)
        agreed = said == numbers or (goes_down(said) and fault(AWAY))
        if goes_down(numbers) or not agreed:
            failures.append(f"{kind} {name}: was {before}, psutil {said}, we {numbers}")
        reached[kind, name] = numbers
        counted["values"] += 1
    if theirs:
        failures.append(f"{kind}: {sorted(theirs)} are missing")


def compare_pids(ours):
    before, said, after = set(psutil.pids()), set(ours.ask("pids")), set(psutil.pids())
    if not before & after <= said <= before | after | said:
        failures.append(f"pids: {sorted(before & after - said)} are missing")
    for pid in sorted(before & after)[:40]:
        if not ours.ask(f"exists {pid}") and psutil.pid_exists(pid):
            failures.append(f"process {pid} exists")
    thread = max(t.id for pid in cast.pids for t in psutil.Process(pid).threads() if t.id != pid)
    if ours.ask(f"exists {thread}") or psutil.pid_exists(thread):
        failures.append("a thread is no process")


def compare_connections(ours):
    """System-wide: what psutil finds (with an owner, as far as it knows one) we find, too."""
    for kind in ["inet", "inet4", "inet6", "tcp", "tcp4", "tcp6", "udp", "udp4", "udp6", "all"]:
        for _ in tries():
            rows = lambda: {
                json.dumps(connection(row, row.pid)) for row in psutil.net_connections(kind)
                if row.family != socket.AF_UNIX and row.status != "TIME_WAIT"}
            before, said, after = rows(), ours.ask(f"connections {kind}"), rows()
            found = {json.dumps(row[:7]) for row in said}
            missing = (before & after) - found
            strange = {json.dumps(row[:7]) for row in said if row[1] != socket.AF_UNIX and row[5] != "TIME_WAIT"}
            # A socket of several processes: psutil names only one of them.
            strange = {row for row in strange - (before | after) if json.loads(row)[6] in before_pids(before | after)}
            if not missing:
                break
        counted["values"] += len(before)
        if missing:
            failures.append(f"connections {kind}: {sorted(missing)[:5]} are missing")


def before_pids(rows):
    return {json.loads(row)[6] for row in rows}


def compare_names():
    """Every public name of psutil stands in the table of names."""
    page = os.path.join(os.path.dirname(__file__), "../../os/info/src/psutil.rs")
    rows = [line.split("|")[1] for line in open(page) if line.startswith("//! | `")]
    known = set(re.findall("`([^`]+)`", " ".join(rows)))
    public = lambda thing: {name for name in dir(thing) if not name.startswith("_")}
    names = {name for name in public(psutil) if not isinstance(getattr(psutil, name), types.ModuleType)}
    # For its own use.
    names.discard("debug")
    names |= {f"Process.{name}" for name in public(psutil.Process)}
    if names != known:
        failures.append(f"names: {sorted(names - known)} are not in the table, {sorted(known - names)} not in psutil")
    counted["values"] += len(names)


def storm():
    """A process that starts processes as fast as it can, until it is killed."""
    wind = os.fork()
    if wind == 0:
        ctypes.CDLL(None).prctl(cast.PR_SET_PDEATHSIG, signal.SIGKILL)
    while wind == 0:
        for child in [subprocess.Popen(["true"]) for _ in range(10)]:
            child.wait()
    return wind


def main(program, *flags):
    if "--nobody" in flags:
        # A copy that anybody may execute.
        folder = tempfile.mkdtemp(prefix="polyproc-compare-")
        os.chmod(folder, 0o755)
        program = shutil.copy(program, folder)
        os.chown(folder, 65534, 65534)
        atexit.register(shutil.rmtree, folder)
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        # Who changes the user cannot be looked into any more, and neither can the cast that it forks.
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1)
    cast.assemble()
    ours = Ours(program)
    wind = storm()
    try:
        for pid in cast.pids:
            compare_process(ours, pid, must_live=True)
        for pid in psutil.pids():
            if pid not in cast.pids and pid not in (ours.process.pid, wind):
                compare_process(ours, pid, must_live=False)
        compare_system(ours)
        compare_rising(ours)
        compare_names()
        compare_pids(ours)
        compare_connections(ours)
    finally:
        os.kill(wind, signal.SIGKILL)
        os.waitpid(wind, 0)
        cast.dismiss()
    missing = cast.provoked - seen_faults
    if missing:
        failures.append(f"faults of psutil that were not seen: {sorted(missing)}; is the list still true?")
    print(f"{counted['values']} values of {counted['processes']} processes and the system agree;", end=" ")
    print(f"{counted['gone']} processes went away, {counted['restless']} values changed with every look; faults of psutil {psutil.__version__} seen:")
    for name in sorted(seen_faults):
        print(f"  {name}")
    if failures:
        print(f"{len(failures)} DIFFER:")
        for line in failures[:50]:
            print(f"  {line}")
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
