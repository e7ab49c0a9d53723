"""Exercise ``clinic-1``: the stride in every block of a stage."""

from labutils import models
from labutils.checks import module_checks
from labutils.checks.engine import Case, Exercise


def staged_net(blocks: int, num_classes: int = 10) -> models.CifarResNet:
    """The net for small images with option B shortcuts."""
    return models.CifarResNet(blocks, "B", num_classes, 3)


CASES = (
    Case((1, 7), (2, 3, 12, 12)),
    Case((3,), (2, 3, 13, 10)),
)
SHAPES = (
    "A block starts from the channels that the one before it put out; the average is taken over whatever map there is, "
    "and the linear layer gives num_classes scores."
)
COUNT = (
    "Each stage has `blocks` blocks of its own. Only its first one changes the shape, in stages 2 and 3 alone: "
    "a stride anywhere else brings a projection that was not asked for. The stem has a BN, the blocks are "
    "`ResidualBlock`s, and the linear layer has a bias."
)
NUMERICS = (
    "The parameters are all there, so look at the maps: stage 1 keeps their size, stages 2 and 3 halve it in their "
    "first block. Then look at the stem's ReLU and at the average."
)

EXERCISE = Exercise(
    id="clinic-1",
    sheet="05-bug-clinic",
    names=("StagedNet",),
    reference=lambda: (staged_net,),
    cases=CASES,
    checks=(
        module_checks.builds(),
        module_checks.shape(1, SHAPES, explanatory=True),
        module_checks.count(2, COUNT),
        module_checks.train_output(3, NUMERICS, explanatory=True),
        module_checks.eval_output(2, "In evaluation mode, every BN uses its running statistics."),
        module_checks.weight_gradients(2, "Some block is made, but another one is called in its place."),
    ),
    fingerprint=module_checks.FINGERPRINT,
    all_or_nothing=True,
)
