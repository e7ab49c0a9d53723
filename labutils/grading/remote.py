"""A submission's process seen from the grader: requests go out, numbers come back, and nothing that comes is believed.

Here is the second transport of the checks. What it hands to them has been taken apart and put together again from
numbers, text and raw tensors, each within its limits.
"""

import atexit
import json
import os
import secrets
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import labutils
from labutils.checks.probes import Facts
from labutils.checks.transport import Failure
from labutils.grading.child import standin, wire
from labutils.grading.records import Status
from labutils.grading.submissions import LARGEST_SUBMISSION

START_S = 120  # until PyTorch is loaded, before anything of the submission runs
CHUNK = 1 << 16
LONGEST_LINE = 1 << 20
END_S = 10
KEPT_VARIABLES = ("PATH", "LANG", "LD_LIBRARY_PATH")  # no others: a submission can read its process's memory
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
PACKAGE = Path(labutils.__file__).parent
CHILD_MODULES = {
    "labutils": "",
    "labutils.checks": "",
    "labutils.grading": "",
    "labutils.grading.child": "",
    **{
        f"labutils.grading.child.{name}": f"grading/child/{name}.py" for name in ("extract", "serve", "standin", "wire")
    },
    "labutils.checks.transport": "checks/transport.py",
    "labutils.checks.probes": "checks/probes/__init__.py",
}


@dataclass(frozen=True)
class Limits:
    """What a submission may use: seconds for each exercise, bytes of memory, and whether it gets namespaces.

    ``hidden`` are files and folders that it must not see, wherever they are.
    """

    time: float = 20
    memory: int = 2 << 30
    namespaces: bool = True
    hidden: tuple[Path, ...] = ()


class Gone(BaseException):
    """The child is of no more use. ``status`` says what became of it, and the message says it in words.

    It is no Exception, so that it passes through a check, which would take one for an error of its own.
    """

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status: Status = status


@dataclass
class Reading:
    """What was found in a submission: what can be executed (cell and the exercises it answers), and what is missing."""

    pieces: list[tuple[int, list[str]]]
    missing: list[str]
    unreadable: str = ""


class Nursery:
    """A process that has loaded PyTorch, and from which the processes for submissions are forked. Raises OSError."""

    def __init__(self) -> None:
        self._socket, other = socket.socketpair()
        with other:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-B", str(PACKAGE / "grading/child/warden.py"), str(other.fileno())],
                stdin=subprocess.PIPE,
                pass_fds=[other.fileno()],
                start_new_session=True,
                env={name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ} | ONE_THREAD,
            )
        assert self._process.stdin
        with self._process.stdin as stream:
            stream.write(json.dumps(_surroundings()).encode() + b"\n")

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked for another process."""
        return self._process.poll() is None

    def fork(self, descriptors: Sequence[int]) -> None:
        """Fork a process that gets these descriptors. Raises OSError."""
        socket.send_fds(self._socket, [b"x"], descriptors)

    def close(self) -> None:
        """End it, and with it all its processes."""
        self._socket.close()
        self._process.terminate()
        self._process.wait()


_nurseries: list[Nursery] = []
_one_at_a_time = threading.Lock()


def _fork(descriptors: Sequence[int]) -> None:
    """Fork from the nursery, a new one if there is none alive. Raises OSError."""
    with _one_at_a_time:
        if not _nurseries or not _nurseries[0].is_alive:
            _close_nursery()
            _nurseries.append(Nursery())
        _nurseries[0].fork(descriptors)


@atexit.register
def _close_nursery() -> None:
    while _nurseries:
        _nurseries.pop().close()


class Child:
    """A process for one submission, of which ``time_left`` is in seconds. Use it in a ``with`` statement.

    Raises OSError where no process can be started.
    """

    def __init__(self, content: bytes, kind: str, names: dict[str, tuple[str, ...]], limits: Limits) -> None:
        self.limits = limits
        self.time_left = float(START_S)
        self._number = 0
        self._received = bytearray()
        self._folder = Path(tempfile.gettempdir()).resolve() / f"labutils-{secrets.token_hex(8)}"
        settings = {
            "namespaces": limits.namespaces,
            "folder": str(self._folder),
            "memory": limits.memory,
            "lifetime": START_S + limits.time * (len(names) + 2),
            "largest": LARGEST_SUBMISSION,
            "visible": _visible(),
            "hidden": _hidden(limits.hidden),
        }
        order = {"size": len(content), "kind": kind, "names": names}
        self._to_send = b"".join((json.dumps(settings).encode(), b"\n", json.dumps(order).encode(), b"\n", content))
        pipes = [os.pipe() for _ in range(4)]
        (requests, self._in), (self._out, replies), (self._report, report), (lifeline, self._lifeline) = pipes
        for descriptor in (self._in, self._out, self._report):
            os.set_blocking(descriptor, False)
        theirs = (requests, replies, report, lifeline)
        try:
            _fork(theirs)
        except OSError:
            self._end()
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def read(self) -> Reading:
        """Send the submission, and learn what is in it. Nothing of it has run then. Raises Gone."""
        said = self._line()
        if "unreadable" in said:
            return Reading([], [], said["unreadable"])
        return Reading([(piece["cell"], piece["exercises"]) for piece in said["pieces"]], said["missing"])

    def wait_until_ready(self) -> None:
        """Wait for PyTorch. Raises Gone."""
        self._line()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request, its time taken from ``time_left``. Raises Gone."""
        self._number += 1
        if self._received or self._readable():
            raise Gone("protocol", "it sent something without being asked")
        self._to_send = json.dumps({**request, "number": self._number}).encode() + b"\n"
        head_size, body_size = self._checked(wire.sizes, self._take(wire.FRAME.size))
        head = self._take(head_size)
        answer = self._checked(wire.decode, head, self._take(body_size))
        if answer.get("number") != self._number:
            raise Gone("protocol", "it answered another question")
        return answer

    def _checked(self, function: Callable[..., Any], *values: Any) -> Any:
        try:
            return function(*values)
        except wire.Malformed as error:
            raise Gone("protocol", f"it sent a message that is none: {error}") from None

    def _line(self) -> dict[str, Any]:
        """A line of JSON from before the submission runs. That it fails is never the submission's fault."""
        try:
            while b"\n" not in self._received:
                if len(self._received) > LONGEST_LINE:
                    raise Gone("infra", "the process for the submission said too much")
                self._exchange()
        except Gone as gone:
            raise Gone("infra", f"the process for the submission could not be started: {gone}") from None
        line, _, rest = self._received.partition(b"\n")
        self._received = bytearray(rest)
        return json.loads(line)

    def _take(self, size: int) -> bytes:
        while len(self._received) < size:
            self._exchange()
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken

    def _exchange(self) -> None:
        """Send and receive what can be, or wait until something can. Raises Gone."""
        start = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(self._out, selectors.EVENT_READ)
            if self._to_send:
                selector.register(self._in, selectors.EVENT_WRITE)
            ready = selector.select(max(0, self.time_left))
        self.time_left -= time.monotonic() - start
        if self.time_left <= 0:
            raise Gone("timeout", "it ran longer than it may")
        for key, _ in ready:
            if key.fd == self._out:
                received = self._receive()
                if not received:
                    raise self._ended()
                self._received += received
            else:
                try:
                    sent = os.write(self._in, self._to_send[:CHUNK])
                except BlockingIOError:
                    continue
                except OSError:
                    raise self._ended() from None
                self._to_send = self._to_send[sent:]

    def _receive(self) -> bytes:
        try:
            return os.read(self._out, CHUNK)
        except BlockingIOError:
            return b""

    def _readable(self) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(self._out, selectors.EVENT_READ)
            if not selector.select(0):
                return False
        received = self._receive()
        if not received:
            raise self._ended()
        self._received += received
        return True

    def _ended(self) -> Gone:
        """What became of a process that has ended, from what its warden says."""
        errors = self._last_words()
        if errors is None:
            return Gone("crashed", "it closed its connection to the grader")
        reports = [_report(line) for line in errors.splitlines()[-20:]]
        for report in reports:
            if "impossible" in report:
                return Gone("infra", str(report["impossible"]))
        if not any(reports):
            return Gone("infra", f"its warden ended without a report: {errors[-500:].decode(errors='replace')}")
        last = reports[-1]
        if last.get("memory"):
            return Gone("memory", "it used more memory than it may")
        if last.get("stopped") or last.get("code") in (-24, -14):
            return Gone("timeout", "it ran longer than it may")
        code = last.get("code", 0)
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        return Gone("crashed", f"its process ended {how}")

    def _last_words(self) -> bytes | None:
        """What the warden reported, once it has ended. None if it lives on."""
        said = b""
        end = time.monotonic() + END_S
        while (left := end - time.monotonic()) > 0:
            with selectors.DefaultSelector() as selector:
                selector.register(self._report, selectors.EVENT_READ)
                if not selector.select(left):
                    continue
            try:
                received = os.read(self._report, CHUNK)
            except BlockingIOError:
                continue
            if not received:
                return said
            said = (said + received)[-CHUNK:]
        return None

    def _end(self) -> None:
        """End the process and all that it started."""
        os.close(self._lifeline)
        self._last_words()
        for descriptor in (self._in, self._out, self._report):
            os.close(descriptor)


class Remote:
    """The objects of a submission, reached through its child. A transport for the checks."""

    def __init__(self, child: Child, exercise: str) -> None:
        self.child = child
        self.exercise = exercise
        self.out_of_memory = False
        self.refused = ""
        self.unbound = False

    def observe(self, probe: str, args: tuple[Any, ...], shape: tuple[int, ...], salt: int, **options: Any) -> Facts:
        """The facts that the probe found. Raises Failure for whatever the objects raised, and Gone."""
        call = json.loads(wire.encode({"args": args, "shape": shape, "options": options})[wire.FRAME.size :])
        request = {"do": "observe", "exercise": self.exercise, "probe": probe, "salt": salt, "call": call}
        answer = self.child.ask(request)
        refused = answer.get("refused")
        self.refused = (refused[:100] if isinstance(refused, str) else "") or self.refused
        if isinstance(facts := answer.get("facts"), dict):
            return facts
        texts = [answer.get(name) for name in ("kind", "message", "raised")]
        if not all(isinstance(text, str) for text in texts):
            raise Gone("protocol", "its answer holds neither facts nor a failure")
        kind, message, raised = (" ".join(str(text).split()) for text in texts)
        self.out_of_memory |= answer.get("memory") is True
        self.unbound |= kind == "Unbound"
        raise Failure(kind[:100], message[: 2 * 300 + 200], raised[:320])


def _report(line: bytes) -> dict[str, Any]:
    try:
        report = json.loads(line)
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


@cache
def _surroundings() -> dict[str, Any]:
    """What every child needs: the sources of its side, and where PyTorch is."""
    modules = dict(CHILD_MODULES)
    for path in sorted((PACKAGE / "checks/probes").glob("*.py")):
        if path.stem != "__init__":
            modules[f"labutils.checks.probes.{path.stem}"] = str(path.relative_to(PACKAGE))
    sources = {name: (PACKAGE / path).read_text(encoding="utf-8") if path else "" for name, path in modules.items()}
    return {"sources": sources, "packages": _packages()}


def _packages() -> list[str]:
    """Where PyTorch and NumPy are installed."""
    import numpy
    import torch

    return list(dict.fromkeys(str(Path(module.__file__ or "").parent.parent) for module in (torch, numpy)))


def _visible() -> list[str]:
    """The folders that every child can read: Python's and its packages'."""
    return list(dict.fromkeys([sys.prefix, sys.base_prefix, sys.exec_prefix, *_packages()]))


def _hidden(more: tuple[Path, ...]) -> list[str]:
    """What lies where a child can see it and must not be read: references, solutions, and what the caller names."""
    packages = {Path(place) for place in (*_packages(), *sys.path) if place}
    answers = [packages_dir.joinpath(*name.split(".")) for packages_dir in packages for name in standin.WITHHELD]
    course = PACKAGE.parent
    beside = sorted(course.iterdir()) if (course / "pyproject.toml").exists() else []
    found = {path.resolve() for path in (PACKAGE, *answers, *beside, *more) if path.exists()}
    return sorted(map(str, found))
