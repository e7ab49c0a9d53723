"""The built book as a reader meets it: each page in a browser, in both themes, on a screen and on a phone."""

import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlparse

import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup, Tag
from playwright.sync_api import Browser, Page, Request

from labutils import plots
from tests.book.faults import built_pages, page_names
from tests.conftest import ROOT

pytestmark = pytest.mark.book
HTML = ROOT / "_build" / "html"
PAGES = page_names(ROOT)
CHAPTERS = [name for name in PAGES if name.startswith("chapters/")]
THEMES = ("light", "dark")
WIDTHS = (1280, 390)
# What shows only in the page as it stands: ids that came twice, and what a keyboard can't reach.
INSPECT = """() => {
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  const controls = [...document.querySelectorAll("a[href], button, input, select, textarea, summary")];
  return {
    repeated: ids.filter((id, place) => ids.indexOf(id) !== place),
    unreachable: controls.filter((element) => element.checkVisibility() && element.tabIndex < 0)
      .map((element) => element.outerHTML.slice(0, 200)),
    width: document.documentElement.scrollWidth,
  };
}"""


@dataclass
class Visit:
    """What was found on a page."""

    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)
    width: int = 0


def watch(tab: Page, visit: Visit) -> None:
    """Note in ``visit`` what the page asks for and complains about."""

    def note(request: Request) -> None:
        if not request.url.startswith(("data:", "blob:")):
            visit.requests.append(request.url)

    tab.on("request", note)
    tab.on("console", lambda message: visit.errors.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: visit.errors.append(str(error)))


@pytest.fixture(scope="module")
def visit(browser: Browser) -> Callable[[str, str, int], Visit]:
    """Looks at a page in a theme and at a width, once for all tests that ask."""
    visits: dict[tuple[str, str, int], Visit] = {}

    def look(name: str, theme: str, width: int) -> Visit:
        if (name, theme, width) not in visits:
            look_in_both_themes(name, width)
        return visits[name, theme, width]

    def look_in_both_themes(name: str, width: int) -> None:
        # without motion, since the colours of a theme that is still coming in are neither's
        tab = browser.new_page(viewport={"width": width, "height": 800}, reduced_motion="reduce")
        found = Visit()
        watch(tab, found)
        tab.goto((HTML / f"{name}.html").as_uri())
        tab.wait_for_load_state("networkidle")
        for theme in THEMES:
            tab.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            tab.locator(f"html[data-theme={theme}]").wait_for()
            for key, value in tab.evaluate(INSPECT).items():
                setattr(found, key, value)
            options = {"resultTypes": ["violations"], "preload": False}  # preloading would ask for every file again
            violations = Axe().run(tab, options=options).response["violations"]
            found.violations = [f"{one['id']}: {node['html']}" for one in violations for node in one["nodes"]]
            visits[name, theme, width] = copy.deepcopy(found)
        tab.close()

    return look


Look = Callable[[str, str, int], Visit]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_nothing_outside_itself_and_logs_no_error(
    name: str, theme: str, width: int, visit: Look
) -> None:
    found = visit(name, theme, width)
    assert found.requests
    assert [url for url in found.requests if not url.startswith(HTML.as_uri())] == []
    assert found.errors == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible(name: str, theme: str, width: int, visit: Look) -> None:
    found = visit(name, theme, width)
    assert found.violations == []
    assert found.unreachable == []
    assert found.repeated == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_phone(name: str, visit: Look) -> None:
    assert visit(name, "light", 390).width <= 390


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_light(name: str, visit: Look) -> None:
    """What the first visit loads, uncompressed."""
    files = {Path(unquote(urlparse(url).path)) for url in visit(name, "light", 1280).requests}
    has_maths = bool(BeautifulSoup((HTML / f"{name}.html").read_text(encoding="utf-8"), "html.parser").select(".math"))
    assert sum(file.stat().st_size for file in files) < (3_500_000 if has_maths else 1_100_000)
    assert (HTML / f"{name}.html").stat().st_size < 150_000


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The built book, served by http."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(HTML))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("name", ["intro", "chapters/01-degradation", "chapters/08-resnext"])
def test_the_served_page_asks_for_nothing_outside_itself(name: str, browser: Browser, address: str) -> None:
    tab, found = browser.new_page(), Visit()
    watch(tab, found)
    tab.goto(f"{address}/{name}.html")
    tab.wait_for_load_state("networkidle")
    tab.close()
    assert [url for url in found.requests if not url.startswith(address)] == []
    assert found.errors == []


@pytest.mark.parametrize("scheme", ["file", "http"])
def test_search_finds_the_chapter(scheme: str, browser: Browser, address: str) -> None:
    tab, found = browser.new_page(), Visit()
    watch(tab, found)
    tab.goto(f"{HTML.as_uri() if scheme == 'file' else address}/intro.html")
    tab.keyboard.press("Control+k")
    tab.keyboard.type("cardinality")
    tab.keyboard.press("Enter")
    tab.locator("#search-results a", has_text="Can width be spent better?").first.click()
    tab.wait_for_url("**/chapters/08-resnext.html*")
    tab.close()
    allowed = HTML.as_uri() if scheme == "file" else address
    assert [url for url in found.requests if not url.startswith(allowed)] == []
    assert found.errors == []


@pytest.mark.parametrize("theme", THEMES)
def test_paper_gets_a_light_page_without_controls_and_with_all_that_is_folded(theme: str, browser: Browser) -> None:
    tab = browser.new_page(color_scheme="dark" if theme == "dark" else "light")
    tab.goto((HTML / "chapters" / "06-why-it-works.html").as_uri())
    tab.emulate_media(media="print")
    for hidden in (".bd-sidebar-primary", ".bd-sidebar-secondary", ".bd-header-article", ".widget .controls"):
        assert tab.locator(hidden).count()
        assert not tab.locator(hidden).first.is_visible(), hidden
    for shown in ("h1", "details.choice p", "details.sd-dropdown p", "svg.drawing", "lesion-player svg"):
        assert tab.locator(f"article {shown}").first.is_visible(), shown
    colours = "(element) => [getComputedStyle(element).color, getComputedStyle(document.body).backgroundColor]"
    assert tab.locator("article p").first.evaluate(colours) == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    tab.close()


@pytest.mark.parametrize("theme", THEMES)
def test_a_drawing_follows_the_theme_and_a_picture_in_it_keeps_its_colours(theme: str, browser: Browser) -> None:
    tab = browser.new_page(color_scheme="dark" if theme == "dark" else "light")
    tab.goto((HTML / "chapters" / "06-why-it-works.html").as_uri())
    colour = "(element) => getComputedStyle(element).color"
    text, page = tab.locator("article p").first.evaluate(colour), tab.locator("svg.drawing text").first
    assert page.evaluate("(element) => getComputedStyle(element).fill") == text
    picture = tab.locator("svg.drawing image").first
    assert picture.evaluate("(element) => getComputedStyle(element).filter") == "none"
    tab.close()


def test_the_pages_have_the_colours_of_the_drawings() -> None:
    found = dict(re.findall(r"--course-(\w+): (#\w+);", (ROOT / "_static" / "course.css").read_text(encoding="utf-8")))
    assert found == {
        name: getattr(plots, name.upper()) for name in ("blue", "orange", "green", "purple", "red", "grey")
    }


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


def test_only_pages_with_a_widget_load_the_widgets() -> None:
    loading = {}
    for name, page in built_pages(ROOT):
        loading[name] = bool(page.select('script[src*="widgets.js"]'))
        assert loading[name] == bool(page.select("[data-widget]")), name
    assert any(loading.values())
    assert not all(loading.values())


def test_every_drawing_says_what_it_shows_and_every_figure_has_a_number_and_a_caption() -> None:
    drawings: list[tuple[str, Tag]] = []
    for name, page in built_pages(ROOT):
        drawings += [(name, drawing) for drawing in page.select("svg.drawing")]
        assert page.select("article img") == [], f"{name}: a picture that is not a drawing of this book"
        for figure in page.select("article figure"):
            assert figure.select_one(".caption-number"), name
            assert len(figure.select_one(".caption-text").get_text()) > 40, name  # pyright: ignore[reportOptionalMemberAccess]
    assert drawings
    for name, drawing in drawings:
        assert len(str(drawing["aria-label"])) > 40, name


def test_every_displayed_formula_has_a_number() -> None:
    for name, page in built_pages(ROOT):
        assert len(page.select("div.math")) == len(page.select("div.math .eqno")), name


def test_what_is_hidden_unfolds_without_a_script() -> None:
    folded = 0
    for name, page in built_pages(ROOT):
        assert page.select(".toggle, .admonition.dropdown") == [], name
        for hidden in page.select("details"):
            summary = hidden.find(recursive=False)
            assert isinstance(summary, Tag)
            assert summary.name == "summary", name
            assert summary.get_text().strip(), name
            folded += 1
        for cell in page.select(".tag_hide-input, .tag_hide-output, .tag_hide-cell"):
            assert cell.select("details > summary"), name
    assert folded


def test_ids_are_unique() -> None:
    for name, page in built_pages(ROOT):
        ids = [str(tag["id"]) for tag in page.select("[id]")]
        assert sorted(ids) == sorted(set(ids)), name


def test_the_first_page_shows_the_curve_that_this_build_measured() -> None:
    def shape(drawing: Tag | None) -> str:
        assert drawing is not None
        return re.sub(r"f\d+-", "", drawing.decode_contents())

    pages = dict(built_pages(ROOT))
    borrowed = pages["intro"].select_one(".borrowed-figure svg.drawing")
    measured = pages["chapters/01-degradation"].select_one("#fig-degradation svg.drawing")
    assert shape(borrowed) == shape(measured)
    assert pages["intro"].select('.borrowed-figure a[href="chapters/01-degradation.html#fig-degradation"]')


def test_no_page_names_the_machine_it_was_built_on() -> None:
    for name, _ in built_pages(ROOT):
        assert str(Path.home()) not in (HTML / f"{name}.html").read_text(encoding="utf-8")
        assert str(ROOT) not in (HTML / f"{name}.html").read_text(encoding="utf-8")
