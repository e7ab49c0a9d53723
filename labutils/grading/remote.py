"""A submission's process seen from the grader: requests go out, numbers come back, and nothing that comes is believed.

Here is the second transport of the checks. What it hands to them has been taken apart and put together again from
numbers, text and raw tensors, each within its limits.
"""

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import labutils
from labutils.checks.probes import Facts
from labutils.checks.transport import Failure
from labutils.grading.child import standin, wire

Status = Literal["passed", "partial", "failed", "missing", "error", "timeout", "memory", "crashed", "protocol", "infra"]
LARGEST_SUBMISSION = 20 << 20
START_S = 120  # until PyTorch is loaded, before anything of the submission runs
CHUNK = 1 << 16
LONGEST_LINE = 1 << 20
END_S = 10
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


class Child:
    """A process for one submission. Use it in a ``with`` statement."""

    def __init__(self, content: bytes, kind: str, names: dict[str, tuple[str, ...]], limits: Limits) -> None:
        self.limits = limits
        self.time_left = float(START_S)
        self._number = 0
        self._received = bytearray()
        self._folder = tempfile.TemporaryDirectory(prefix="labutils-", ignore_cleanup_errors=True)
        settings = {
            "parent": os.getpid(),
            "namespaces": limits.namespaces,
            "folder": str(Path(self._folder.name).resolve()),
            "memory": limits.memory,
            "lifetime": START_S + limits.time * (len(names) + 2),
            "largest": LARGEST_SUBMISSION,
            **_surroundings(),
            "hidden": _hidden(limits.hidden),
        }
        order = {"size": len(content), "kind": kind, "names": names}
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-B", str(PACKAGE / "grading/child/warden.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._to_send = b"".join((json.dumps(settings).encode(), b"\n", json.dumps(order).encode(), b"\n", content))

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._end()
        self._folder.cleanup()

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
        try:
            _, errors = self._process.communicate(timeout=END_S)
        except subprocess.TimeoutExpired:
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

    def _end(self) -> None:
        """End the process and all that it started."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with suppress(OSError):
                    stream.close()
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stderr:
            self._process.stderr.close()


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
        if kind in ("TimeUp", "KeyboardInterrupt"):
            kind = "Interrupted"
        raise Failure(kind[:100], message[: 2 * 300 + 200], raised[:320])


def _report(line: bytes) -> dict[str, Any]:
    try:
        report = json.loads(line)
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


@cache
def _surroundings() -> dict[str, Any]:
    """What every child needs: the sources of its side, Python's places, and where PyTorch is."""
    import numpy
    import torch

    modules = dict(CHILD_MODULES)
    for path in sorted((PACKAGE / "checks/probes").glob("*.py")):
        if path.stem != "__init__":
            modules[f"labutils.checks.probes.{path.stem}"] = str(path.relative_to(PACKAGE))
    sources = {name: (PACKAGE / path).read_text() if path else "" for name, path in modules.items()}
    packages = [str(Path(module.__file__ or "").parent.parent) for module in (torch, numpy)]
    return {
        "sources": sources,
        "packages": packages,
        "visible": list(dict.fromkeys([sys.prefix, sys.base_prefix, sys.exec_prefix, *packages])),
    }


def _hidden(more: tuple[Path, ...]) -> list[str]:
    """What lies where a child can see it and must not be read: references, solutions, and what the caller names."""
    packages = {Path(place) for place in (*_surroundings()["packages"], *sys.path) if place}
    answers = [packages_dir.joinpath(*name.split(".")) for packages_dir in packages for name in standin.WITHHELD]
    course = PACKAGE.parent
    beside = sorted(course.iterdir()) if (course / "pyproject.toml").exists() else []
    found = {path.resolve() for path in (PACKAGE, *answers, *beside, *more) if path.exists()}
    return sorted(map(str, found))
