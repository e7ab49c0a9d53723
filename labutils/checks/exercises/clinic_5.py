"""Exercise ``clinic-5``: the block that is never used."""

from labutils.checks import module_checks, nets, references
from labutils.checks.engine import Case, Exercise

SMALL = Case(("given:Smooth", 1, 7), (2, 3, 12, 12))
DEEPER = Case(("given:Slim", 3), (2, 3, 13, 10))
ONE_IMAGE = Case(("given:Slim", 2), (1, 3, 9, 8), "build_net(Slim, 2) with a batch of one image")
COUNTED = Case(("given:Slim", 5), (2, 3, 8, 8))

EXERCISE = Exercise(
    id="clinic-5",
    sheet="05-bug-clinic",
    names=("build_net",),
    reference=lambda: (references.build_net,),
    cases=(DEEPER, SMALL, ONE_IMAGE),
    checks=module_checks.marked(
        (
            module_checks.builds(
                "Each block is made by calling block(in_channels, out_channels, stride); nothing else is known of it, "
                "neither an attribute nor another argument."
            ),
            module_checks.shape(1, "The output is (N, num_classes) for images of any size, and for one image as well."),
            module_checks.count(
                2,
                "Each stage has `blocks` blocks of its own, and each of them is made by the block that was given.",
                (DEEPER, SMALL, ONE_IMAGE, COUNTED),
            ),
            *nets.numeric_checks(
                "Stem, blocks, average and linear layer follow one another as specified, with nothing else between two "
                "blocks or around one. The stride is 2 in the first block of stages 2 and 3, and 1 in every other one.",
                SMALL,
                (DEEPER, SMALL),
            ),
        ),
        decisive=("parameter count", "output in training", "details", "gradients", "running statistics"),
    ),
    fingerprint=module_checks.FINGERPRINT,
    all_or_nothing=True,
)
