"""What ``make bank`` writes, as a person reads it in a diff."""

import json
from pathlib import Path

import pytest

from banks import Program, programs
from banks.write import BANK, KILL_TABLE, laid_out, looked_at, written
from labutils.checks import engine, exercises


@pytest.mark.parametrize("file", [BANK, KILL_TABLE], ids=lambda file: file.name)
def test_a_file_is_laid_out_with_a_line_for_each_program_and_ends_in_a_line_break(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text == laid_out(json.loads(text), depth=3) + "\n"
    lines = text.splitlines()
    for exercise in exercises.IDS:
        for program in programs(exercise):
            starts = {
                BANK: f'{{"first": {json.dumps(program.first)}, "says": {laid_out(program.says, 0)}, "fingerprint": [',
                KILL_TABLE: f'"{program.name}": {{"says": {laid_out(program.says, 0)}, "rejected by": {{"',
            }
            listed = any(line.startswith(starts[file]) for line in lines)
            assert listed == (program.verdict == "wrong"), program


def test_laid_out_is_json_with_a_line_for_each_entry_down_to_the_depth() -> None:
    value = {"a": {"b": [1, {"c": "é ×"}], "d": []}, "e": {}}
    assert json.loads(laid_out(value, 2)) == value
    assert laid_out(value, 0) == '{"a": {"b": [1, {"c": "é ×"}], "d": []}, "e": {}}'
    assert laid_out(value, 2) == '{\n"a": {\n"b": [1, {"c": "é ×"}],\n"d": []\n},\n"e": {}\n}'
    assert laid_out(value, 3) == '{\n"a": {\n"b": [\n1,\n{"c": "é ×"}\n],\n"d": []\n},\n"e": {}\n}'


def test_a_part_written_again_is_the_same() -> None:
    bank, kills = written("shortcut-a")
    assert bank == engine.bank()["shortcut-a"]
    assert kills == json.loads(KILL_TABLE.read_text(encoding="utf-8"))["shortcut-a"]


def known() -> tuple[Program, list[str | float]]:
    """A wrong program, and its fingerprint as written."""
    program = next(program for program in programs("shortcut-a") if program.name == "ones")
    entry = next(entry for entry in engine.bank()["shortcut-a"]["wrong"] if entry["says"] == program.says)
    return program, entry["fingerprint"]


def test_a_fingerprint_that_differs_in_its_last_digits_is_left_as_it_was_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program, fingerprint = known()
    exercise = exercises.load("shortcut-a")
    entry = {"first": program.first, "says": program.says}
    for shift, kept in ((1e-4, True), (1.0, False)):
        other = [mark if isinstance(mark, str) else mark + shift for mark in fingerprint]
        assert other != fingerprint
        monkeypatch.setattr(
            engine, "bank", lambda other=other: {"shortcut-a": {"wrong": [entry | {"fingerprint": other}]}}
        )
        assert (looked_at(exercise, program)[0] == other) == kept
    monkeypatch.setattr(engine, "bank", dict)  # a new exercise
    assert engine.alike(looked_at(exercise, program)[0], fingerprint)
