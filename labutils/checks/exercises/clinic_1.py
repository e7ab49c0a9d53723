"""Exercise ``clinic-1``: the stride in every block of a stage."""

from labutils import models
from labutils.checks import module_checks, nets
from labutils.checks.engine import Case, Exercise


def staged_net(blocks: int, num_classes: int = 10) -> models.CifarResNet:
    """The net for small images with option B shortcuts."""
    return models.CifarResNet(blocks, "B", num_classes, 3)


SMALL = Case((1, 7), (2, 3, 12, 12))
DEEPER = Case((3,), (2, 3, 13, 10))
ONE_IMAGE = Case((1,), (1, 3, 9, 8), "StagedNet(1) with a batch of one image")
COUNTED = Case((5,), (2, 3, 8, 8))

EXERCISE = Exercise(
    id="clinic-1",
    sheet="05-bug-clinic",
    names=("StagedNet",),
    reference=lambda: (staged_net,),
    cases=(SMALL, DEEPER, ONE_IMAGE),
    checks=module_checks.marked(
        (
            module_checks.builds(),
            module_checks.shape(1, "The output is (N, num_classes) for images of any size, and for one image as well."),
            module_checks.count(
                2,
                "Each stage has `blocks` residual blocks of its own. Only its first one changes the shape, in stages 2 "
                "and 3 alone, and has a projection. The stem has a BN, and the linear layer has a bias.",
                (SMALL, DEEPER, ONE_IMAGE, COUNTED),
            ),
            *nets.numeric_checks(
                "Stage 1 keeps the size of the map, stages 2 and 3 halve it in their first block. The stem is 3x3, BN, "
                "ReLU; the average over the map and a linear layer come last.",
                SMALL,
                (SMALL, DEEPER),
            ),
        ),
        decisive=("parameter count", "output in training", "details", "gradients", "running statistics"),
    ),
    fingerprint=module_checks.FINGERPRINT,
    all_or_nothing=True,
)
