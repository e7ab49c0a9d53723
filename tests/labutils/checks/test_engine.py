"""What a fingerprint says of errors: the same under every release of PyTorch, and still enough."""

from typing import Any

import pytest

from labutils.checks import engine, exercises
from labutils.checks.engine import Exam
from labutils.checks.transport import Failure

CHANGED = "one of the variables needed for gradient computation has been modified by an inplace operation"
TYPES = "\"log_softmax_lastdim_kernel_impl\" not implemented for 'Long'"


class Failing:
    """Objects of which every probe finds one failure only."""

    def __init__(self, kind: str, raised: str) -> None:
        self.failure = Failure(kind, f"it raised {kind}: {raised}", raised)

    def observe(self, *_arguments: Any, **_options: Any) -> Any:
        raise self.failure


def fingerprint(kind: str, raised: str) -> list[str | float]:
    return list(engine.fingerprint(Exam(exercises.load("residual-block"), Failing(kind, raised))))


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (
            ("RuntimeError", f"{CHANGED}: [torch.FloatTensor [2, 8]], which is output 0 of AddBackward0, is at …"),
            ("RuntimeError", f"{CHANGED}: [torch.FloatTensor [2, 8]], which is output 0 of Add, is at version …"),
        ),
        (("RuntimeError", TYPES), ("NotImplementedError", TYPES)),
    ],
    ids=["nodes of the graph", "what is not implemented"],
)
def test_an_error_that_a_release_says_in_other_words_is_the_same(before: tuple[str, str], now: tuple[str, str]) -> None:
    assert fingerprint(*before) == fingerprint(*now)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("RuntimeError", "mat1 and mat2 shapes (2x576 and 64x10)"), ("RuntimeError", "mat1 and mat2 shapes (2x8 …")),
        (("TypeError", "__init__(): a"), ("TypeError", "__init__(): b")),
        (("NotImplementedError", ""), ("NotImplementedError", "later")),
        (("NotImplementedError", ""), ("RuntimeError", "")),
        (("RuntimeError", "x"), ("ValueError", "x")),
    ],
)
def test_other_errors_are_told_apart(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert not engine.alike(fingerprint(*one), fingerprint(*other))
