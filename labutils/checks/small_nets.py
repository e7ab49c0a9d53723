"""What the exercises ``small-resnet`` and ``plain-twin`` share: their cases and their checks."""

from torch import nn

from labutils.checks import module_checks
from labutils.checks.engine import Case, Check, Exercise

CASES = (
    Case((8,), (2, 1, 9, 9), explanatory=True),
    Case((20, 7, 3, 4), (3, 3, 12, 6)),
)
REFUSED = (Case((10,)), Case((2,)), Case((-4,), explanatory=True))
DEPTH = "A depth is right if (depth - 2) / 6 is whole and at least 1. Raise ValueError in __init__ for any other."
ONCE = "Every layer is used once in a pass: look for one that is used twice."


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
    gradients_explain: bool,
    requires: str,
) -> Exercise:
    """The exercise that asks for the net ``name(depth, num_classes=10, in_channels=1, width=16)``.

    ``shapes``, ``count``, ``maps`` and ``numerics`` are what usually is behind an output of another shape, another
    number of parameters, maps of other sizes, and other values. ``gradients_explain`` says whether the check of the
    weights' gradients is there only to explain.
    """
    one_image = Case((8,), (1, 1, 9, 9), f"{name}(8) with a batch of one image")
    return Exercise(
        id=id,
        sheet="02-small-resnet",
        names=(name,),
        reference=lambda: (reference,),
        cases=CASES,
        checks=(
            module_checks.builds(),
            module_checks.refuses(1, REFUSED, DEPTH),
            module_checks.shape(1, shapes, (*CASES, one_image)),
            module_checks.count(1, count),
            shortcuts,
            module_checks.map_sizes(1, maps),
            module_checks.train_output(1, numerics, explanatory=True),
            module_checks.eval_output(1, numerics, explanatory=True),
            module_checks.input_gradient(1, numerics, explanatory=True),
            module_checks.weight_gradients(1, ONCE, explanatory=gradients_explain),
            module_checks.statistics_move(1),
        ),
        fingerprint={**module_checks.FINGERPRINT, "other_depths": ("raised",)},
        requires=(requires,),
    )
