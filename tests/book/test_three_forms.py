"""Chapter 8's functions: a grouped convolution by hand, and the three forms of a ResNeXt branch."""

import ast
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from tests.book.test_chapters import code_of


@pytest.fixture(scope="module")
def chapter() -> dict[str, Any]:
    """The functions that the chapter defines, with nothing but torch around them."""
    names = {"grouped_conv", "normalise", "transform", "form_a", "form_b", "form_c"}
    tree = ast.parse("\n".join(code_of("chapters/08-resnext")))
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in names]
    namespace: dict[str, Any] = {"torch": torch, "F": F}
    exec(compile(tree, "chapters/08-resnext.md", "exec"), namespace)
    return namespace


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


SEEDS = st.integers(0, 2**32)


@settings(deadline=None)
@given(groups=st.integers(1, 6), ins=st.integers(1, 4), outs=st.integers(1, 4), stride=st.integers(1, 3), seed=SEEDS)
def test_the_loop_over_groups_is_a_grouped_convolution(
    chapter: dict[str, Any], groups: int, ins: int, outs: int, stride: int, seed: int
) -> None:
    x, weight = normal(2, groups * ins, 7, 5, seed=seed), normal(groups * outs, ins, 3, 3, seed=seed + 1)
    by_hand = chapter["grouped_conv"](x, weight, groups, stride=stride, padding=1)
    torch.testing.assert_close(by_hand, F.conv2d(x, weight, stride=stride, padding=1, groups=groups))


@settings(deadline=None)
@given(
    cardinality=st.integers(1, 8),
    width=st.integers(1, 4),
    ins=st.integers(1, 12),
    outs=st.integers(1, 12),
    stride=st.sampled_from([1, 2]),
    seed=SEEDS,
)
def test_the_three_forms_are_one_function(
    chapter: dict[str, Any], cardinality: int, width: int, ins: int, outs: int, stride: int, seed: int
) -> None:
    inner = cardinality * width
    x = normal(2, ins, 6, 5, seed=seed)
    weights = (
        normal(inner, ins, 1, 1, seed=seed + 1),
        normal(inner, width, 3, 3, seed=seed + 2),
        normal(outs, inner, 1, 1, seed=seed + 3),
    )
    form_a, form_b, form_c = (
        chapter[name](x, *weights, cardinality, stride) for name in ("form_a", "form_b", "form_c")
    )
    assert form_c.shape == (2, outs, 6 if stride == 1 else 3, 5 if stride == 1 else 3)
    torch.testing.assert_close(form_a, form_c, rtol=1e-12, atol=1e-12 * inner)
    torch.testing.assert_close(form_b, form_c, rtol=1e-12, atol=1e-12 * inner)
