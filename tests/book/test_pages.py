"""The built book in a browser and from outside."""

from pathlib import Path

import pytest
from bs4 import Tag
from playwright.sync_api import Browser, Request

from tests.book.faults import built_pages, page_names
from tests.conftest import ROOT

pytestmark = pytest.mark.book
HTML = ROOT / "_build" / "html"


@pytest.mark.parametrize("name", page_names(ROOT))
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_asks_for_nothing_outside_itself_and_logs_no_error(name: str, scheme: str, browser: Browser) -> None:
    tab = browser.new_page(color_scheme="dark" if scheme == "dark" else "light")
    outside: list[str] = []
    errors: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            outside.append(request.url)

    tab.on("request", note)
    tab.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto((HTML / f"{name}.html").as_uri())
    tab.wait_for_load_state("networkidle")
    tab.close()
    assert outside == []
    assert errors == []


@pytest.mark.parametrize("name", page_names(ROOT))
def test_a_page_fits_a_phone(name: str, browser: Browser) -> None:
    tab = browser.new_page(viewport={"width": 390, "height": 800})
    tab.goto((HTML / f"{name}.html").as_uri())
    tab.wait_for_load_state("networkidle")
    width = tab.evaluate("document.documentElement.scrollWidth")
    tab.close()
    assert width <= 390


def test_only_pages_with_maths_load_mathjax_and_it_is_there_with_its_licence() -> None:
    loading = {}
    for name, page in built_pages(ROOT):
        sources = [str(script["src"]) for script in page.select("script[src]")]
        loading[name] = [source for source in sources if "mathjax" in source.lower()]
        assert bool(loading[name]) == bool(page.select(".math")), name
        for source in loading[name]:
            assert (HTML / name).parent.joinpath(source.split("?")[0]).resolve().is_file()
    assert any(loading.values())
    assert not all(loading.values())
    assert (HTML / "_static" / "mathjax" / "LICENSE").is_file()


def test_every_drawing_says_what_it_shows() -> None:
    drawings: list[tuple[str, Tag]] = []
    for name, page in built_pages(ROOT):
        drawings += [(name, drawing) for drawing in page.select("svg.drawing")]
        assert page.select("article img") == [], f"{name}: a picture that is not a drawing of this book"
    assert drawings
    for name, drawing in drawings:
        assert len(str(drawing["aria-label"])) > 40, name


def test_ids_are_unique() -> None:
    for name, page in built_pages(ROOT):
        ids = [str(tag["id"]) for tag in page.select("[id]")]
        assert sorted(ids) == sorted(set(ids)), name


def test_no_page_names_the_machine_it_was_built_on() -> None:
    for name, _ in built_pages(ROOT):
        assert str(Path.home()) not in (HTML / f"{name}.html").read_text()
        assert str(ROOT) not in (HTML / f"{name}.html").read_text()
