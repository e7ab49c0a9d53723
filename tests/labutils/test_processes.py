"""Runs side by side in processes of their own."""

import os

import pytest
import torch

from labutils.processes import run_parallel


def test_parallel_runs_keep_their_order_and_use_one_thread_each() -> None:
    jobs = [(i, 10 * i) for i in range(4)]
    results = run_parallel(lambda a, b: (a + b, torch.get_num_threads()), jobs)
    assert results == [(11 * i, 1) for i in range(4)]


def test_more_threads_a_process_leave_fewer_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two, one: this one."""
    monkeypatch.setenv("LABUTILS_THREADS", "2")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        results = run_parallel(lambda i: (os.getpid(), torch.get_num_threads()), [(0,), (1,)])
    finally:
        torch.set_num_threads(before)
    assert results == [(os.getpid(), 2)] * 2


def test_an_error_in_a_parallel_run_arrives() -> None:
    with pytest.raises(ZeroDivisionError):
        run_parallel(lambda a: 1 // a, [(1,), (0,)])
