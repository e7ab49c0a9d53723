"""Independent runs side by side, each in a process of its own."""

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from joblib import Parallel, delayed
from tqdm import tqdm

Returned = TypeVar("Returned")


def run_parallel(
    function: Callable[..., Returned], jobs: Sequence[tuple[Any, ...]], processes: int = 2
) -> list[Returned]:
    """``[function(*job) for job in jobs]``, in single-threaded processes side by side, with a progress bar.

    Small nets leave a second thread idle, so independent runs go faster this way. ``function`` may be defined in a
    notebook. Where the environment variable LABUTILS_THREADS asks for more threads a process, there are fewer
    processes. Raises what ``function`` raises.
    """
    threads = int(os.environ.get("LABUTILS_THREADS", "1"))
    tasks: Any = Parallel(n_jobs=max(1, processes // threads), return_as="generator")(
        delayed(_with_threads)(threads, function, job) for job in jobs
    )
    return list(tqdm(tasks, total=len(jobs), desc="runs"))


def _with_threads(threads: int, function: Callable[..., Returned], job: tuple[Any, ...]) -> Returned:
    torch.set_num_threads(threads)
    return function(*job)
