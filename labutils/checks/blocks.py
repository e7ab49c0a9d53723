"""What all exercises that ask for a block share: their checks, and the grid of calls and inputs they are made at."""

from collections.abc import Callable

from torch import nn

from labutils.checks import module_checks
from labutils.checks.engine import Case, Exercise

SIZES = ((7, 5), (6, 6), (5, 8), (4, 9))


def grid(
    name: str,
    equal: tuple[int, ...],
    double: tuple[int, ...],
    fewer: tuple[int, ...],
    more: tuple[int, ...],
    some_more: tuple[int, ...],
) -> tuple[Case, ...]:
    """Cases for the block ``name(*args, stride=1)``, whose first argument is the number of channels before it.

    After the block there are equally many channels, twice as many, fewer, and otherwise more. Each of these comes at
    the strides 1, 2 and 3, on maps (N, C, H, W) of even and odd sizes; then a stride of 1 written out, less than twice
    as many channels, one channel, which PyTorch would broadcast, maps of one pixel, and one image. In the first case
    nothing changes the shape.
    Each stands for a kind of arguments, whether or not a known program fails at it alone.
    """

    def case(args: tuple[int, ...], batch: int, size: tuple[int, int], words: str = "") -> Case:
        call = f"{Case(args).call(name)} {words}" if words else ""
        return Case(args, (batch, args[0], *size), call, explanatory=True)

    changes = (equal, double, fewer, more)
    strided = [
        case((*changes[(place + turn) % 4], *strides), 2, SIZES[(place + 2 * turn) % 4])
        for turn in range(4)
        for place, strides in enumerate(((), (2,), (3,)))
    ]
    special = (
        case((*equal, 1), 2, (3, 9)),
        case(some_more, 2, (4, 5)),
        case((1, *more[1:]), 2, (5, 4)),
        case(more, 3, (1, 1), "on a map of one pixel"),
        case((*equal, 2), 3, (1, 1), "on a map of one pixel"),
        case(equal, 1, (6, 6), "with a batch of one image"),
    )
    return (*strided, *special)


def exercise(
    id: str,
    sheet: str,
    name: str,
    reference: Callable[..., nn.Module],
    cases: tuple[Case, ...],
    *,
    wide: tuple[int, ...] = (),
    shapes: str,
    count: str,
    shortcut: str,
    silent: str = "relu(x)",
    numerics: str,
    decisive: tuple[str, ...],
    requires: tuple[str, ...] = (),
    all_or_nothing: bool = False,
) -> Exercise:
    """The exercise that asks for the block ``name``. In the first case, its shortcut is the input itself.

    ``wide`` are the arguments of a wide block that changes no shape, whose parameters are counted as well.

    ``shapes``, ``count``, ``shortcut`` and ``numerics`` say again what is asked for: of the output's shape, of the
    parameters, of what is added to the branch, and of the order of all. ``silent`` is the output without the branch.
    ``decisive`` names the checks that are not only explanatory.
    """
    trained = tuple(case for case in cases if case.shape[0] > 1)  # BN can't normalise one pixel of one image
    first = cases[:1]
    two = cases[:2]  # without and with a projection, where there is one
    learn = "The gradient comes back through the branch and through the shortcut, to the input and all parameters."
    checks = (
        module_checks.builds(),
        module_checks.shape(0, shapes),
        module_checks.count(1, count, (*cases, *([Case(wide, (2, wide[0], 2, 2), explanatory=True)] if wide else []))),
        module_checks.input_kept(1, first),
        module_checks.own_weights(1, two),
        module_checks.silenced(1, silent, shortcut, first),
        module_checks.train_output(1, f"{numerics} {module_checks.NO_CHANCE}", trained),
        module_checks.eval_output(1, f"{numerics} {module_checks.RUNNING}"),
        module_checks.details(1),
        module_checks.gradients(1, learn, trained),
        module_checks.statistics_move(1, trained),
        module_checks.reloads(1, two),
    )
    return Exercise(
        id=id,
        sheet=sheet,
        names=(name,),
        reference=lambda: (reference,),
        cases=cases,
        checks=module_checks.marked(checks, decisive),
        fingerprint=module_checks.FINGERPRINT,
        fingerprinted=cases[:3],
        requires=requires,
        all_or_nothing=all_or_nothing,
    )
