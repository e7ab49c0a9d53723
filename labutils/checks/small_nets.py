"""What the exercises ``small-resnet`` and ``plain-twin`` share: their cases and their checks."""

from torch import nn

from labutils.checks import module_checks, nets
from labutils.checks.engine import Case, Check, Exercise

SMALL = Case((8,), (2, 1, 9, 9))
OTHER = Case((20, 7, 3, 4), (3, 3, 12, 6), explanatory=True)
DEEP = Case((56, 5, 2, 2), (2, 2, 5, 4))
COUNTED = Case((14,), (1, 1, 8, 8), explanatory=True)  # a depth that the paper has no net of
REFUSED = (Case((10,)), Case((11,)), Case((2,)), Case((-4,)))
DEPTH = "A depth is right if (depth - 2) / 6 is whole and at least 1. __init__ raises ValueError for any other."


def exercise(
    id: str,
    name: str,
    reference: type[nn.Module],
    *,
    shapes: str,
    count: str,
    shortcuts: Check,
    maps: str,
    numerics: str,
    decisive: tuple[str, ...],
    requires: str,
) -> Exercise:
    """The exercise that asks for the net ``name(depth, num_classes=10, in_channels=1, width=16)``.

    ``shapes``, ``count``, ``maps`` and ``numerics`` say again what is asked for: of the output's shape, of the
    parameters, of the maps' sizes, and of the order of all. ``decisive`` names the checks that are not only
    explanatory.
    """
    one_image = Case((8, 4, 2, 4), (1, 2, 8, 9), f"{name}(8, 4, 2, 4) with a batch of one image")
    checks = (
        module_checks.builds(),
        module_checks.refuses(1, REFUSED, DEPTH),
        module_checks.shape(0, shapes),
        module_checks.count(1, count, (SMALL, OTHER, one_image, DEEP, COUNTED)),
        shortcuts,
        module_checks.map_sizes(0, maps, (SMALL, OTHER)),
        *nets.numeric_checks(numerics, SMALL, (SMALL, OTHER, DEEP)),
    )
    return Exercise(
        id=id,
        sheet="02-small-resnet",
        names=(name,),
        reference=lambda: (reference,),
        cases=(SMALL, OTHER, one_image, DEEP),
        checks=module_checks.marked(checks, decisive),
        fingerprint={**module_checks.FINGERPRINT, "other_depths": ("raised",)},
        fingerprinted=(SMALL, OTHER, one_image),
        requires=(requires,),
    )
