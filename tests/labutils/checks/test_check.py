"""``check``, ``hint`` and ``progress`` as a learner meets them."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from banks import programs
from labutils import check, hint, progress
from labutils.checks import engine, exercises, saved, transport
from labutils.checks.result import CheckResult, Result, Table
from labutils.checks.solutions import SOLUTIONS
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
    assert result.hint == result.asked == result.misconception == ""
    assert [word for word, _ in result.lines()] == ["✓ passed", "One way to write it"]


def test_a_wrong_class_is_false_and_is_told_what_why_and_how_to_go_on() -> None:
    result = check("residual-block", NoShortcut)
    assert not result
    assert 0 < result.score < result.max_score
    assert 'hint("residual-block") shows hint 1 of 3.' in str(result)


def test_the_first_failure_and_what_was_asked_come_first_and_other_failures_are_only_named() -> None:
    headline, first, passed, blocked, *_ = str(check("residual-block", raising(RuntimeError("no luck")))).splitlines()
    assert headline == "residual-block: 0 of 10 points"
    assert first.split()[:3] == ["✗", "failed", "shape:"]
    assert passed.split()[:2] == ["✓", "passed"]
    assert blocked.split()[:2] == ["–", "blocked"]
    result = check("residual-block", NoShortcut)
    also = [text for word, text in result.lines() if word == "✗ failed too"]
    assert also == [", ".join(c.name for c in result.checks if c.status == "failed" and c is not result.first_failure)]
    assert [word for word, _ in result.lines()] == ["✗ failed", "Asked for", "✗ failed too", "✓ passed", "Hint"]


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


def doing(work: Callable[[], object]) -> type[nn.Module]:
    class Block(BasicBlock):
        def forward(self, x: Tensor) -> Tensor:
            work()
            return super().forward(x)

    return Block


def loop() -> None:
    while True:
        pass


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
        (3, "BasicBlock is an int, which can't be called"),
        ("BasicBlock", "BasicBlock is a str, which can't be called"),
        (BasicBlock(1, 1), "a module was given; give what makes it"),
        (int, "it raised TypeError"),
        (list, "it raised TypeError"),
        (lambda *_args: 5, "it gave an int where a module was expected"),
        (lambda *_args: BasicBlock, "it gave a class where a module was expected"),
        (nn.Identity, "for an input (2, 8, 6, 6)"),
        (lambda: BasicBlock(8, 8), "it raised TypeError"),
        (raising(RuntimeError("no luck")), "it raised RuntimeError: no luck (in the line `raise error`)"),
        (raising(SystemExit(3)), "it raised SystemExit: 3"),
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
    assert len(result._repr_html_()) < 8000
    assert capsys.readouterr().out == ""


timed = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this platform has no timers")


@timed
def test_an_endless_loop_is_stopped_by_the_time_that_it_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "COMPUTING_LIMIT_S", 0.2)
    result = check("residual-block", doing(loop))
    assert not result
    assert "shape: BasicBlock(8, 8): " not in str(result)  # the limit is no finding about a case
    assert "shape: it was still running after 0.2 seconds of computing, so it was stopped" in str(result)
    assert result.checks[2].message == "not reached"
    assert saved.load()["residual-block"]["attempts"] == 1


@timed
def test_time_in_which_other_processes_compute_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "COMPUTING_LIMIT_S", 0.5)
    waiting = threading.Event()
    waited: list[bool] = []
    assert check("residual-block", doing(lambda: waited or waited.append(waiting.wait(1.0))))
    assert waited == [False]


@timed
def test_what_waits_is_stopped_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "WALL_LIMIT_S", 0.2)
    result = check("residual-block", doing(lambda: threading.Event().wait(5)))
    assert not result
    assert "it was still running after 0.2 seconds, so it was stopped" in str(result)


def test_the_limits_are_ten_seconds_of_computing_and_a_minute_by_the_clock() -> None:
    assert (transport.COMPUTING_LIMIT_S, transport.WALL_LIMIT_S) == (10, 60)


@timed
def test_a_check_leaves_timers_and_their_handlers_as_they_were() -> None:
    timers = {signal.SIGALRM: signal.ITIMER_REAL, signal.SIGPROF: signal.ITIMER_PROF}
    handlers = {number: signal.signal(number, lambda *_: None) for number in timers}
    try:
        mine = [signal.getsignal(number) for number in timers]
        for timer in timers.values():
            signal.setitimer(timer, 1000, 7)
        check("residual-block", BasicBlock)
        assert [signal.getsignal(number) for number in timers] == mine
        for timer in timers.values():
            left, again = signal.getitimer(timer)
            assert 900 < left < 1001
            assert again == 7
    finally:
        for number, handler in handlers.items():
            signal.setitimer(timers[number], 0)
            signal.signal(number, handler)


@timed
def test_a_limit_that_is_reached_while_limits_are_lifted_leaves_none_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    setitimer = signal.setitimer

    def late(timer: signal.ITIMER_REAL, *times: float) -> tuple[float, float]:  # pyright: ignore
        if times == (0,):
            signal.raise_signal(signal.SIGPROF)
        return setitimer(timer, *times)

    handlers = [signal.getsignal(number) for number in (signal.SIGALRM, signal.SIGPROF)]
    monkeypatch.setattr(signal, "setitimer", late)
    assert check("residual-block", BasicBlock)
    assert [signal.getsignal(number) for number in (signal.SIGALRM, signal.SIGPROF)] == handlers
    assert signal.getitimer(signal.ITIMER_REAL) == signal.getitimer(signal.ITIMER_PROF) == (0, 0)


def test_outside_the_main_thread_a_check_is_made_without_limits() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(check, "residual-block", BasicBlock).result()


def interrupt() -> None:
    raise KeyboardInterrupt


def test_an_interrupt_stops_at_once_says_so_and_counts_no_attempt() -> None:
    calls: list[int] = []
    result = check("residual-block", doing(lambda: (calls.append(1), interrupt())))
    assert len(calls) == 1
    assert not result
    assert not result.passed
    assert str(result) == "residual-block: interrupted, so no attempt is counted"
    assert (result.score, result.max_score) == (0, 0)
    assert saved.load() == {}
    assert "interrupted" in Outline(result._repr_html_()).text


def test_an_interrupt_while_the_misconception_is_looked_for_stops_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "fingerprint", lambda _exam: interrupt())
    assert "interrupted" in str(check("residual-block", NoShortcut))
    assert saved.load() == {}


@timed
def test_time_that_is_up_while_the_misconception_is_looked_for_costs_only_that(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(_exam: object) -> None:
        raise transport.TimeUp("late")

    known = next(program for program in programs("residual-block") if program.name == "no_last_relu")
    expected = check("residual-block", *known.objects())
    monkeypatch.setattr(engine, "fingerprint", late)
    result = check("residual-block", *known.objects())
    assert expected.misconception == known.says
    assert result.misconception == ""
    assert (result.checks, result.score) == (expected.checks, expected.score)


def test_in_strict_mode_an_interrupt_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABUTILS_STRICT", "1")
    with pytest.raises(KeyboardInterrupt):
        check("residual-block", doing(interrupt))


SETTINGS: dict[str, tuple[Callable[[], Any], Callable[[Any], object], Any]] = {
    "dtype": (torch.get_default_dtype, torch.set_default_dtype, torch.float64),
    "threads": (torch.get_num_threads, torch.set_num_threads, 3),
    "gradients": (torch.is_grad_enabled, torch.set_grad_enabled, False),
    "device": (lambda: torch.empty(0).device.type, torch.set_default_device, "meta"),
    "anomaly detection": (
        lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        lambda both: torch.autograd.set_detect_anomaly(*both),
        (True, False),
    ),
    "determinism": (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode, 1),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_check_leaves_settings_as_they_were(name: str) -> None:
    get, put, other = SETTINGS[name]
    before = get()
    assert other != before
    try:
        check("residual-block", doing(lambda: put(other)))
        assert get() == before
        put(other)
        assert check("residual-block", BasicBlock)
        assert get() == other
        check("residual-block", doing(lambda: put(before)))
        assert get() == other
    finally:
        put(before)


def test_inside_a_check_settings_are_the_usual_ones() -> None:
    usual = {
        "dtype": torch.float32,
        "threads": 1,
        "gradients": True,
        "device": "cpu",
        "anomaly detection": (False, True),
    }
    before = {name: SETTINGS[name][0]() for name in usual}
    try:
        for name in usual:
            SETTINGS[name][1](SETTINGS[name][2])
        with transport.guarded():
            inside = {name: SETTINGS[name][0]() for name in usual}
    finally:
        for name, value in before.items():
            SETTINGS[name][1](value)
    assert inside == usual


def test_a_check_leaves_random_numbers_and_warnings_as_they_were() -> None:
    def meddle() -> None:
        torch.manual_seed(1)
        np.random.seed(1)
        random.seed(1)
        warnings.simplefilter("always")

    def states() -> list[object]:
        numpy_state = np.random.get_state(legacy=False)
        return [torch.get_rng_state().tolist(), repr(numpy_state), random.getstate(), list(warnings.filters)]

    np.random.rand(3)
    before = states()
    check("residual-block", doing(meddle))
    assert states() == before


def test_a_warning_in_the_learners_code_is_no_failure() -> None:
    assert check("residual-block", doing(lambda: warnings.warn("careful", stacklevel=1)))


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
    hint("residualblock")
    assert capsys.readouterr().out.startswith(
        "There is no exercise called 'residualblock': did you mean residual-block"
    )


class Untouchable:
    """Raises whatever is asked of it."""

    def refuse(self, *_arguments: object) -> Any:
        raise RuntimeError("hands off")

    __eq__ = __hash__ = __str__ = __repr__ = __len__ = __bool__ = __getattr__ = __format__ = refuse
    __class__ = property(refuse)  # pyright: ignore


class Disguised(str):
    """An exercise's name that raises when it is compared or shown."""

    __eq__ = __hash__ = __str__ = __repr__ = Untouchable.refuse  # pyright: ignore


ODD: list[tuple[Callable[[], Any], str]] = [
    (lambda: 7, "an int"),
    (lambda: None, "None"),
    (lambda: [1, [2]], "a list"),
    (lambda: ["residual-block"], "a list"),
    (lambda: b"residual-block", "a bytes"),
    (lambda: float("nan"), "a float"),
    (lambda: np.zeros(3), "an ndarray"),
    (lambda: torch.zeros(3), "a Tensor"),
    (lambda: nn.Identity(), "an Identity"),
    (lambda: BasicBlock, "a class"),
    (lambda: Untouchable(), "an Untouchable"),
]
ODD_NAMES: list[tuple[Callable[[], Any], str]] = [
    (lambda: Disguised("no-such"), "no-such"),
    (lambda: "x" * 1_000_000, "x" * 100),
    (lambda: "\ud800\0", "\ud800\0"),
]


ALL = f"there are {', '.join(exercises.IDS)}."


@pytest.mark.parametrize(("make", "what"), ODD, ids=range(len(ODD)))
def test_what_is_no_text_is_answered_with_all_names_and_none_is_suggested(
    make: Callable[[], Any], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = make()
    result = check(odd, BasicBlock)
    assert not result
    sentence = f"{what} was given where the name of an exercise was expected: {ALL}"
    assert result.checks[0].message == sentence
    assert result.exercise == f"<{type(odd).__name__}>"
    hint(odd)
    assert capsys.readouterr().out == f"{sentence[0].upper()}{sentence[1:]}\n"


@pytest.mark.parametrize(("make", "called"), ODD_NAMES, ids=range(len(ODD_NAMES)))
def test_a_name_that_is_like_none_gets_the_plain_sentence(
    make: Callable[[], Any], called: str, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = make()
    result = check(odd, BasicBlock)
    assert not result
    assert result.checks[0].message == f"there is no exercise called {called!r}: {ALL}"
    assert result.exercise == called
    hint(odd)
    assert "There is no exercise called" in capsys.readouterr().out


@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_an_empty_name_is_answered_with_all_names(empty: str) -> None:
    assert check(empty, BasicBlock).checks[0].message == f"the name of the exercise is empty: {ALL}"
    assert str(check("")).startswith("Not checked\n")


def test_a_name_of_another_kind_of_text_is_a_name() -> None:
    assert check(Disguised("residual-block"), BasicBlock)
    assert check(np.str_("residual-block"), BasicBlock)


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ((), 'no object was given; call check("training-loop", train_one_epoch, evaluate).'),
        ((int,), '1 object was given; call check("training-loop", train_one_epoch, evaluate).'),
        ((int, int, int), '3 objects were given; call check("training-loop", train_one_epoch, evaluate).'),
    ],
)
def test_a_wrong_number_of_objects_names_the_call(objects: tuple[Any, ...], message: str) -> None:
    assert check("training-loop", *objects).checks[0].message == message


@pytest.fixture
def half_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives residual-block three checks: one that passes, one that can't be decided, and one that needs it."""
    checks = (
        engine.Check("shape", 4, lambda _exam, _case: "", "asked"),
        engine.Check("output", 5, lambda _exam, _case: engine.UNDECIDED, "asked"),
        engine.Check("reload", 1, lambda _exam, _case: "", "asked", needs=("output",)),
    )
    definition = exercises.load("residual-block")
    monkeypatch.setattr(exercises, "load", lambda _: engine.replace(definition, checks=checks))


@pytest.mark.usefixtures("half_decided")
def test_what_is_undecided_is_neither_solved_nor_wrong_and_says_why_and_how_to_go_on() -> None:
    result = check("residual-block", BasicBlock)
    assert not result
    assert result.headline == "residual-block: 4 of 10 points so far; a person decides about the rest"
    assert dict(result.lines()) == {
        "✓ passed": "shape",
        "– not decided": "output (at BasicBlock(8, 8))",
        "Why": "The parameters are laid out in a way that could not be matched with the usual one.",
        "What to do": "Keep the weights in `torch.nn` layers, or as `nn.Parameter`s of the usual shape, such as "
        "(out, in, height, width) for a convolution and (channels,) for BN's scale and shift.",
        "– blocked": "reload (needs output)",
    }
    assert saved.load()["residual-block"] == {"attempts": 1, "best": 4, "done": 0, "hints": 0}


@pytest.mark.usefixtures("half_decided")
def test_in_strict_mode_what_is_undecided_is_to_be_graded_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABUTILS_STRICT", "1")
    with pytest.raises(AssertionError, match="4 of 10 points so far") as raised:
        check("residual-block", BasicBlock)
    assert str(raised.value).endswith("so grade this answer by hand.")


def test_beside_a_failure_what_is_undecided_is_named_and_not_how_to_write_it() -> None:
    checks = (CheckResult("a", "failed", "m"), CheckResult("b", "undecided", "f(1)"))
    result = Result("x", checks, 0, 10)
    assert [word for word, _ in result.lines()] == ["✗ failed", "– not decided", "Why"]
    assert result.headline == "x: 0 of 10 points"


def test_what_is_blocked_is_named_beside_what_it_needs() -> None:
    needs = {"b": "needs a", "c": "needs f", "d": "needs a"}
    checks = (CheckResult("a", "failed"), *(CheckResult(name, "blocked", why) for name, why in needs.items()))
    assert Result("x", checks, 0, 1).lines()[-1] == ("– blocked", "b, d (needs a); c (needs f)")


def test_strict_mode_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABUTILS_STRICT", "1")
    assert check("residual-block", BasicBlock)
    with pytest.raises(AssertionError, match="residual-block: 0 of 10 points") as raised:
        check("residual-block", nn.Identity)
    assert "by hand" not in str(raised.value)
    with pytest.raises(AssertionError, match="no exercise called"):
        check("no-such")


class Outline(HTMLParser):
    """Which elements there are, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text = ""
        self.code: list[str] = []
        self.styles: list[tuple[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.seen.append(tag)
        self.styles.append((tag, dict(attrs).get("style") or ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + " "
        if "code" in self.open:
            self.code.append(data)


def test_the_html_is_a_table_with_words_and_escapes_what_the_learner_wrote() -> None:
    html = check("residual-block", raising(RuntimeError("<script>alert(1)</script>")))._repr_html_()
    outline = Outline(html)
    assert outline.open == []
    assert "script" not in outline.seen
    assert {"table", "caption", "th"} <= set(outline.seen)
    assert "failed" in outline.text
    assert "<script>alert(1)</script>" in outline.text.replace(" ", "")


def test_no_part_of_a_result_or_of_a_table_is_taken_for_html() -> None:
    text = "<script>x</script> & 'y'"
    check_result = CheckResult(f"check {text}", "failed", f"message {text}")
    result = Result(
        f"exercise {text}", (check_result,), 0, 10, f"cause {text}", f"misconception {text}", f"hint {text}"
    )
    html = result._repr_html_()
    outline = Outline(html)
    assert "script" not in outline.seen
    for part in ("check", "message", "exercise", "misconception", "hint"):
        assert f"{part} {text}" in outline.text
    assert "script" not in Outline(check("<script>x</script>")._repr_html_()).seen
    table = Outline(Table(f"title {text}", (f"column {text}",), [(f"cell {text}",)])._repr_html_())
    assert "script" not in table.seen
    for part in ("title", "column", "cell"):
        assert f"{part} {text}" in table.text


def test_every_cell_of_the_html_says_itself_that_it_is_left_aligned_and_row_heads_are_unbroken() -> None:
    for html in (check("residual-block", NoShortcut)._repr_html_(), progress()._repr_html_()):
        styles = Outline(html).styles
        cells = [style for tag, style in styles if tag in ("td", "th", "caption")]
        assert len(cells) > 5
        assert all("text-align: left" in style for style in cells)
        assert all("white-space: nowrap" in style for tag, style in styles if tag == "th")
        assert all("color" not in style.replace("color: inherit", "") for _, style in styles)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("BasicBlock(8, 8): wrong", ["BasicBlock(8, 8)"]),
        ('call check("x", f(1), g) and `a < b`, not `c`', ['check("x", f(1), g)', "a < b", "c"]),
        ("x[:, :, ::2] and model.train(…)", ["x[:, :, ::2]", "model.train(…)"]),
        ("`nn.Parameter`s", ["nn.Parameter"]),
        ("the output (2, 8) and the ` of f( and g", []),
        ("f(<b>)", ["f(<b>)"]),
    ],
)
def test_calls_and_what_is_between_backticks_are_code_in_html(message: str, code: list[str]) -> None:
    result = Result("x", (CheckResult("a", "failed", message),), 0, 1)
    outline = Outline(result._repr_html_())
    assert outline.code == code
    assert "b" not in outline.seen
    assert message in str(result)
    assert outline.text.replace(" ", "").replace("`", "").count(message.replace(" ", "").replace("`", "")) == 1


def test_no_name_of_a_check_is_taken_for_code() -> None:
    for name in exercises.IDS:
        checks = tuple(CheckResult(one.name, "passed") for one in exercises.load(name).checks)
        assert Outline(Result(name, checks, 1, 1)._repr_html_()).code == []


def test_hints_rise_and_after_the_last_there_are_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    hints = engine.bank()["residual-block"]["hints"]
    for number in (1, 2, 3):
        assert f"shows hint {number} of 3" in check("residual-block", nn.Identity).hint
        hint("residual-block")
        assert capsys.readouterr().out == f"Hint {number} of 3: {hints[number - 1]}\n"
    last = 'That was the last of 3 hints; hint("residual-block", 3) shows it again.\n'
    for _ in range(2):
        hint("residual-block")
        assert capsys.readouterr().out == last
    no_more = 'There are no more hints; hint("residual-block", 3) shows the last one again.'
    assert check("residual-block", nn.Identity).hint == no_more
    check("residual-block", BasicBlock)
    hint("residual-block")
    assert capsys.readouterr().out == f"{last}One way to write it: {SOLUTIONS['residual-block']}\n"


def test_a_hint_has_a_number_and_those_before_it_count_as_shown(capsys: pytest.CaptureFixture[str]) -> None:
    hints = engine.bank()["residual-block"]["hints"]
    for number, shown in ((2, 2), (1, 2), (3, 3), (1, 3)):
        hint("residual-block", number)
        assert capsys.readouterr().out == f"Hint {number} of 3: {hints[number - 1]}\n"
        assert saved.load()["residual-block"]["hints"] == shown
    hint("residual-block")
    assert capsys.readouterr().out.startswith("That was the last of 3 hints")


NO_NUMBERS: list[Callable[[], Any]] = [
    *(lambda number=number: number for number in (0, -1, 4, 10**5000, True, 1.0, "1", [1], float("nan"))),
    lambda: Untouchable(),
]


@pytest.mark.parametrize("make", NO_NUMBERS, ids=range(len(NO_NUMBERS)))
def test_a_number_that_no_hint_has_is_answered_with_those_that_there_are(
    make: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    hint("residual-block", make())
    there_are = "residual-block has hints 1 to 3, so call, for example"
    assert capsys.readouterr().out == f'There is no such hint: {there_are}, hint("residual-block", 1).\n'
    assert saved.load() == {}


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
    assert state("small-resnet")[0] == "open"
    assert str(progress()).startswith("1 of 19 exercises done, next: shortcut-a\n")
    assert Outline(progress()._repr_html_()).open == []


def test_a_hint_alone_is_no_attempt_and_gives_no_score() -> None:
    hint("residual-block")
    assert state("residual-block") == ("next", "– of 10", "0")


def test_one_exercise_comes_next_until_all_are_done() -> None:
    entries: dict[str, saved.Entry] = {"of an older course": {"attempts": 1, "best": 10, "done": 1, "hints": 0}}
    for number, name in enumerate(exercises.IDS):
        saved.save(entries)
        table = progress()
        assert [row[1] for row in table.rows if row[2] == "next"] == [name]
        assert table.title == f"{number} of 19 exercises done, next: {name}"
        entries[name] = {"attempts": 1, "best": 10, "done": 1, "hints": 0}
    saved.save(entries)
    assert progress().title == "19 of 19 exercises done"
    assert {row[2] for row in progress().rows} == {"done"}


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"residual-block": 3}', '{"a": {"best": -1}}', "\x00"])
def test_a_damaged_progress_file_is_set_aside(damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        saved.file().parent.mkdir(exist_ok=True)
        saved.file().write_text(damage, encoding="utf-8")
        check("residual-block", BasicBlock)
        assert "was damaged. It is kept as" in capsys.readouterr().out
        assert saved.load()["residual-block"]["best"] == 10
    assert len([path for path in saved.file().parent.iterdir() if path.read_text(encoding="utf-8") == damage]) == 2


def test_progress_that_can_not_be_read_is_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    check("residual-block", BasicBlock)
    kept = saved.file().read_bytes()

    def refuse(*_arguments: object, **_options: object) -> str:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_text", refuse)
        assert check("residual-block", BasicBlock)
        hint("residual-block")
    said = capsys.readouterr().out
    assert said.count("so it is left as it is.") == 2
    assert "Hint 1 of 3" in said
    assert saved.file().read_bytes() == kept


def test_where_nothing_can_be_saved_the_check_still_answers(capsys: pytest.CaptureFixture[str]) -> None:
    saved.file().parent.write_text("a file where the folder should be", encoding="utf-8")
    assert check("residual-block", BasicBlock)
    assert "Progress could not be" in capsys.readouterr().out


def test_progress_that_can_only_be_written_in_part_leaves_the_earlier_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError("the disk is full")

    check("residual-block", BasicBlock)
    before = saved.load()
    monkeypatch.setattr(os, "fsync", full)
    check("residual-block", BasicBlock)
    assert "Progress could not be saved (the disk is full)." in capsys.readouterr().out
    assert saved.load() == before
    assert [path.name for path in saved.file().parent.iterdir()] == ["progress.json"]


def test_the_progress_file_is_the_one_of_the_platform(tmp_path: Path) -> None:
    code = "from labutils.checks import saved; print(saved.file())"
    environment = os.environ | {"XDG_DATA_HOME": str(tmp_path), "HOME": str(tmp_path)}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, encoding="utf-8")
    assert result.stdout.startswith(str(tmp_path))


def test_a_result_without_checks_is_not_passed() -> None:
    assert not Result("x", (), 0, 0)
    assert Result("x", (CheckResult("a", "passed"),), 1, 1)


def test_the_bank_is_valid_json_of_three_hints_an_exercise() -> None:
    bank = json.loads(engine.BANK.read_text(encoding="utf-8"))
    assert list(bank) == list(exercises.IDS)
    assert all(len(entry["hints"]) == 3 for entry in bank.values())
