"""The book's one visual style. Every colour here keeps a contrast of at least 3:1 on white and on #121212."""

from collections.abc import Mapping, Sequence
from itertools import product

import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.ticker import MaxNLocator

BLUE = "#3a7fc1"
ORANGE = "#cb6314"
GREEN = "#2e8b57"
PURPLE = "#9467bd"
RED = "#d64550"
GREY = "#808080"
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, RED, GREY)
MARKERS = ("o", "s", "^", "D", "v", "P")


def use_style() -> None:
    """Set matplotlib's defaults for the figures of the course."""
    plt.rcParams.update(
        {
            "axes.prop_cycle": cycler(color=PALETTE, marker=MARKERS),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.figsize": (5.6, 3.4),
            "figure.constrained_layout.use": True,
            "font.size": 11,
            "grid.color": GREY,
            "grid.alpha": 0.25,
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "lines.markersize": 4,
        }
    )


def curves(groups: Mapping[str, Sequence[Sequence[float]]], ylabel: str, xlabel: str = "epoch") -> Figure:
    """One colour and marker for each group, one line for each run in it, the group's name at the end of its lines.

    ``groups`` maps a name to its runs, of equal length; a run is its values at epoch 1, 2, ... There is a colour for
    six groups. The value axis is logarithmic.
    """
    fig, ax = plt.subplots()
    last_points: list[tuple[float, float, str, str]] = []
    for (name, runs), colour, marker in zip(groups.items(), PALETTE, MARKERS, strict=False):
        for run in runs:
            ax.plot(range(1, len(run) + 1), run, color=colour, marker=marker)
        ends = [run[-1] for run in runs]
        last_points.append((len(runs[0]), sum(ends) / len(ends), name, colour))
    ax.set(xlabel=xlabel, ylabel=ylabel, yscale="log")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(axis="y")
    label_ends(ax, last_points)
    return fig


def label_ends(ax: Axes, points: Sequence[tuple[float, float, str, str]], gap: float = 0.08) -> None:
    """Write each point's name right of it in its colour, at least ``gap`` of the axis' height apart.

    ``points`` holds (x, y, name, colour) in the data's units, on axes whose limits no longer change.
    """
    to_axes = ax.transScale + ax.transLimits
    heights = [to_axes.transform(point[:2])[1] for point in points]
    lowest = -1.0
    for height, (x, y, name, colour) in sorted(zip(heights, points, strict=True)):
        lowest = max(height, lowest + gap)
        place = (to_axes.transform((x, y))[0] + 0.03, lowest)
        ax.annotate(name, (x, y), place, textcoords=ax.transAxes, color=colour, va="center", annotation_clip=False)


def draw_blocks(blocks: Mapping[str, Sequence[str]], shortcut: str = "x") -> Figure:
    """Draw blocks side by side, each a column of layers from its input x at the top to its output at the bottom.

    ``blocks`` maps a title to the names of its layers. A layer called "+" is an addition: an arrow called
    ``shortcut`` leads to it from the block's input.
    """
    rows = max(len(layers) for layers in blocks.values())
    fig, axes = plt.subplots(1, len(blocks), figsize=(2.8 * len(blocks), 0.6 * rows + 0.8), squeeze=False)
    for ax, (title, layers) in zip(axes[0], blocks.items(), strict=True):
        ax.set(xlim=(-1, 1.8), ylim=(-rows - 0.9, 0.4))
        ax.set_title(title, x=1 / 2.8)  # above the column, which is not in the middle
        ax.axis("off")
        _draw_column(ax, layers)
        if "+" in layers:
            _draw_shortcut(ax, layers.index("+") + 1, shortcut)
    return fig


def draw_paths(forms: Mapping[str, Sequence[Sequence[str]]]) -> Figure:
    """Draw forms of one computation side by side, each as rows of boxes from its input x at the top down.

    ``forms`` maps a title to its rows, a row to the names of its boxes. Arrows join rows of equally many boxes one to
    one, and others all to all. The name "…" stands for more of the same: it has no frame and no arrow.
    """
    rows = max(len(form) for form in forms.values())
    fig, axes = plt.subplots(1, len(forms), figsize=(2.6 * len(forms), 0.7 * rows + 1), squeeze=False)
    for ax, (title, form) in zip(axes[0], forms.items(), strict=True):
        ax.set(xlim=(-1.3, 1.3), ylim=(-rows - 0.9, 0.4), title=title)
        ax.axis("off")
        ax.text(0, 0, "x", ha="center", va="center", style="italic")
        above = [0.0]
        for row, names in enumerate(form, start=1):
            places = [0.9 * (place - (len(names) - 1) / 2) for place in range(len(names))]
            for x, name in zip(places, names, strict=True):
                colour = "none" if name == "…" else ORANGE if name in ("+", "concatenate") else BLUE
                frame = {"boxstyle": "circle" if name == "+" else "round,pad=0.35", "fc": "none", "ec": colour}
                ax.text(x, -row, name, ha="center", va="center", bbox=frame, size=9.5)
            framed = [x for x, name in zip(places, names, strict=True) if name != "…"]
            joined = zip(above, framed, strict=True) if len(above) == len(framed) else product(above, framed)
            for start, end in joined:
                _draw_arrow(ax, (start, 0.72 - row), (end, 0.28 - row))
            above = framed
        _draw_arrow(ax, (0, -len(form) - 0.28), (0, -len(form) - 0.72))
    return fig


def _draw_arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, color="black", shrinkA=0, shrinkB=0))


def _draw_column(ax: Axes, layers: Sequence[str]) -> None:
    ax.text(0, 0, "x", ha="center", va="center", style="italic")
    for row, layer in enumerate(layers, start=1):
        if layer == "+":
            ax.text(0, -row, "+", ha="center", va="center", bbox={"boxstyle": "circle", "fc": "none", "ec": ORANGE})
        else:
            colour = BLUE if "conv" in layer else GREY
            box = FancyBboxPatch((-0.72, -row - 0.2), 1.44, 0.4, boxstyle="round,pad=0.08", fc="none", ec=colour)
            ax.add_patch(box)
            ax.text(0, -row, layer, ha="center", va="center")
    for row in range(len(layers) + 1):
        _draw_arrow(ax, (0, -row - 0.3), (0, -row - 0.7))


def _draw_shortcut(ax: Axes, row: int, name: str) -> None:
    ax.plot([0.2, 1.1, 1.1], [0, 0, -row], color=ORANGE, marker="")
    ax.add_patch(FancyArrowPatch((1.1, -row), (0.2, -row), arrowstyle="-|>", mutation_scale=12, color=ORANGE, lw=1.8))
    ax.text(1.2, -row / 2, name, color=ORANGE, va="center")
