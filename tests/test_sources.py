"""What holds for every line of code: text is read and written as UTF-8, whatever the locale."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

FOLDERS = ("labutils", "experiments", "banks", "_ext", "tests")


def without_encoding(source: str) -> Iterator[str]:
    """The calls that read or write text in the locale's encoding, as far as they show it: more than ruff can tell."""
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call) or any(keyword.arg == "encoding" for keyword in call.keywords):
            continue
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        strings = [part.value for part in call.args if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        modes = [text for text in strings if set(text) <= set("rwxabt+")]
        opens_text = name == "open" and not any("b" in mode for mode in modes)
        as_text = any(keyword.arg in ("text", "universal_newlines") for keyword in call.keywords)
        if name in ("read_text", "write_text") or as_text or (opens_text and _is_path_or_builtin(call)):
            yield f"line {call.lineno}: {ast.unparse(call)[:100]}"


def _is_path_or_builtin(call: ast.Call) -> bool:
    """Not the ``open`` of a module or an archive, such as os, tarfile, Image or zipfile's."""
    owner = getattr(call.func, "value", None)
    return not (isinstance(owner, ast.Name) and owner.id in ("os", "tarfile", "Image", "archive"))


def test_text_is_read_and_written_as_utf_8() -> None:
    files = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    assert len(files) > 100
    faults = {path: list(without_encoding(path.read_text(encoding="utf-8"))) for path in files}
    assert {path: found for path, found in faults.items() if found} == {}


@pytest.mark.parametrize(
    "source",
    [
        "open('a')",
        "open('a', 'w')",
        "path.open()",
        "path.open('w')",
        "a.read_text()",
        "b().write_text('x')",
        "subprocess.run(['ls'], text=True)",
    ],
)
def test_a_call_without_an_encoding_is_found(source: str) -> None:
    assert list(without_encoding(source))


@pytest.mark.parametrize("source", ["open('a', 'rb')", "path.open('wb')", "os.open(name, os.O_RDWR)", "a.read_bytes()"])
def test_what_is_not_text_needs_no_encoding(source: str) -> None:
    assert not list(without_encoding(source))


def test_a_failed_check_says_why_under_a_locale_without_utf_8(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom labutils import check\nresult = check('residual-block', int)\n"
        "sys.stdout.buffer.write(str(result).encode())"
    )
    locale = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "XDG_DATA_HOME": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", code], env=os.environ | locale, capture_output=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    said = run.stdout.decode()
    assert "✗ failed" in said
    assert 'hint("residual-block") shows hint 1 of 3' in said
