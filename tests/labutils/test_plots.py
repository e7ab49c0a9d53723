"""Colours that can be seen on both pages, and figures that show what they are given."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from labutils import plots

mpl.use("agg")


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", plots.PALETTE)
@pytest.mark.parametrize("page", ["#ffffff", "#121212"])
def test_every_colour_is_seen_on_both_pages(colour: str, page: str) -> None:
    assert contrast(colour, page) >= 3


def test_contrast_is_measured_right() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_curves_draw_each_run_once_and_name_each_group() -> None:
    plots.use_style()
    fig = plots.curves({"deep": [[3, 2], [4, 3]], "shallow": [[2, 1]]}, "loss")
    ax = fig.axes[0]
    drawn = [np.asarray(line.get_ydata()).tolist() for line in ax.get_lines()]
    assert drawn == [[3, 2], [4, 3], [2, 1]]
    colours = [line.get_color() for line in ax.get_lines()]
    assert colours == [plots.BLUE, plots.BLUE, plots.ORANGE]
    assert sorted(text.get_text() for text in ax.texts) == ["deep", "shallow"]
    plt.close(fig)


def test_blocks_show_every_layer_and_a_shortcut_only_to_an_addition() -> None:
    fig = plots.draw_blocks({"plain": ["conv", "ReLU"], "residual": ["conv", "+", "ReLU"]}, shortcut="identity")
    plain, residual = ([text.get_text() for text in ax.texts] for ax in fig.axes)
    assert plain == ["x", "conv", "ReLU"]
    assert residual == ["x", "conv", "+", "ReLU", "identity"]
    plt.close(fig)


def test_paths_join_equal_rows_one_to_one_and_others_all_to_all() -> None:
    fig = plots.draw_paths({"sum": [["a", "…", "b"], ["c", "…", "d"], ["+"]], "one": [["e"]]})
    paths, one = ([text.get_text() for text in ax.texts] for ax in fig.axes)
    assert paths == ["x", "a", "…", "b", "c", "…", "d", "+"]
    assert one == ["x", "e"]
    assert [len(ax.patches) for ax in fig.axes] == [2 + 2 + 2 + 1, 2]
    plt.close(fig)
