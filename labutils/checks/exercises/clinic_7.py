"""Exercise ``clinic-7``: the block that is right for the arguments of one network."""

from labutils import models
from labutils.checks import common
from labutils.checks.engine import Case, Exercise

CASES = (
    Case((8, 8), (2, 8, 6, 6)),
    Case((8, 16), (2, 8, 6, 6), explanatory=True),
    Case((16, 8), (2, 16, 5, 6)),
    Case((8, 8, 2), (2, 8, 7, 5)),
    Case((1, 8), (2, 1, 6, 6)),
)
SHAPES = "The shortcut must have the branch's shape: think of the map's size, and of the number of channels."
COUNT = "The projection is there where the map's size or the number of channels changes, and nowhere else."
NUMERICS = "The layers are there, but are not joined as specified: look at the stride, and at what is added to what."

EXERCISE = Exercise(
    id="clinic-7",
    sheet="05-bug-clinic",
    names=("WideningBlock",),
    reference=lambda: (models.BasicBlock,),
    cases=CASES,
    checks=(
        common.builds(),
        common.shape(1, SHAPES, explanatory=True),
        common.count(2, COUNT),
        common.train_output(4, NUMERICS, explanatory=True),
        common.eval_output(3, NUMERICS, explanatory=True),
    ),
    fingerprint=common.FINGERPRINT,
    all_or_nothing=True,
)
