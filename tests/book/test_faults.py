"""What the build's own warnings miss: absent from the book, and seen in a broken one."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.book import faults
from tests.conftest import ROOT, build, make_book

CHECKS = {
    "citation": faults.dead_anchors,
    "fence": faults.unclosed_fences,
    "kernel": faults.code_without_kernel,
    "dollars": faults.raw_maths,
    "table": faults.raw_tables,
}


def build_broken(name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    page = ROOT / "tests" / "faults" / name / "page.md"
    return build(make_book(folder, page.read_text(encoding="utf-8")))


@pytest.mark.book
@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_book_has_no(check: Callable[[Path], list[str]]) -> None:
    assert check(ROOT) == []


@pytest.mark.book
def test_book_has_no_unknown_macro(browser: Browser) -> None:
    assert faults.red_macros(ROOT, browser) == []


@pytest.mark.builds
@pytest.mark.parametrize("name", CHECKS)
def test_fault_passes_the_build_and_is_reported(name: str, tmp_path: Path) -> None:
    result = build_broken(name, tmp_path)
    assert result.returncode == 0, result.stderr
    assert len(CHECKS[name](tmp_path)) == 1


@pytest.mark.builds
def test_unknown_macro_passes_the_build_and_is_reported(browser: Browser, tmp_path: Path) -> None:
    assert build_broken("macro", tmp_path).returncode == 0
    assert faults.red_macros(tmp_path, browser) == ["page: unknown TeX \\nosuchmacro"]


def test_a_book_without_pages_is_refused(tmp_path: Path) -> None:
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: missing\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="names no page"):
        faults.page_names(tmp_path)
