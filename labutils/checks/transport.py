"""How the checks reach a learner's objects. In a notebook they are called directly, under guard."""

import contextlib
import io
import linecache
import random
import re
import signal
import threading
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import numpy as np
import torch

from labutils.checks.probes import Facts, Unusable, observe

COMPUTING_LIMIT_S = 10
WALL_LIMIT_S = 60
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
        """The facts that the probe found.

        Raises Failure for whatever the objects raise, but for a KeyboardInterrupt and for TimeUp, which end the exam.
        """
        try:
            return observe(probe, self.objects, args, shape, salt, **options)
        except (KeyboardInterrupt, TimeUp):
            raise
        except BaseException as error:
            raise failure_of(error) from None


class TimeUp(BaseException):
    """A time limit is over. The message says which one, to the learner."""


def failure_of(error: BaseException) -> Failure:
    """What a learner's code raised, as a failure."""
    if isinstance(error, Unusable):
        return Failure("Unusable", str(error), str(error))
    return Failure(type(error).__name__, describe(error), text_of(error))


def describe(error: BaseException) -> str:
    """One sentence: what was raised and in which line of the learner's code."""
    if isinstance(error, NotImplementedError) and not error.args:
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        name = frame.f_code.co_qualname.split("<locals>.")[-1].removesuffix(".__init__")
        return f"{name} is not written yet (NotImplementedError)"
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
    """Keep what runs inside from changing settings, printing, warning, and running beyond the limits.

    What is set back is what the next cell would notice: PyTorch's settings and all random numbers. Raises TimeUp inside
    when a limit is reached. One thread is enough: what the checks compute is so small that a second one only waits.
    """
    sink = Sink()
    with (
        kept_settings(),
        kept_random_states(),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(sink),
        contextlib.redirect_stderr(sink),
        soft_limit(),
    ):
        warnings.simplefilter("ignore")
        if torch.empty(0).device.type != "cpu":  # where it is, setting it again would slow every call down
            torch.set_default_device("cpu")
        torch.set_default_dtype(torch.float32)
        torch.set_num_threads(1)
        torch.autograd.set_detect_anomaly(False)
        torch.set_grad_enabled(True)
        # oneDNN gains nothing at these sizes, and torch 2.13's writes beyond a tensor's end in the backward pass of a
        # strided 1x1 convolution in channels_last, on processors without AVX-512.
        torch.backends.mkldnn.set_flags(False)
        yield


@contextlib.contextmanager
def kept_settings() -> Iterator[None]:
    """Set PyTorch's global settings back at the end."""
    device = torch.empty(0).device  # torch.get_default_device fails in torch 2.4 where none was set
    dtype, grad, threads = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()
    anomaly = torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()
    determinism = torch.get_deterministic_debug_mode()
    onednn = torch.backends.mkldnn.enabled
    try:
        yield
    finally:
        torch.set_default_device(None if device.type == "cpu" else device)
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(grad)
        torch.backends.mkldnn.set_flags(onednn)
        torch.set_num_threads(threads)
        torch.autograd.set_detect_anomaly(*anomaly)
        if torch.get_deterministic_debug_mode() != determinism:  # setting it imports much
            torch.set_deterministic_debug_mode(determinism)


@contextlib.contextmanager
def kept_random_states() -> Iterator[None]:
    """Set the random numbers of PyTorch, NumPy and Python back at the end."""
    ours, theirs = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(ours)
        np.random.set_state(theirs)


@contextlib.contextmanager
def soft_limit() -> Iterator[None]:
    """Raise TimeUp inside after COMPUTING_LIMIT_S of the process's own time, and after WALL_LIMIT_S by the clock.

    So a busy machine fails nobody, and what computes nothing, such as ``input``, ends as well. Where the platform has
    no timers, and outside the main thread, there is no limit.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    with (
        _alarm(signal.ITIMER_PROF, signal.SIGPROF, COMPUTING_LIMIT_S, "seconds of computing"),
        _alarm(signal.ITIMER_REAL, signal.SIGALRM, WALL_LIMIT_S, "seconds"),
    ):
        yield


@contextlib.contextmanager
def _alarm(timer: int, number: signal.Signals, limit: float, unit: str) -> Iterator[None]:
    """Raise TimeUp inside when the timer has counted to the limit. Its earlier use goes on at the end."""

    def stop(_signal: int, frame: FrameType | None) -> None:
        while frame is not None:
            if frame.f_code.co_filename == __file__ and frame.f_code.co_name in ("_alarm", "soft_limit"):
                return  # the limits are being set or lifted, which has to come to its end
            frame = frame.f_back
        raise TimeUp(f"it was still running after {limit} {unit}, so it was stopped")

    handler = signal.signal(number, stop)
    before = signal.setitimer(timer, limit, 1)  # again each second: an `except:` may have caught the first
    try:
        yield
    finally:
        signal.setitimer(timer, 0)
        signal.signal(number, handler or signal.SIG_DFL)  # None: it was not Python's, and can't be had back
        signal.setitimer(timer, *before)
