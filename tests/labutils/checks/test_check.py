"""``check``, ``hint`` and ``progress`` as a learner meets them."""

import json
import os
import signal
import subprocess
import sys
import warnings
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from labutils import check, hint, progress
from labutils.checks import engine, exercises, saved, transport
from labutils.checks.result import CheckResult, Result
from labutils.models import BasicBlock


@pytest.fixture(autouse=True)
def own_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps a test away from the progress of whoever runs it."""
    monkeypatch.setattr(saved, "user_data_path", lambda *_args, **_options: tmp_path / "data")


class NoShortcut(BasicBlock):
    """Forgets what the exercise is about."""

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(out)


def test_a_right_class_is_true_and_gets_all_points() -> None:
    result = check("residual-block", BasicBlock)
    assert result
    assert result.score == result.max_score == 10
    assert str(result).startswith("residual-block: 10 of 10 points, solved")
    assert result.hint == result.cause == result.misconception == ""


def test_a_wrong_class_is_false_and_is_told_what_why_and_how_to_go_on() -> None:
    result = check("residual-block", NoShortcut)
    assert not result
    assert 0 < result.score < result.max_score
    assert 'hint("residual-block") shows hint 1 of 3.' in str(result)


def test_the_first_failure_and_its_cause_come_first_and_other_failures_are_only_named() -> None:
    headline, first, cause, others, *_ = str(check("residual-block", raising(RuntimeError("no luck")))).splitlines()
    assert headline == "residual-block: 0 of 10 points"
    assert first.split()[:3] == ["✗", "failed", "shape:"]
    assert cause.split()[:2] == ["Look", "again"]
    assert others.split()[:2] == ["✓", "passed"]
    result = check("residual-block", NoShortcut)
    also = [text for word, text in result.lines() if word == "✗ failed too"]
    assert also == [", ".join(c.name for c in result.checks if c.status == "failed" and c is not result.first_failure)]


def test_a_function_that_returns_a_module_is_as_good_as_a_class() -> None:
    assert check("residual-block", lambda *args: BasicBlock(*args))


def test_what_needs_a_failed_check_is_blocked_and_gives_no_points() -> None:
    class Wide(BasicBlock):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, 2 * out_channels, stride)

    result = check("residual-block", Wide)
    failed, *rest = result.checks[1:]
    assert (failed.name, failed.status) == ("shape", "failed")
    assert {other.status for other in rest} == {"blocked"}
    assert result.score == 0


def raising(error: BaseException) -> type[nn.Module]:
    class Block(BasicBlock):
        def forward(self, x: Tensor) -> Tensor:
            raise error

    return Block


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this")


def returning(value: Any) -> type[nn.Module]:
    class Block(BasicBlock):
        def forward(self, x: Tensor) -> Any:
            return value

    return Block


def looping() -> type[nn.Module]:
    class Block(BasicBlock):
        def forward(self, x: Tensor) -> Tensor:
            while True:
                pass

    return Block


def printing() -> type[nn.Module]:
    class Block(BasicBlock):
        def __repr__(self) -> str:
            return "x" * 100_000_000

        def forward(self, x: Tensor) -> Any:
            print("x" * 100_000_000)
            return self

    return Block


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, "BasicBlock is None, which can't be called"),
        (3, "BasicBlock is of type int, which can't be called"),
        ("BasicBlock", "BasicBlock is of type str, which can't be called"),
        (BasicBlock(1, 1), "a module was given; give what makes it"),
        (int, "it raised TypeError"),
        (list, "it raised TypeError"),
        (lambda *_args: 5, "it gave a int where a module was expected"),
        (nn.Identity, "for an input (2, 8, 6, 6)"),
        (lambda: BasicBlock(8, 8), "it raised TypeError"),
        (raising(RuntimeError("no luck")), "it raised RuntimeError: no luck (in the line `raise error`)"),
        (raising(SystemExit(3)), "it raised SystemExit: 3"),
        (raising(KeyboardInterrupt()), "it raised KeyboardInterrupt"),
        (raising(MemoryError()), "it raised MemoryError"),
        (raising(NotImplementedError()), "Block.forward is not written yet (NotImplementedError)"),
        (raising(Unprintable()), "(a message that can't be printed)"),
        (raising(RecursionError("x" * 100_000)), "it raised RecursionError: xxx"),
        (returning(None), "forward returned None where a tensor was expected"),
        (returning([1]), "forward returned a list where a tensor was expected"),
        (returning(torch.zeros(0)), "expected the output (2, 8, 6, 6), got (0,)"),
        (printing(), "forward returned a Block where a tensor was expected"),
    ],
)
def test_whatever_is_given_or_raised_the_answer_is_a_clear_result(
    given: Any, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    result = check("residual-block", given)
    assert not result
    assert expected in str(result)
    assert len(str(result)) < 3000
    assert len(result._repr_html_()) < 6000
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this platform has no timers")
def test_an_endless_loop_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "SOFT_LIMIT_S", 0.2)
    before = signal.getsignal(signal.SIGALRM)
    result = check("residual-block", looping())
    assert not result
    assert "it was still running after 0.2 seconds" in str(result)
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_check_leaves_pytorch_as_it_was() -> None:
    class Meddler(BasicBlock):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            torch.manual_seed(1)
            torch.set_default_dtype(torch.float64)
            torch.set_num_threads(3)
            torch.set_grad_enabled(False)
            warnings.warn("careful", stacklevel=1)
            super().__init__(in_channels, out_channels, stride)

    threads, state = torch.get_num_threads(), torch.get_rng_state()
    check("residual-block", Meddler)
    assert torch.get_default_dtype() == torch.float32
    assert torch.get_num_threads() == threads
    assert torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), state)


def test_our_own_error_is_told_apart_and_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object) -> str:
        raise ZeroDivisionError("in the check")

    definition = exercises.load("residual-block")
    failing = engine.Check("broken", 0, broken, "")
    monkeypatch.setattr(exercises, "load", lambda _: engine.replace(definition, checks=(failing,)))
    result = check("residual-block", BasicBlock)
    assert result.checks[0].status == "error"
    assert "not your fault: ZeroDivisionError: in the check" in str(result)
    assert saved.load() == {}


def test_an_unknown_exercise_names_the_near_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean residual-block" in str(check("residual_block", BasicBlock))
    assert "there is no exercise called 'no-such': " in str(check("no-such", BasicBlock))
    assert not check("no-such")
    assert str(check("no-such")).startswith("no-such: not checked")
    assert not check(7)  # pyright: ignore[reportArgumentType]
    hint("residualblock")
    assert "did you mean residual-block" in capsys.readouterr().out


def test_a_wrong_number_of_objects_names_the_call() -> None:
    assert "2 objects were given; call check('residual-block', BasicBlock)." in str(check("residual-block", int, int))


def test_strict_mode_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABUTILS_STRICT", "1")
    assert check("residual-block", BasicBlock)
    with pytest.raises(AssertionError, match="residual-block: 0 of 10 points"):
        check("residual-block", nn.Identity)
    with pytest.raises(AssertionError, match="no exercise called"):
        check("no-such")


class Outline(HTMLParser):
    """Which elements there are, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def test_the_html_is_a_table_with_words_and_escapes_what_the_learner_wrote() -> None:
    html = check("residual-block", raising(RuntimeError("<script>alert(1)</script>")))._repr_html_()
    outline = Outline(html)
    assert outline.open == []
    assert "script" not in outline.seen
    assert {"table", "caption", "th"} <= set(outline.seen)
    assert "failed" in outline.text
    assert "<script>alert(1)</script>" in outline.text


def test_hints_rise_and_end_with_the_last(capsys: pytest.CaptureFixture[str]) -> None:
    hints = engine.bank()["residual-block"]["hints"]
    for number in (1, 2, 3, 3):
        hint("residual-block")
        assert capsys.readouterr().out == f"Hint {number} of 3: {hints[number - 1]}\n"
    assert "shows the last hint again" in check("residual-block", nn.Identity).hint


def state(exercise: str) -> tuple[str, ...]:
    return next(row[2:] for row in progress().rows if row[1] == exercise)


def test_progress_counts_attempts_keeps_the_best_and_says_what_is_next() -> None:
    assert state("residual-block") == ("next", "– of 10", "0")
    assert state("small-resnet")[0] == "after residual-block"
    check("residual-block", nn.Identity)
    assert state("residual-block") == ("next", "0 of 10", "1")
    check("residual-block", BasicBlock)
    check("residual-block", nn.Identity)
    assert state("residual-block") == ("done", "10 of 10", "3")
    assert state("small-resnet")[0] == "next"
    assert str(progress()).startswith("1 of 19 exercises done")
    assert Outline(progress()._repr_html_()).open == []


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"residual-block": 3}', '{"a": {"best": -1}}', "\x00"])
def test_a_damaged_progress_file_is_set_aside(damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        saved.file().parent.mkdir(exist_ok=True)
        saved.file().write_text(damage, encoding="utf-8")
        check("residual-block", BasicBlock)
        assert "was damaged. It is kept as" in capsys.readouterr().out
        assert saved.load()["residual-block"]["best"] == 10
    assert len([path for path in saved.file().parent.iterdir() if path.read_text(encoding="utf-8") == damage]) == 2


def test_where_nothing_can_be_saved_the_check_still_answers(capsys: pytest.CaptureFixture[str]) -> None:
    saved.file().parent.write_text("a file where the folder should be", encoding="utf-8")
    assert check("residual-block", BasicBlock)
    assert "Progress could not be" in capsys.readouterr().out


def test_the_progress_file_is_the_one_of_the_platform(tmp_path: Path) -> None:
    code = "from labutils.checks import saved; print(saved.file())"
    environment = os.environ | {"XDG_DATA_HOME": str(tmp_path), "HOME": str(tmp_path)}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, encoding="utf-8")
    assert result.stdout.startswith(str(tmp_path))


def test_a_result_without_checks_is_not_passed() -> None:
    assert not Result("x", (), 0, 0)
    assert Result("x", (CheckResult("a", "passed"), CheckResult("b", "undecided")), 1, 1)


def test_the_bank_is_valid_json_of_three_hints_an_exercise() -> None:
    bank = json.loads(engine.BANK.read_text(encoding="utf-8"))
    assert list(bank) == list(exercises.IDS)
    assert all(len(entry["hints"]) == 3 for entry in bank.values())
