"""Exercise ``clinic-5``: the block that is never used."""

from labutils.checks import module_checks, references
from labutils.checks.engine import Case, Exercise

CASES = (
    Case(("given:Slim", 3), (2, 3, 13, 10)),
    Case(("given:Smooth", 1, 7), (2, 3, 12, 12)),
)
BUILDS = (
    "Each block is made by calling block(in_channels, out_channels, stride); nothing else is known of it, neither an "
    "attribute nor another argument."
)
SHAPES = (
    "A block starts from the channels that the one before it put out; the average is taken over whatever map there is, "
    "and the linear layer gives num_classes scores."
)
COUNT = (
    "Each stage has `blocks` blocks of its own, and each of them is made by the block that was given. "
    "Look for the places where another one is called."
)
NUMERICS = (
    "The parameters are all there, so look at the maps: stage 1 keeps their size, stages 2 and 3 halve it in their "
    "first block. What stands between two blocks, or around one, would change them, too."
)

EXERCISE = Exercise(
    id="clinic-5",
    sheet="05-bug-clinic",
    names=("build_net",),
    reference=lambda: (references.build_net,),
    cases=CASES,
    checks=(
        module_checks.builds(BUILDS),
        module_checks.shape(1, SHAPES, explanatory=True),
        module_checks.count(2, COUNT),
        module_checks.train_output(3, NUMERICS, explanatory=True),
        module_checks.eval_output(2, "In evaluation mode, the stem's BN uses its running statistics."),
        module_checks.weight_gradients(2, "Some block is made, but another one is called in its place."),
    ),
    fingerprint=module_checks.FINGERPRINT,
    all_or_nothing=True,
)
