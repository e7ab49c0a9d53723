"""What the chapters printed when the book was built, read from its execution cache, and what their code must be."""

import ast
import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from jupyter_cache import get_cache
from myst_nb.core.read import read_myst_markdown_notebook
from torch import Tensor

from labutils import augment, recorded
from tests.book.faults import page_names
from tests.conftest import ROOT

CHAPTERS = [name for name in page_names(ROOT) if name.startswith("chapters/")]


def code_of(chapter: str) -> list[str]:
    """The source of each code cell."""
    cells: Any = read_myst_markdown_notebook((ROOT / f"{chapter}.md").read_text(encoding="utf-8"))["cells"]
    return [cell["source"] for cell in cells if cell["cell_type"] == "code"]


def outputs(chapter: str) -> list[Any]:
    """What the chapter's cells put out when it was last executed."""
    cache = get_cache(ROOT / "_build" / ".jupyter_cache")
    everything: Any = cache.list_cache_records()
    records = [record for record in everything if Path(record.uri) == ROOT / f"{chapter}.md"]
    newest = max(records, key=lambda record: record.created)
    notebook = cache.get_cache_bundle(newest.pk).nb
    assert [cell.source for cell in notebook.cells if cell.cell_type == "code"] == code_of(chapter), "stale outputs"
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def printed(chapter: str) -> str:
    """All that the chapter's cells wrote to their output when it was last executed."""
    streams = [output for output in outputs(chapter) if output.output_type == "stream"]
    return "".join(stream.text for stream in streams if stream.name == "stdout")


def values(chapter: str) -> dict[str, float]:
    """The values that the chapter recorded, by name."""
    lines = re.findall(r"^(\w+) = ([-\d.,e+]+)$", printed(chapter), re.MULTILINE)
    return {name: float(value.replace(",", "")) for name, value in lines}


@pytest.mark.book
def test_degradation_is_seen_and_the_residual_twins_turn_it_round() -> None:
    seen = values("chapters/01-degradation")
    assert seen["plain_56_loss"] > 20 * seen["plain_20_loss"]
    assert max(seen["plain_8_loss"], seen["plain_20_loss"]) < 0.1
    assert seen["plain_20_early"] > seen["plain_8_early"]
    assert seen["residual_8_loss"] > seen["residual_20_loss"] > seen["residual_56_loss"]
    assert seen["plain_56_parameters"] == seen["residual_56_parameters"]
    assert seen["sweep_best_56"] > 3 * seen["sweep_worst_20"]


@pytest.mark.book
def test_the_construction_is_as_good_as_the_shallow_net() -> None:
    seen = values("chapters/01-degradation")
    assert seen["inserted"] == 48
    assert seen["constructed_loss"] == seen["shallow_loss"] < 0.1


@pytest.mark.book
def test_the_block_chapter_printed_the_known_counts() -> None:
    seen = values("chapters/03-residual-block")
    assert (seen["one_conv"], seen["one_bn"], seen["both"]) == (2304, 32, 4672)
    assert seen["parameters_plain"] == seen["parameters_a"] == 269_722
    assert (seen["parameters_b"], seen["parameters_c"]) == (272_474, 283_962)
    assert seen["changed_later"] == 0


IMAGENET = {
    18: ("11,689,512", "1.814", "1.8"),
    34: ("21,797,672", "3.664", "3.6"),
    50: ("25,557,032", "4.089", "3.8"),
    101: ("44,549,160", "7.801", "7.6"),
    152: ("60,192,808", "11.514", "11.3"),
}
CIFAR = {
    20: ("269,722", "272,474", "40,551,040", "0.27M"),
    32: ("464,154", "466,906", "68,862,592", "0.46M"),
    44: ("658,586", "661,338", "97,174,144", "0.66M"),
    56: ("853,018", "855,770", "125,485,696", "0.85M"),
    110: ("1,727,962", "1,730,714", "252,887,680", "1.7M"),
}


@pytest.mark.book
def test_the_network_chapter_printed_the_known_costs() -> None:
    lines = [line.split() for line in printed("chapters/04-resnet").splitlines()]
    for depth, row in (IMAGENET | CIFAR).items():
        assert [str(depth), *row] in lines
    text = printed("chapters/04-resnet")
    for line in (
        "ResNet-50: 3.858, paper 3.8",
        "ResNet-101: 7.570, paper 7.6",
        "ResNet-152: 11.282, paper 11.3",
        "ResNet-18, A: 11,515,688, 1.795 GMACs",
        "ResNet-34, A: 21,623,848, 3.644 GMACs",
        "ResNet-18: first difference: None",
        "ResNet-34: first difference: None",
        "first difference: layer3",
    ):
        assert f"\n{line}\n" in text


@pytest.mark.book
def test_no_gradient_vanishes_where_bn_stands() -> None:
    seen = values("chapters/02-signals")
    assert seen["default"] == pytest.approx(math.sqrt(1 / 6), abs=0.05)
    assert seen["bn_back"] == pytest.approx(math.sqrt(math.pi / (math.pi - 1)), abs=0.02)
    assert seen["plain_start"] > 100 > 10 * seen["lowest"] > 1
    assert seen["plain_start"] > 20 * seen["residual_start"]
    assert seen["plain_cosine_8"] > seen["plain_cosine_20"] > seen["plain_cosine_56"]
    assert seen["plain_near_8"] > seen["near_20"] > seen["plain_near_20"]


@pytest.mark.book
def test_the_training_chapter_ends_with_labutils_loop() -> None:
    lines = [line.split() for line in printed("chapters/05-training").splitlines()]
    pairs = [[float(loss) for loss in line] for line in lines if len(line) == 2 and all("." in loss for loss in line)]
    assert len(pairs) == 3
    assert all(ours == pytest.approx(theirs, rel=1e-4) for ours, theirs in pairs)
    seen = values("chapters/05-training")
    assert seen["plain_epochs"] > seen["residual_epochs"]


@pytest.mark.book
def test_the_why_chapter_split_the_gradient_exactly_and_has_its_controls() -> None:
    text = printed("chapters/06-why-it-works")
    assert len(re.findall(r"^(?:before|after) training, z = \S+: off by \de-1\d$", text, re.MULTILINE)) == 4
    seen = values("chapters/06-why-it-works")
    assert (seen["blocks"], seen["paths"], seen["mean_ways"]) == (27, 2**27, 13.5)
    assert seen["length_after"] < seen["length_before"] < seen["mean_ways"]
    assert seen["lesion_residual_20"] < seen["least_plain"]
    assert seen["lesion_residual_56"] < seen["error_residual_56"] + 5
    assert seen["normalised"] < 1 < seen["gaussian"]


@pytest.mark.book
def test_the_legacy_chapter_broke_the_identity_only_with_the_old_block() -> None:
    assert re.search(
        r"^pre-activation: sum off by \de-1\d, gradient \de-1\d$", printed("chapters/09-legacy"), re.MULTILINE
    )
    seen = values("chapters/09-legacy")
    assert min(seen["old_sum"], seen["old_gradient"]) > 10
    assert 0 < seen["arrived"] < 90
    assert seen["full"] < seen["worst_early"] < seen["control_error"]


@pytest.mark.book
def test_the_bottleneck_chapter_printed_the_known_costs() -> None:
    seen = values("chapters/07-bottleneck")
    assert (seen["block_weights"], seen["projected_weights"]) == (69_632, 135_168)
    assert (seen["basic_64_parameters"], seen["basic_256_parameters"]) == (73_984, 1_180_672)
    assert seen["block_parameters"] == seen["bottleneck_256_parameters"] == 70_400
    assert seen["projections"] == 4
    assert seen["extra"] == 231_211_008
    assert (round(seen["memory_34"], 1), round(seen["memory_50"], 1)) == (30.8, 82.1)
    assert (seen["unread_v1"], seen["unread_v15"]) == (75, 0)


@pytest.mark.book
def test_the_resnext_chapter_printed_the_papers_table() -> None:
    lines = [line.split() for line in printed("chapters/08-resnext").splitlines()]
    for row in (
        ["1", "64d", "64.00", "64", "69,632", "25,557,032", "4.089", "23.9"],
        ["2", "40d", "39.95", "80", "69,760", "25,425,000", "4.125", "23.0"],
        ["4", "24d", "23.93", "96", "69,888", "25,292,968", "4.160", "22.6"],
        ["8", "14d", "13.70", "112", "71,456", "25,603,016", "4.267", "22.3"],
        ["32", "4d", "3.97", "128", "70,144", "25,028,904", "4.230", "22.2"],
    ):
        assert row in lines
    names = {"resnext50_32x4d:": "25,028,904", "resnext101_32x8d:": "88,791,336", "resnext101_64x4d:": "83,455,272"}
    for name, parameters in names.items():
        assert any(line[:2] == [name, parameters] for line in lines if line)


@pytest.mark.book
def test_the_resnext_chapter_printed_the_known_costs() -> None:
    seen = values("chapters/08-resnext")
    assert (seen["paper_millions"], seen["paper_gmacs"]) == (44.18, 7.97)
    assert (seen["wider_millions"], seen["wider_gmacs"]) == (88.79, 16.41)
    assert (seen["dense_weights"], seen["grouped_weights"]) == (147_456, 4608)
    assert seen["offset_low"] == seen["offset_high"] == 31


@pytest.mark.book
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_claim_was_checked(chapter: str) -> None:
    calls = sum(source.count("claim(") for source in code_of(chapter))
    assert printed(chapter).count("holds: ") == calls > 0


@pytest.mark.book
def test_every_bound_of_a_claim_that_depends_on_a_seed_keeps_its_margin() -> None:
    """Chapters state only what `make margins` allows, and it has run on the claims as they stand."""
    for chapter in CHAPTERS:
        if not any(re.search(r"^SEEDS = ", source, re.MULTILINE) for source in code_of(chapter)):
            continue
        stated = re.findall(r"^holds: (.+): \S+ \((.+)\)$", printed(chapter), re.MULTILINE)
        entries = recorded.load(f"margins-{Path(chapter).name}")["results"]
        assert [claim for claim, _ in stated] == [entry["claim"] for entry in entries], "run make margins"
        for (claim, limits), entry in zip(stated, entries, strict=True):
            bounds = {f"at_{side}": float(bound) for side, bound in re.findall(r"at (least|most) ([^,\s]+)", limits)}
            assert bounds == entry["stated"], f"{claim}: run make margins"
            assert bounds.get("at_least", -math.inf) <= entry["strictest"].get("at_least", math.inf), claim
            assert bounds.get("at_most", math.inf) >= entry["strictest"].get("at_most", -math.inf), claim


@pytest.mark.book
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_cell_shows_an_object_nobody_asked_for(chapter: str) -> None:
    """The value of a cell's last line, such as a generator or a list of artists, with its address in memory."""
    shown = [output.data.get("text/plain", "") for output in outputs(chapter) if output.output_type == "execute_result"]
    assert shown == []


def definitions(source: str) -> dict[str, str]:
    """Each top-level class and function as text, without docstrings, comments and layout."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            for inner in ast.walk(node):
                if isinstance(inner, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(inner) is not None:
                    inner.body = inner.body[1:]
            found[node.name] = ast.unparse(node)
    return found


WRITTEN_OUT = "random_crop"  # labutils builds it of ``windows``
BUILT = {
    "chapters/03-residual-block": {
        "BasicBlock",
        "conv1x1",
        "conv3x3",
        "make_shortcut",
        "PadShortcut",
        "projection",
    },
    "chapters/04-resnet": {"he_init", "make_stage", "ResNet", "zero_init"},
    "chapters/05-training": {"learning_rate", "random_flip"},
    "chapters/07-bottleneck": {"Bottleneck", "grouped3x3"},
}


@pytest.mark.parametrize("chapter", BUILT)
def test_what_a_chapter_builds_is_what_labutils_exports(chapter: str) -> None:
    built = definitions("\n".join(code_of(chapter)))
    modules = [ROOT / "labutils" / f"{name}.py" for name in ("augment", "models", "training")]
    exported = definitions("\n".join(module.read_text(encoding="utf-8") for module in modules))
    assert (built.keys() & exported.keys()) - {WRITTEN_OUT} == BUILT[chapter]
    for name in BUILT[chapter]:
        assert built[name] == exported[name]


def test_the_crop_that_chapter_5_writes_out_is_labutils_crop() -> None:
    names: dict[str, Any] = {"F": F, "Tensor": Tensor, "torch": torch}
    exec(definitions("\n".join(code_of("chapters/05-training")))[WRITTEN_OUT], names)
    images = torch.randint(256, (50, 3, 8, 9), dtype=torch.uint8)
    theirs, ours = (torch.Generator().manual_seed(0) for _ in range(2))
    for padding in (0, 1, 4):
        crop, expected = names[WRITTEN_OUT](images, padding, theirs), augment.random_crop(images, padding, ours)
        assert crop.equal(expected)
        assert crop.stride() == expected.stride()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_code_fits_the_column(chapter: str) -> None:
    wide = [line for source in code_of(chapter) for line in source.splitlines() if len(line) > 80]
    assert wide == []
