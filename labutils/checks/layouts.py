"""How a learner's tensors can be the usual ones in another layout, so that both can be given equal weights.

Layouts that people use are tried: axes in another order or run together, layers cut along their channels, and several
tensors one after the other in one. What is laid out otherwise stays unknown, and a person decides.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice, product

from labutils.checks.probes.fill import MEAN, VARIANCE, WEIGHT, Layout, Piece, Shape, essential, piece_shape

MOST = 64  # assignments that are tried at one case
MOST_COVERS = 500  # ways to share out the tensors that are looked at
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


def of_parameters(tensors: Sequence[Named], usual: Sequence[Shape]) -> list[Assignment]:
    """Ways in which a learner's parameters can be the usual ones, the likeliest first, at most MOST.

    ``usual`` are the usual parameters' shapes in the order of their use. There are none where some layout is unknown.
    """
    if all(tensor.is_usual for tensor in tensors) and Counter(tensor.shape for tensor in tensors) == Counter(usual):
        return [()]
    covers = islice(_covers(tensors, usual, WEIGHT), MOST)
    found = (assignment for cover in covers for assignment in _arranged(cover))
    return list(dict.fromkeys(islice(found, MOST)))


def of_statistics(found: Sequence[tuple[str, Shape, str]], usual: Sequence[tuple[str, Shape, str]]) -> list[Assignment]:
    """The same for running statistics, given as name, shape and role. At least one: that all are as usual."""
    ways: list[list[Assignment]] = []
    for role in (MEAN, VARIANCE):
        tensors = [Named(name, shape) for name, shape, its_role in found if its_role == role]
        sizes = [shape for _, shape, its_role in usual if its_role == role]
        ways.append([way for cover in islice(_covers(tensors, sizes, role), MOST) for way in _arranged(cover)])
    return list(dict.fromkeys(means + variances for means, variances in zip(*ways, strict=False))) or [()]


def _covers(tensors: Sequence[Named], usual: Sequence[Shape], role: str) -> Iterator[Cover]:
    """Ways to share out the usual tensors among the learner's."""
    ranks = {essential(shape): len(shape) for shape in usual}
    shapes = [essential(shape) for shape in usual]
    known: set[frozenset[tuple[Named, tuple[Piece, ...]]]] = set()
    for cover, left in islice(_whole(tuple(tensors), list(Counter(shapes).items()), ranks, role), MOST_COVERS):
        rest = [tensor for tensor in tensors if tensor not in cover]
        missing = Counter(left)
        in_order = [shape for shape in shapes if missing[shape] and not missing.subtract([shape])]
        for more in _parts(rest, in_order, role):
            whole = cover | more
            if (key := frozenset(whole.items())) not in known:
                known.add(key)
                yield whole


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
        fitting = {tensor: size for tensor in tensors if (size := _channels(tensor, shape, axis, role))}
        left = [other for other in usual if other != shape]
        for sizes in _runs(fitting, count * shape[axis]) if len(shape) > axis else ():
            rest = [tensor for tensor in tensors if tensor not in sizes]
            for streams in _streams(sizes, count, shape[axis]):
                cover = {tensor: ((role, shape, axis, start, stop),) for tensor, (start, stop) in streams.items()}
                for more in _parts(rest, left, role):
                    yield cover | more
    for order in (list(usual), sorted(usual, key=lambda s: len(s) < 2), sorted(usual, key=lambda s: len(s) > 1)):
        if joined := _joined(tensors, order, role):
            yield joined


def _runs(sizes: dict[Named, int], total: int) -> Iterator[dict[Named, int]]:
    """The tensors, one after the other in the order in which they were made, whose sizes have this sum."""
    items = list(sizes.items())
    for start, stop in combinations(range(len(items) + 1), 2):
        if sum(size for _, size in items[start:stop]) == total:
            yield dict(items[start:stop])


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
        size, run = math.prod(tensor.shape), []
        while left and size > 0:
            run.append(left.pop(0))
            size -= math.prod(run[-1])
        pieces = tuple((role, shape, -1, 0, 0) for shape in run)
        if size or not _orders(tensor, pieces):
            return {}
        cover[tensor] = pieces
    return {} if left else cover


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
        if permuted == shape or (_run_together(permuted, shape) and not tensor.is_usual):
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
        groups: dict[tuple[str, int], list[Named]] = {}
        for tensor, orders in possible.items():
            groups.setdefault((getattr(tensor, key), len(next(iter(orders)))), []).append(tensor)
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
            yield tuple((tensor.name, layout) for tensor in possible if (layout := layouts[tensor]) is not None)
