"""The figures that answer the hand: right to the unit, by keyboard, and not empty without a script."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from playwright.sync_api import Browser, Page

from labutils import measure
from tests.book.test_chapters import code_of, values
from tests.book.test_pages import HTML, THEMES
from tests.conftest import ROOT

pytestmark = pytest.mark.book
PLACES = {
    "training-replay": "chapters/01-degradation",
    "lesion-player": "chapters/06-why-it-works",
    "block-designer": "chapters/08-resnext",
}
# Sets the sliders to each of the settings, and returns the costs that are shown.
TRY_ALL = """(designer, settings) => settings.map((setting) => {
  const sliders = [...designer.querySelectorAll("input")];
  setting.forEach((place, index) => {
    sliders[index].value = place;
    sliders[index].dispatchEvent(new Event("input", { bubbles: true }));
  });
  return [...designer.querySelectorAll("tbody tr")].map((row) => Number(row.cells[1].textContent.replaceAll(",", "")));
})"""


@pytest.fixture(scope="module")
def tabs(browser: Browser) -> Iterator[dict[str, Page]]:
    """The page of each widget."""
    context = browser.new_context()
    pages = {}
    for name, place in PLACES.items():
        pages[name] = context.new_page()
        pages[name].goto((HTML / f"{place}.html").as_uri())
    yield pages
    context.close()


def data_of(tab: Page, name: str) -> Any:
    """What the cell wrote for the widget."""
    return json.loads(tab.locator(f"{name} script").text_content() or "")


def designer_of_the_chapter() -> Any:
    """The function with which the chapter builds the blocks that it measures."""
    code = code_of(PLACES["block-designer"])
    (cell,) = (source for source in code if "def design(" in source)
    known: dict[str, Any] = {}
    exec(f"{code[0]}\n{cell[: cell.index('KEYS')]}", known)
    return known["design"]


def test_the_designer_agrees_with_python_to_the_unit(tabs: dict[str, Page]) -> None:
    tab = tabs["block-designer"]
    choices = data_of(tab, "block-designer")["choices"]
    names = ("input", "output", "width", "cardinality", "stride", "size")
    dice = random.Random(0)
    settings = [[dice.randrange(len(choices[name])) for name in names] for _ in range(200)]
    shown = tab.locator("block-designer").evaluate(TRY_ALL, settings)
    design = designer_of_the_chapter()
    for setting, costs in zip(settings, shown, strict=True):
        *block, size = (choices[name][place] for name, place in zip(names, setting, strict=True))
        net, image = design(*block), torch.zeros(1, block[0], size, size)
        expected = [
            measure.parameters(net),
            measure.macs(net, image.shape[1:]),
            measure.activation_bytes(net, image),
        ]
        assert costs == expected, (block, size)


def test_the_designer_starts_from_what_python_measured(tabs: dict[str, Page]) -> None:
    tab = tabs["block-designer"]
    for preset in data_of(tab, "block-designer")["presets"]:
        tab.locator("block-designer").get_by_role("button", name=preset["name"], exact=True).press("Enter")
        rows = tab.locator("block-designer tbody tr").all()
        shown = [row.locator("td").first.inner_text() for row in rows]
        assert shown == [f"{preset[cost]:,}" for cost in ("parameters", "macs", "bytes")]


def test_the_designer_obeys_the_keyboard(tabs: dict[str, Page]) -> None:
    designer = tabs["block-designer"].locator("block-designer")
    designer.get_by_role("button", name="1×64d", exact=True).press("Enter")
    drawn = designer.get_by_role("img").get_attribute("aria-label") or ""
    assert "256 channels, 1×1 to 64, 3×3, 1×1 to 256, shortcut identity" in drawn
    designer.get_by_role("slider", name="Cardinality").press("End")
    designer.get_by_role("slider", name="Stride").press("ArrowRight")
    drawn = designer.get_by_role("img").get_attribute("aria-label") or ""
    assert "3×3 in 32 groups, 1×1 to 256, shortcut 1×1, BN, stride 2" in drawn
    assert "32 paths of 2 channels" in designer.get_by_role("status").inner_text()


def test_the_lesion_player_shows_what_was_measured_for_each_set(tabs: dict[str, Page]) -> None:
    tab = tabs["lesion-player"]
    player, data = tab.locator("lesion-player"), data_of(tab, "lesion-player")
    seen = values(PLACES["lesion-player"])
    buttons = player.get_by_role("button", name="Block").all()
    assert len(buttons) == sum(data["stages"])
    assert {len(wrong) for wrong in data["wrong"].values()} == {2 ** len(buttons)}

    def shown(number: int) -> str:
        errors = {name: 100 * wrong[number] / data["images"] for name, wrong in data["wrong"].items()}
        return ", ".join(f"{name} {error:.1f} %" for name, error in errors.items())

    status = player.get_by_role("status")
    assert f"residual-20 {seen['error_residual_20']:.1f} %" in status.inner_text()
    number = 0
    for place in random.Random(0).sample(range(len(buttons)), 5):
        buttons[place].press("Space")
        number ^= 1 << place
        assert buttons[place].get_attribute("aria-pressed") == "true"
        assert shown(number) in status.inner_text()
    assert "5 of 9 blocks deleted" in status.inner_text()
    player.get_by_role("button", name="Restore all").press("Enter")
    assert shown(0) in status.inner_text()
    assert player.locator("[aria-pressed=true]").count() == 0


def test_the_replay_shows_the_recorded_losses(tabs: dict[str, Page]) -> None:
    tab = tabs["training-replay"]
    replay, losses = tab.locator("training-replay"), data_of(tab, "training-replay")["losses"]
    status = replay.get_by_role("status")
    replay.get_by_role("slider", name="Depth").press("Home")
    replay.get_by_role("slider", name="Epoch").press("Home")
    for _ in range(3):
        replay.get_by_role("slider", name="Depth").press("ArrowRight")
        replay.get_by_role("slider", name="Epoch").press("ArrowRight")
    text = status.inner_text()
    assert text.startswith("26 layers, epoch 4: ")
    for kind, runs in losses.items():
        mean = sum(run[3] for run in runs["26"]) / len(runs["26"])
        assert float(text.split(f"{kind} ")[1].split(",")[0].rstrip(".")) == pytest.approx(mean, rel=0.05)
    lines = replay.locator("svg").first.locator("polyline").all()
    assert [len((line.get_attribute("points") or "").split()) for line in lines] == [4] * 4


def test_the_replay_plays_to_the_end_and_stops(browser: Browser) -> None:
    tab = browser.new_page()
    tab.clock.install(time=0)
    tab.goto((HTML / f"{PLACES['training-replay']}.html").as_uri())
    tab.clock.pause_at(3600)
    replay = tab.locator("training-replay")
    replay.get_by_role("button", name="Play").press("Enter")
    assert "epoch 1:" in replay.locator(".now").inner_text()
    tab.clock.run_for(1000)
    assert "epoch 3:" in replay.locator(".now").inner_text()
    tab.clock.run_for(10_000)
    assert "epoch 15:" in replay.get_by_role("status").inner_text()
    assert replay.get_by_role("button", name="Play").count() == 1
    tab.close()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", PLACES)
def test_a_widget_follows_the_theme(name: str, theme: str, browser: Browser) -> None:
    tab = browser.new_page(color_scheme="dark" if theme == "dark" else "light")
    tab.goto((HTML / f"{PLACES[name]}.html").as_uri())
    text = tab.locator("article p").first.evaluate("(element) => getComputedStyle(element).color")
    label = tab.locator(f"{name} svg text").first
    assert label.evaluate("(element) => getComputedStyle(element).fill") == text
    tab.close()


@pytest.mark.parametrize("name", PLACES)
def test_without_a_script_a_table_stands_in(name: str, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((HTML / f"{PLACES[name]}.html").as_uri())
    assert tab.locator("html").get_attribute("data-theme") == "light"
    assert tab.locator(f"{name} tbody tr").count() >= 4
    assert tab.locator(f"{name} table").is_visible()
    assert not tab.locator(f"{name} script").is_visible()
    context.close()


def test_choices_are_folded_and_open_by_keyboard_without_a_script(browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((HTML / "chapters" / "01-degradation.html").as_uri())
    choice = tab.locator("details.choice.wrong").first
    assert not choice.locator("p").first.is_visible()
    choice.locator("summary").press("Enter")
    assert choice.locator("p").first.inner_text().startswith("No. ")
    assert choice.locator("p").first.is_visible()
    context.close()


def test_each_widget_stands_on_the_page_where_it_is_tested() -> None:
    for name, place in PLACES.items():
        assert f"<{name} " in (ROOT / "_build" / "html" / f"{place}.html").read_text(encoding="utf-8")
