"""Started by the grader as a script, once: loads PyTorch, and forks a process for each submission.

    python -I -B warden.py SOCKET

A line of standard input has the sources of the grader's code for this side. Over the socket come four descriptors for
each submission: its requests, its replies, a report, and a pipe that stays open as long as the grader wants it to live.

The forked process makes the sandbox, forks once more, and watches over the process inside. When that has ended, all it
left behind is killed, and how it ended is reported, a line of JSON.

With namespaces, the process inside sees a file system of its own: Python and its packages, read-only, an empty /tmp,
and nothing else. It has no network. It runs as no one in particular where the grader is root. The submission's process
inherits PyTorch loaded and nothing that is secret.
"""

import ctypes
import importlib.abc
import importlib.util
import json
import os
import resource
import select
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
NEW_USER, NEW_PROCESSES = 0x10000000, 0x20000000
NEW_MOUNTS_NETWORK_AND_NAMES = 0x00020000 | 0x40000000 | 0x08000000 | 0x04000000
READ_ONLY, NO_SUID, NO_DEV, NO_EXEC, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
STATVFS_TO_MOUNT = {2: 2, 4: 4, 8: 8, 1024: 1024, 2048: 2048, 4096: 1 << 21}
DETACH = 2
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
SET_DEATH_SIGNAL, SET_DUMPABLE, SET_SUBREAPER, NO_NEW_PRIVILEGES = 1, 4, 36, 38
DEVICES = ("null", "zero", "random", "urandom")
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/alternatives")
FIRST_UID, UIDS = 60_000, 5_000  # a submission's uid where the grader is root: one that no account has
SPACE = 64 << 20  # bytes in /tmp, and in any one file
FILES = 1_000
MOST_PROCESSES = 32
MOST_OPEN_FILES = 256
PAUSE_S = 0.1
AWAITED = {signal.SIGCHLD, signal.SIGTERM}
INFRA = 70
MODULES = (
    "numpy",
    "torch",
    "labutils.checks.transport",
    "labutils.grading.child.serve",
    *(f"labutils.grading.child.{name}" for name in ("standin", "wire")),
)


class Impossible(Exception):
    """The sandbox can't be made here. The message says why."""


def main() -> None:
    """Load what every submission needs, and fork for each one."""
    loaded = json.loads(sys.stdin.buffer.readline())
    sys.path += [place for place in loaded["packages"] if place not in sys.path]
    sys.meta_path.insert(0, Sources(loaded["sources"]))
    for name in MODULES:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    nursery = os.getpid()
    with socket.socket(fileno=int(sys.argv[1])) as grader:
        while True:
            said, descriptors, _, _ = socket.recv_fds(grader, 1, 4)
            if not said:
                return
            if not os.fork():
                grader.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.setsid()
                for number, descriptor in enumerate(descriptors[:3]):
                    os.dup2(descriptor, number)
                    os.close(descriptor)
                _one(nursery, descriptors[3])
            for descriptor in descriptors:
                os.close(descriptor)


def _one(nursery: int, lifeline: int) -> None:
    """Make the sandbox for one submission, run its process, and report how it ended. Does not return."""
    settings = json.loads(_first_line())
    settings["uid"] = FIRST_UID + os.getpid() % UIDS if os.getuid() == 0 else os.getuid()
    settings["lifeline"] = lifeline
    signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)  # from here on, who is ended still removes the folder
    try:
        _die_with_parent(signal.SIGTERM, nursery)
        Path(settings["folder"]).mkdir(mode=0o700)
        if settings["namespaces"]:
            _enter_namespaces(settings)
        else:
            _prctl(SET_SUBREAPER, 1)
            if os.getuid() == 0:
                os.chown(settings["folder"], settings["uid"], settings["uid"])
        os.chdir(settings["folder"])
        report = _watch(settings)
        if not settings["namespaces"]:
            shutil.rmtree(settings["folder"], ignore_errors=True)
    except (Impossible, OSError) as error:
        report = {"impossible": str(error)}
    with suppress(OSError):
        os.write(2, json.dumps(report).encode() + b"\n")
    os._exit(INFRA if "impossible" in report else 0)


def _first_line() -> bytes:
    """The first line of standard input, and not one byte more."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            os._exit(INFRA)
        line += byte
    return line


# The process inside


def _watch(settings: dict[str, Any]) -> dict[str, Any]:
    """Run the process inside until it ends or breaks a limit. Kill what it left, and return how it ended."""
    end = time.monotonic() + settings["lifetime"]
    inside = os.fork()
    if not inside:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, AWAITED)
        _become_inside(settings)
    os.close(0)
    os.close(1)
    report: dict[str, Any] = {}
    while not report:
        happened = signal.sigtimedwait(AWAITED, PAUSE_S)
        report = _reap(inside)
        if report:
            break
        if sum(_used(pid) for pid in _descendants()) > settings["memory"]:
            report = {"memory": True}
        elif time.monotonic() > end or _closed(settings["lifeline"]) or _is_end(happened):
            report = {"stopped": True}
    _kill_descendants()
    return report


def _closed(lifeline: int) -> bool:
    return bool(select.select([lifeline], [], [], 0)[0])


def _is_end(happened: signal.struct_siginfo | None) -> bool:
    return happened is not None and happened.si_signo == signal.SIGTERM


def _reap(inside: int) -> dict[str, Any]:
    """How the process inside ended, or nothing if it runs. Other children that ended are forgotten."""
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return {}
            if pid == inside:
                return {"code": os.waitstatus_to_exitcode(status)}
    return {}


def _descendants() -> Iterator[int]:
    """All processes that come from this one. In a namespace, these are all others."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(folder.name))
    waiting = parents.get(os.getpid(), [])
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += parents.get(pid, [])


def _used(pid: int) -> int:
    """Bytes of memory that the process holds beyond files."""
    used = 0
    with suppress(OSError, IndexError):
        for line in Path(f"/proc/{pid}/status").read_bytes().splitlines():
            if line.startswith((b"RssAnon:", b"RssShmem:")):
                used += int(line.split()[1]) << 10
    return used


def _kill_descendants() -> None:
    for _ in range(100):
        found = list(_descendants())
        for pid in found:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not found:
            return
        time.sleep(PAUSE_S / 20)


def _become_inside(settings: dict[str, Any]) -> None:
    """Take on the limits, load the rest of the grader's code for this side, and serve. Does not return."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        os.close(settings["lifeline"])
        os.setsid()
        _take_on_limits(settings)
        _drop_privileges(settings)
        _die_with_parent(signal.SIGKILL)
        environment = {
            "HOME": settings["folder"],
            "TMPDIR": settings["folder"],
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
        }
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        os.environ.clear()
        os.environ.update(environment | threads | {"MPLBACKEND": "agg", "USER": "student"})
        for needed in (os.__file__, sys.modules["torch"].__file__):
            if needed and not os.access(needed, os.R_OK):
                raise Impossible(f"the submission's user can't read {needed}")
        serve = importlib.import_module("labutils.grading.child.serve")
        serve.main(settings["largest"])
    except BaseException as error:
        why = str(error) if isinstance(error, Impossible) else f"{type(error).__name__}: {error}"
        os.write(2, json.dumps({"impossible": why}).encode() + b"\n")
    os._exit(INFRA)


def _take_on_limits(settings: dict[str, Any]) -> None:
    lifetime = int(settings["lifetime"])
    limits = {
        resource.RLIMIT_CPU: lifetime,
        resource.RLIMIT_AS: settings["memory"],
        resource.RLIMIT_FSIZE: SPACE,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: MOST_OPEN_FILES,
        resource.RLIMIT_NPROC: MOST_PROCESSES + (0 if settings["namespaces"] else _tasks_of_user()),
    }
    for limit, value in limits.items():
        with suppress(OSError, ValueError):  # a platform that has it not, or has it lower already
            resource.setrlimit(limit, (value, value))


def _tasks_of_user() -> int:
    """Threads that this user runs already: the limit counts them too."""
    if not os.getuid() or sys.platform != "linux":
        return 0
    count = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if folder.stat().st_uid == os.getuid():
                count += sum(1 for _ in (folder / "task").iterdir())
    return count


def _drop_privileges(settings: dict[str, Any]) -> None:
    if os.getuid() == 0:
        uid = settings["uid"]
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    if sys.platform == "linux":
        _prctl(NO_NEW_PRIVILEGES, 1)
        _drop_capabilities()


def _drop_capabilities() -> None:
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    empty = (ctypes.c_uint32 * 6)()
    if LIBC.capset(header, empty):
        raise Impossible("capabilities can't be dropped")


class Sources(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports modules whose source text is given: the files themselves are out of reach by now."""

    def __init__(self, sources: dict[str, str]) -> None:
        self.sources = sources

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's specification, if its source is here."""
        if name not in self.sources:
            return None
        package = any(other.startswith(f"{name}.") for other in self.sources)
        return importlib.util.spec_from_loader(name, self, is_package=package)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's source."""
        name = module.__name__
        module.__file__ = f"/{name.replace('.', '/')}{'/__init__' if hasattr(module, '__path__') else ''}.py"
        exec(compile(self.sources[name], module.__file__, "exec"), vars(module))


# Namespaces


def _enter_namespaces(settings: dict[str, Any]) -> None:
    """Go on as the first process of new namespaces, in a new file system. The old process waits for it, and ends."""
    uid, gid = os.getuid(), os.getgid()
    _unshare(NEW_PROCESSES if uid == 0 else NEW_USER | NEW_PROCESSES)
    if uid:
        Path("/proc/self/setgroups").write_text("deny", encoding="utf-8")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="utf-8")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="utf-8")
    first = os.fork()
    if first:
        for descriptor in (0, 1, settings["lifeline"]):  # the report stays open until the folder is gone
            os.close(descriptor)
        while not os.waitpid(first, os.WNOHANG)[0]:
            if signal.sigwait(AWAITED) == signal.SIGTERM:
                os.kill(first, signal.SIGKILL)
        shutil.rmtree(settings["folder"], ignore_errors=True)
        os._exit(0)
    _die_with_parent(signal.SIGKILL)
    _prctl(SET_DUMPABLE, 0)
    os.umask(0o022)  # what is built here is the submission's to read, whatever the grader's own is
    _unshare(NEW_MOUNTS_NETWORK_AND_NAMES)
    _build_root(Path(settings["folder"]), settings)
    settings["folder"] = "/tmp"


def _build_root(root: Path, settings: dict[str, Any]) -> None:
    """A new root at the empty folder ``root``, with what Python needs and nothing more."""
    machine = os.uname().machine
    if machine not in PIVOT_ROOT:
        raise Impossible(f"namespaces were not tried on {machine}")
    _mount("none", "/", None, PRIVATE | RECURSIVE)
    _mount("sandbox", root, "tmpfs", NO_SUID | NO_DEV, f"size={SPACE},nr_inodes=10000,mode=755")
    (root / "tmp").mkdir()  # first, since Python may live below it
    _mount("tmp", root / "tmp", "tmpfs", NO_SUID | NO_DEV, f"size={SPACE},nr_inodes={FILES},mode=1777")
    for place in (*SYSTEM, *settings["visible"]):
        _show(Path(place), root)
    for place in settings["hidden"]:
        _hide(Path(place), root, settings)
    (root / "dev").mkdir()
    for name in DEVICES:
        (root / "dev" / name).touch()
        _mount(f"/dev/{name}", root / "dev" / name, None, BIND)
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/passwd").write_text(
        f"student:x:{settings['uid']}:{settings['uid']}::/tmp:/bin/false\n", encoding="utf-8"
    )
    for name in ("proc", "old"):
        (root / name).mkdir(exist_ok=True)
    _mount("proc", root / "proc", "proc", NO_SUID | NO_DEV | NO_EXEC)
    os.chdir(root)
    if LIBC.syscall(PIVOT_ROOT[machine], b".", b"old"):
        raise Impossible(f"pivot_root: {os.strerror(ctypes.get_errno())}")
    os.chdir("/")
    if LIBC.umount2(b"/old", DETACH):
        raise Impossible(f"umount: {os.strerror(ctypes.get_errno())}")
    Path("/old").rmdir()
    _mount("none", "/", None, BIND | REMOUNT | READ_ONLY | NO_SUID | NO_DEV)


def _show(place: Path, root: Path) -> None:
    """Make a file or folder visible in the new root, read-only, or a link as the link it is."""
    target = root / place.relative_to("/")
    if not place.exists() or target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink():
        target.symlink_to(place.readlink())
        return
    if place.is_dir():
        target.mkdir()
    else:
        target.touch()
    _mount(str(place), target, None, BIND | RECURSIVE)
    for inner in _mounts_below(target):
        flags = sum(flag for bit, flag in STATVFS_TO_MOUNT.items() if os.statvfs(inner).f_flag & bit)
        _mount("none", inner, None, BIND | REMOUNT | READ_ONLY | NO_SUID | NO_DEV | flags)


def _mounts_below(folder: Path) -> list[Path]:
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    points = [Path(line.split()[4].encode().decode("unicode_escape")) for line in lines]
    return [point for point in points if point == folder or folder in point.parents]


def _hide(place: Path, root: Path, settings: dict[str, Any]) -> None:
    """Put something empty over a file or folder, if the new root shows it and Python doesn't live in it."""
    target = root / place.relative_to("/")
    needed = [Path(visible) for visible in settings["visible"]]
    if not target.exists() or any(place == path or place in path.parents for path in needed):
        return
    if target.is_dir():
        _mount("none", target, "tmpfs", READ_ONLY | NO_SUID | NO_DEV, "size=4096,nr_inodes=2,mode=755")
    else:
        _mount("/dev/null", target, None, BIND)


def _unshare(flags: int) -> None:
    if LIBC.unshare(flags):
        raise Impossible(f"unshare: {os.strerror(ctypes.get_errno())}")


def _mount(source: str, target: str | Path, kind: str | None, flags: int, options: str = "") -> None:
    text = [None if value is None else str(value).encode() for value in (source, target, kind)]
    if LIBC.mount(*text, ctypes.c_ulong(flags), options.encode()):
        raise Impossible(f"mount on {target}: {os.strerror(ctypes.get_errno())}")


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux" and LIBC.prctl(option, ctypes.c_ulong(value), 0, 0, 0):
        raise Impossible(f"prctl: {os.strerror(ctypes.get_errno())}")


def _die_with_parent(number: signal.Signals, parent: int = 0) -> None:
    """Get a signal when the parent ends, or end now if it has ended already."""
    _prctl(SET_DEATH_SIGNAL, number)
    if parent and os.getppid() != parent:
        os._exit(INFRA)


if __name__ == "__main__":
    main()
