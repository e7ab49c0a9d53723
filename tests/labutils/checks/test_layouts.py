"""Layouts in which the usual parameters are known again, and those in which they aren't."""

import math

import pytest
import torch

from labutils.checks.layouts import MOST, Assignment, Named, of_parameters, of_statistics
from labutils.checks.probes.fill import WEIGHT, Layout, Shape, laid_out, pieces_of, usual

SALT = 3
CONV, VECTOR = (6, 4, 3, 3), (6,)
BLOCK = [CONV, VECTOR, VECTOR, (6, 6, 3, 3), VECTOR, VECTOR, (6, 4, 1, 1), VECTOR, VECTOR]


def list_of(tensors: list[Named], usual_ones: list[Shape]) -> list[Assignment]:
    return list(of_parameters(tensors, usual_ones))


def raw(*shapes: Shape) -> list[Named]:
    return [Named(f"p{place}", shape) for place, shape in enumerate(shapes)]


def layers(*shapes: Shape) -> list[Named]:
    return [Named(f"p{place}", shape, is_usual=True) for place, shape in enumerate(shapes)]


def values(assignment: Assignment, tensor: Named) -> torch.Tensor:
    return laid_out(dict(assignment).get(tensor.name), WEIGHT, tensor.shape, SALT)


def test_usual_layers_are_known_in_one_way_and_need_no_layout() -> None:
    assert list_of(layers(*BLOCK), BLOCK) == [()]
    assert list_of(layers(*reversed(BLOCK)), BLOCK) == [()]


@pytest.mark.parametrize("order", [(1, 0, 2, 3), (2, 3, 1, 0), (2, 3, 0, 1), (0, 2, 3, 1), (1, 2, 3, 0)])
def test_axes_in_another_order(order: tuple[int, ...]) -> None:
    tensor = Named("w", tuple(CONV[axis] for axis in order))
    (assignment,) = list_of([tensor], [CONV])
    assert torch.equal(values(assignment, tensor), usual(WEIGHT, CONV, SALT).permute(order))


def test_a_square_weight_may_be_transposed_or_not_and_as_it_is_comes_first() -> None:
    tensor = Named("w", (5, 5))
    as_it_is, transposed = list_of([tensor], [(5, 5, 1, 1)])
    assert torch.equal(values(as_it_is, tensor), usual(WEIGHT, (5, 5), SALT))
    assert torch.equal(values(transposed, tensor), usual(WEIGHT, (5, 5), SALT).T)


def test_tensors_of_one_family_are_laid_out_alike_first() -> None:
    found = list_of([Named("w1", (5, 5)), Named("w2", (5, 5)), Named("v", (7, 7))], [(5, 5), (5, 5), (7, 7)])
    families = [{name for name, _ in assignment} for assignment in found]
    assert families[:4] == [set(), {"v"}, {"w1", "w2"}, {"w1", "w2", "v"}]
    assert {"w1"} in families[4:]


@pytest.mark.parametrize("shape", [(6, 36), (6, 4, 9), (216,)])
def test_axes_run_together(shape: Shape) -> None:
    tensor = Named("w", shape)
    wanted = usual(WEIGHT, CONV, SALT).reshape(shape)
    assert any(torch.equal(values(found, tensor), wanted) for found in list_of([tensor], [CONV]))


@pytest.mark.parametrize("shape", [(2, 6), (6, 2), (12,)])
def test_scale_and_shift_in_one_tensor(shape: Shape) -> None:
    tensor = Named("w", shape)
    vector = usual(WEIGHT, VECTOR, SALT)
    wanted = torch.stack([vector, vector], 1 if shape == (6, 2) else 0).reshape(shape)
    assert any(torch.equal(values(found, tensor), wanted) for found in list_of([tensor], [VECTOR, VECTOR]))


@pytest.mark.parametrize("parts", [(3, 3), (5, 1), (1, 2, 3)])
@pytest.mark.parametrize("axis", [0, 1])
def test_layers_cut_in_equal_and_unequal_parts(parts: tuple[int, ...], axis: int) -> None:
    whole = (6, 6, 3, 3)
    tensors = layers(*[(*whole[:axis], size, *whole[axis + 1 :]) for size in parts])
    first = list_of(tensors, [whole])[0]
    assert torch.equal(torch.cat([values(first, tensor) for tensor in tensors], axis), usual(WEIGHT, whole, SALT))


@pytest.mark.parametrize("by_path", [True, False])
def test_layers_of_paths_made_path_by_path_or_layer_by_layer(by_path: bool) -> None:
    paths = [[(2, 5, 1, 1), (2,), (2,), (2, 2, 3, 3)] for _ in range(3)]
    rows = paths if by_path else list(zip(*paths, strict=True))
    tensors = layers(*[shape for row in rows for shape in row])
    ways = list_of(tensors, [(6, 5, 1, 1), (6,), (6,), (6, 2, 3, 3)])

    def joined(way: Assignment, part: Shape) -> torch.Tensor:
        return torch.cat([values(way, tensor) for tensor in tensors if tensor.shape == part])

    scales = usual(WEIGHT, (6,), SALT)
    wanted = scales.view(3, 1, 2).expand(3, 2, 2).flatten() if by_path else torch.cat([scales, scales])
    assert any(torch.equal(joined(way, (2,)), wanted) for way in ways)
    for way in ways[:1]:
        assert torch.equal(joined(way, (2, 5, 1, 1)).flatten(1), usual(WEIGHT, (6, 5), SALT))
        assert torch.equal(joined(way, (2, 2, 3, 3)), usual(WEIGHT, (6, 2, 3, 3), SALT))


def test_groups_of_channels_one_after_the_other_in_one_tensor() -> None:
    tensor = Named("w", (3, 5, 2))  # groups, out, in of a group
    found = list_of([tensor], [(5, 6, 1, 1)])
    wanted = torch.stack(usual(WEIGHT, (5, 6), SALT).chunk(3, 1))
    assert any(torch.equal(values(way, tensor), wanted) for way in found)


def test_one_vector_of_all_in_reading_order() -> None:
    tensor = Named("theta", (sum(map(math.prod, BLOCK)),))
    wanted = torch.cat([usual(WEIGHT, tuple(s for s in shape if s > 1), SALT).flatten() for shape in BLOCK])
    assert any(torch.equal(values(way, tensor), wanted) for way in list_of([tensor], BLOCK))


@pytest.mark.parametrize(
    "shapes", [[(6, 4, 3, 2), (6, 4, 3)], [(7, 4, 3, 3)], [CONV, (6,)], []], ids=["parts", "other", "more", "none"]
)
def test_what_is_in_no_known_layout_has_no_assignment(shapes: list[Shape]) -> None:
    assert list_of(raw(*shapes), [CONV]) == []


def test_no_more_are_tried_than_is_allowed() -> None:
    assert len(list_of([Named(f"{chr(97 + n)}", (5, 5)) for n in range(12)], [(5, 5)] * 12)) == MOST


def test_statistics_of_cut_layers() -> None:
    found = [(f"{path}.{name}", (3,), role) for path in "ab" for name, role in (("m", "mean"), ("v", "variance"))]
    first = dict(of_statistics(found, [("m", (6,), "mean"), ("v", (6,), "variance")])[0])
    means = [laid_out(first[f"{path}.m"], "mean", (3,), SALT) for path in "ab"]
    assert torch.equal(torch.cat(means), usual("mean", (6,), SALT))


def test_statistics_that_are_others_are_left_as_they_are() -> None:
    assert of_statistics([("m", (5,), "mean")], [("m", (6,), "mean")]) == [()]


def test_a_gradient_is_taken_apart_as_its_parameter_was_put_together() -> None:
    (assignment,) = list_of([Named("w", (3, 3, 4, 6))], [CONV])
    layout: Layout = dict(assignment)["w"]
    (name, part), *others = pieces_of(usual(WEIGHT, CONV, SALT).permute(2, 3, 1, 0), layout)
    assert name == "6x4x3x3"
    assert torch.equal(part, usual(WEIGHT, CONV, SALT).flatten())
    assert not others
