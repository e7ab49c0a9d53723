"""How a learner's tensors can be the usual ones in another layout, so that both can be given equal weights.

Layouts that people use are tried: axes in another order or run together, layers cut along their channels, and several
tensors one after the other in one. What is laid out otherwise stays unknown, and a person decides.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, combinations, islice, product

from labutils.checks.probes.fill import MEAN, VARIANCE, WEIGHT, Layout, Piece, Shape, essential, piece_shape

MOST = 64  # assignments that are tried at one case
MOST_COVERS = 100  # ways to share out the tensors that are looked at
# (out, in, height, width) as it is, and with its axes in the orders of other libraries and of matrix products.
ORDERS: dict[int, tuple[Shape, ...]] = {
    1: ((0,),),
    2: ((0, 1), (1, 0)),
    3: ((0, 1, 2), (1, 2, 0), (1, 0, 2), (2, 0, 1)),
    4: ((0, 1, 2, 3), (1, 0, 2, 3), (2, 3, 1, 0), (2, 3, 0, 1), (0, 2, 3, 1), (1, 2, 3, 0)),
}
CHANNELS = (0, 1)  # the axes along which layers are cut


@dataclass(frozen=True)
class Named:
    """A tensor of the learner's: its name and shape, and whether a layer of ``torch.nn`` holds it, as is usual."""

    name: str
    shape: Shape
    is_usual: bool = False

    @property
    def family(self) -> str:
        """What tensors of one layout are likely to share: the last part of the name, without numbers."""
        return re.sub(r"\d+", "#", self.name.rpartition(".")[2])


Assignment = tuple[tuple[str, Layout], ...]  # by name; what is as usual is left out
Cover = dict[Named, tuple[Piece, ...]]  # what each tensor consists of, before it is known how that is arranged


def of_parameters(tensors: Sequence[Named], usual: Sequence[Shape]) -> Iterator[Assignment]:
    """Ways in which a learner's parameters can be the usual ones, the likeliest first, at most MOST.

    ``usual`` are the usual parameters' shapes in the order of their use. There are none where some layout is unknown.
    """
    if sum(math.prod(tensor.shape) for tensor in tensors) != sum(map(math.prod, usual)):
        return
    if are_usual(tensors, usual):
        yield ()
        return
    found: set[Assignment] = set()
    for cover in islice(_covers(tensors, usual, WEIGHT), MOST):
        for assignment in _arranged(cover):
            if assignment not in found:
                found.add(assignment)
                yield assignment
            if len(found) == MOST:
                return


def are_usual(tensors: Sequence[Named], usual: Sequence[Shape]) -> bool:
    """Whether layers of ``torch.nn`` hold all tensors, in the usual shapes, so that there is one way only."""
    return all(tensor.is_usual for tensor in tensors) and _same([tensor.shape for tensor in tensors], usual)


def of_statistics(found: Sequence[tuple[str, Shape, str]], usual: Sequence[tuple[str, Shape, str]]) -> list[Assignment]:
    """The same for running statistics, given as name, shape and role. At least one: that all are as usual."""
    ways: list[list[Assignment]] = []
    for role in (MEAN, VARIANCE):
        tensors = [Named(name, shape) for name, shape, its_role in found if its_role == role]
        sizes = [shape for _, shape, its_role in usual if its_role == role]
        if _same([tensor.shape for tensor in tensors], sizes):
            ways.append([()])
            continue
        ways.append([way for cover in islice(_covers(tensors, sizes, role), MOST) for way in _arranged(cover)])
    return list(dict.fromkeys(means + variances for means, variances in zip(*ways, strict=False))) or [()]


def _same(shapes: Sequence[Shape], usual: Sequence[Shape]) -> bool:
    return Counter(map(essential, shapes)) == Counter(map(essential, usual))


def _covers(tensors: Sequence[Named], usual: Sequence[Shape], role: str) -> Iterator[Cover]:
    """Ways to share out the usual tensors among the learner's."""
    ranks = {essential(shape): len(shape) for shape in usual}
    shapes = [essential(shape) for shape in usual]
    known: set[frozenset[tuple[Named, tuple[Piece, ...]]]] = set()
    if aligned := _aligned(tensors, shapes, role):
        known.add(frozenset(aligned.items()))
        yield aligned
    for cover, left in islice(_whole(tuple(tensors), list(Counter(shapes).items()), ranks, role), MOST_COVERS):
        rest = [tensor for tensor in tensors if tensor not in cover]
        missing = Counter(left)
        in_order = [shape for shape in shapes if missing[shape] and not missing.subtract([shape])]
        for more in _parts(rest, in_order, role):
            whole = cover | more
            if (key := frozenset(whole.items())) not in known:
                known.add(key)
                yield whole


def _aligned(tensors: Sequence[Named], usual: Sequence[Shape], role: str) -> Cover:
    """Both in the same order, with usual ones that are cut along their channels or are several in one; nothing if not.

    It tells a part of one layer from the whole of another that has its shape.
    """
    cover: Cover = {}
    left, wanted = list(tensors), list(usual)
    while left and wanted:
        if whole := _as_whole(left[0], wanted[0], role):
            found, number = {left[0]: whole}, 1
        elif run := _run(left[0], wanted, role):
            found, number = {left[0]: run}, len(run)
        else:
            found, number = _cut(left, wanted[0], role), 1
        if not found:
            return {}
        cover |= found
        del left[: len(found)], wanted[:number]
    return {} if left or wanted else cover


def _cut(tensors: Sequence[Named], shape: Shape, role: str) -> Cover:
    """The first of the tensors as parts of one usual one."""
    for axis in CHANNELS[: len(shape)]:
        cover: Cover = {}
        start = 0
        for tensor in tensors:
            size = _channels(tensor, shape, axis, role)
            cover[tensor] = ((role, shape, axis, start, start + size),)
            start += size
            if not size or start >= shape[axis]:
                break
        if start == shape[axis]:
            return cover
    return {}


def _whole(
    tensors: tuple[Named, ...], shapes: Sequence[tuple[Shape, int]], ranks: dict[Shape, int], role: str
) -> Iterator[tuple[Cover, list[Shape]]]:
    """Choices of tensors that each are one usual tensor, with the shapes of those that are left.

    Those that have as many axes as is usual, ones included, come first, and then those of the usual sizes.
    """
    if not shapes:
        yield {}, []
        return
    (shape, count), *others = shapes
    held = {tensor: pieces for tensor in tensors if (pieces := _as_whole(tensor, shape, role))}
    fitting = sorted(
        held,
        key=lambda tensor: (
            not tensor.is_usual,
            len(tensor.shape) != ranks[shape],
            essential(tensor.shape) != shape,
        ),
    )
    likely = min(count, len(fitting))
    in_layers = min(count, sum(tensor.is_usual for tensor in fitting))
    fewest = 0 if len(shape) > 1 else in_layers  # a part of one usual tensor may have the shape of another
    for number in dict.fromkeys((likely, in_layers, fewest)):
        for taken in islice(combinations(fitting, number), 20):
            rest = tuple(tensor for tensor in tensors if tensor not in taken)
            for cover, left in _whole(rest, others, ranks, role):
                yield {tensor: held[tensor] for tensor in taken} | cover, [shape] * (count - number) + left


def _as_whole(tensor: Named, shape: Shape, role: str) -> tuple[Piece, ...]:
    """The pieces of one usual tensor that this one holds: the whole, or its groups of channels one after the other."""
    whole = ((role, shape, -1, 0, 0),)
    if _orders(tensor, whole):
        return whole
    sizes = essential(tensor.shape)
    for axis, number in product(CHANNELS[: len(shape)], {*sizes[:1], *sizes[-1:]}):
        width, rest = divmod(shape[axis], number)
        groups = tuple((role, shape, axis, start, start + width) for start in range(0, shape[axis], max(width, 1)))
        if not rest and _orders(tensor, groups):
            return groups
    return ()


def _parts(tensors: Sequence[Named], usual: Sequence[Shape], role: str) -> Iterator[Cover]:
    """Ways in which the tensors are parts of usual ones, or hold several of them, none of either being left over."""
    if not tensors or not usual:
        if not tensors and not usual:
            yield {}
        return
    for (shape, count), axis in product(Counter(usual).items(), CHANNELS):
        if len(shape) <= axis:
            continue
        fitting = [(tensor, size) for tensor in tensors if (size := _channels(tensor, shape, axis, role))]
        left = [other for other in usual if other != shape]
        for sizes in _runs(fitting, count * shape[axis]):
            rest = [tensor for tensor in tensors if tensor not in sizes]
            for streams in _streams(sizes, count, shape[axis]):
                cover = {tensor: ((role, shape, axis, start, stop),) for tensor, (start, stop) in streams.items()}
                for more in _parts(rest, left, role):
                    yield cover | more
    for order in (list(usual), sorted(usual, key=lambda s: len(s) < 2), sorted(usual, key=lambda s: len(s) > 1)):
        if joined := _joined(tensors, order, role):
            yield joined


def _runs(sizes: Sequence[tuple[Named, int]], total: int) -> Iterator[dict[Named, int]]:
    """Neighbours that have so many channels together: parts of other tensors can fit as well."""
    before = [0, *accumulate(size for _, size in sizes)]
    for start, stop in combinations(range(len(before)), 2):
        if before[stop] - before[start] == total:
            yield dict(sizes[start:stop])


def _channels(tensor: Named, shape: Shape, axis: int, role: str) -> int:
    """How many channels of a usual tensor this one can hold, along the axis, or 0."""
    if axis >= len(shape):
        return 0
    size, rest = divmod(math.prod(tensor.shape) * shape[axis], math.prod(shape))
    if rest or not 0 < size < shape[axis] or (tensor.is_usual and tensor.shape[axis : axis + 1] != (size,)):
        return 0
    fits = _orders(tensor, ((role, shape, axis, 0, size),))
    return size if fits else 0


def _streams(sizes: dict[Named, int], count: int, channels: int) -> Iterator[dict[Named, tuple[int, int]]]:
    """Where in ``count`` usual tensors of so many channels each part lies, in the order in which they were made.

    The parts of several tensors may have been made by turns, as those of paths are.
    """
    for turns, step in product([width for width in range(count, 0, -1) if count % width == 0], (1, -1)):
        places: dict[Named, tuple[int, int]] = {}
        starts = [0] * turns
        for index, (tensor, size) in enumerate(list(sizes.items())[::step]):
            start = starts[index % turns]
            places[tensor] = (start, start + size)
            starts[index % turns] = (start + size) % channels
            if start + size > channels:
                break
        else:
            if not any(starts):
                yield places


def _joined(tensors: Sequence[Named], usual: Sequence[Shape], role: str) -> Cover:
    """Each tensor as a run of usual ones, in these orders; nothing where that doesn't come out even."""
    cover: Cover = {}
    left = list(usual)
    for tensor in tensors:
        cover[tensor] = _run(tensor, left, role)
        if not cover[tensor]:
            return {}
        del left[: len(cover[tensor])]
    return {} if left else cover


def _run(tensor: Named, usual: Sequence[Shape], role: str) -> tuple[Piece, ...]:
    """The first of the usual ones that together are the tensor; nothing where that doesn't come out even."""
    size, number = math.prod(tensor.shape), 0
    while number < len(usual) and size > 0:
        size -= math.prod(usual[number])
        number += 1
    pieces = tuple((role, shape, -1, 0, 0) for shape in usual[:number])
    return pieces if not size and _orders(tensor, pieces) else ()


def _orders(tensor: Named, pieces: tuple[Piece, ...]) -> dict[Shape, Layout | None]:
    """The orders of axes in which the pieces can make up the tensor, with the layouts; None is the usual one."""
    shape = essential(tensor.shape)
    first = piece_shape(pieces[0])
    if len(pieces) > 1:
        if tensor.is_usual:
            return {}
        number, axes = len(pieces), tuple(range(len(first) + 1))
        same = all(piece_shape(piece) == first for piece in pieces)
        orders = (axes, (*axes[1:], 0)) if same else ((0,),)
        arranged = (number, *first) if same else (sum(math.prod(piece_shape(piece)) for piece in pieces),)
    else:
        orders = ORDERS.get(len(first), (tuple(range(len(first))),))
        arranged = first
        if tensor.is_usual:
            orders = orders[:1]
    found: dict[Shape, Layout | None] = {}
    for order in orders:
        permuted = essential(arranged[axis] for axis in order)
        is_vector = tensor.is_usual and len(shape) < 2
        if permuted == shape or (not is_vector and _run_together(permuted, shape)):
            as_usual = len(pieces) == 1 and pieces[0][2] < 0 and permuted == shape == arranged and order == orders[0]
            found[order] = None if as_usual else (pieces, arranged, order)
    return found


def _run_together(axes: Shape, shape: Shape) -> bool:
    """Whether neighbouring axes, multiplied, give the shape."""
    left = list(axes)
    for size in shape:
        product_of = 1
        while left and product_of < size:
            product_of *= left.pop(0)
        if product_of != size:
            return False
    return not left


def _arranged(cover: Cover) -> Iterator[Assignment]:
    """The assignments of a cover: first those in which tensors of one family are laid out alike, then all others."""
    possible = {tensor: _orders(tensor, pieces) for tensor, pieces in cover.items()}
    for key in ("family", "name"):
        groups: dict[tuple[str, bool, int], list[Named]] = {}
        for tensor, orders in possible.items():
            alike = (getattr(tensor, key), tensor.is_usual, len(next(iter(orders))))
            groups.setdefault(alike, []).append(tensor)
        shared = [
            [order for order in possible[group[0]] if all(order in possible[tensor] for tensor in group)]
            for group in groups.values()
        ]
        for chosen in product(*shared):
            layouts = {
                tensor: possible[tensor][order]
                for group, order in zip(groups.values(), chosen, strict=True)
                for tensor in group
            }
            named = sorted((tensor.name, tensor) for tensor in possible)
            yield tuple((name, layout) for name, tensor in named if (layout := layouts[tensor]) is not None)
