"""Runs side by side in processes of their own."""

import pytest
import torch

from labutils.processes import run_parallel


def test_parallel_runs_keep_their_order_and_use_one_thread_each() -> None:
    jobs = [(i, 10 * i) for i in range(4)]
    results = run_parallel(lambda a, b: (a + b, torch.get_num_threads()), jobs)
    assert results == [(11 * i, 1) for i in range(4)]


def test_an_error_in_a_parallel_run_arrives() -> None:
    with pytest.raises(ZeroDivisionError):
        run_parallel(lambda a: 1 // a, [(1,), (0,)])
