"""How the checks reach a learner's objects. In a notebook they are called directly, under guard."""

import contextlib
import io
import linecache
import re
import signal
import threading
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import torch

from labutils.checks.probes import Facts, Unusable, observe

SOFT_LIMIT_S = 10
LONGEST_MESSAGE = 300


class Failure(Exception):
    """The learner's code gave no facts. The message says why, to the learner.

    ``kind`` is the name of the exception that was raised, ``raised`` its text.
    """

    def __init__(self, kind: str, message: str, raised: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.raised = raised


class Transport(Protocol):
    """Runs a probe where the learner's objects are. Raises Failure."""

    def observe(self, probe: str, args: tuple[Any, ...], shape: tuple[int, ...], salt: int, **options: Any) -> Facts:
        """The facts that the probe found."""
        ...


class Local:
    """Objects of this very process."""

    def __init__(self, objects: tuple[Any, ...]) -> None:
        self.objects = objects

    def observe(self, probe: str, args: tuple[Any, ...], shape: tuple[int, ...], salt: int, **options: Any) -> Facts:
        """The facts that the probe found. Raises Failure for whatever the objects raise."""
        try:
            return observe(probe, self.objects, args, shape, salt, **options)
        except Unusable as error:
            raise Failure("Unusable", str(error), str(error)) from None
        except TimeUp:
            raise Failure("TimeUp", f"it was still running after {SOFT_LIMIT_S} seconds, so it was stopped") from None
        except BaseException as error:
            raise Failure(type(error).__name__, describe(error), text_of(error)) from None


class TimeUp(BaseException):
    """The soft time limit is over."""


def describe(error: BaseException) -> str:
    """One sentence: what was raised and in which line of the learner's code."""
    if isinstance(error, NotImplementedError) and not error.args:
        return "it is not written yet (NotImplementedError)"
    text = text_of(error)
    where = learners_line(error)
    return f"it raised {type(error).__name__}{': ' if text else ''}{text}{where}"


def text_of(error: BaseException) -> str:
    """The error's own text in one line of bounded length, without the name of a learner's class before __init__."""
    try:
        text = " ".join(str(error)[: 10 * LONGEST_MESSAGE].split())
    except BaseException:
        return "(a message that can't be printed)"
    text = re.sub(r"\S+\.(__init__|forward)\(\)", r"\1()", text)
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]} …"


def learners_line(error: BaseException) -> str:
    """The last line of the traceback that is neither PyTorch's nor the checks', or ""."""
    ours = (str(Path(torch.__file__).parent), str(Path(__file__).parent))
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(ours)]
    line = linecache.getline(frames[-1].filename, frames[-1].lineno or 0).strip() if frames else ""
    return f" (in the line `{line}`)" if line else ""


class Sink(io.TextIOBase):
    """Takes all that is printed, and keeps none of it."""

    def write(self, text: str) -> int:
        """Drop the text."""
        return len(text)


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Keep what runs inside from changing PyTorch's settings, printing, warning, and running beyond the soft limit.

    One thread is enough: what the checks compute is so small that a second one only waits.
    """
    dtype, grad, threads = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()
    sink = Sink()
    with (
        torch.random.fork_rng(devices=[]),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(sink),
        contextlib.redirect_stderr(sink),
        torch.device("cpu"),
        soft_limit(),
    ):
        warnings.simplefilter("ignore")
        torch.set_default_dtype(torch.float32)
        torch.set_num_threads(1)
        try:
            with torch.enable_grad():
                yield
        finally:
            torch.set_default_dtype(dtype)
            torch.set_grad_enabled(grad)
            torch.set_num_threads(threads)


@contextlib.contextmanager
def soft_limit() -> Iterator[None]:
    """Raise TimeUp inside after the limit, where the platform has timers and this is the main thread."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signal: int, _frame: object) -> None:
        raise TimeUp

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SOFT_LIMIT_S, 1)  # again each second: an `except:` may have caught the first
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
