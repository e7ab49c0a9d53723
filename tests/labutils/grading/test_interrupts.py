"""What would stop a learner's own check is a failure like any other in a submission."""

import pytest

from banks.hostile import RIGHT
from labutils.checks import exercises
from labutils.grading import marking
from labutils.grading.remote import Limits
from tests.labutils.grading.conftest import SHEET, page

pytestmark = pytest.mark.slow
ERRORS = {
    "KeyboardInterrupt": "KeyboardInterrupt",
    "TimeUp": "next(error for error in BaseException.__subclasses__() if error.__name__ == 'TimeUp')('late')",
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_submission_that_raises_it_is_failed_and_the_other_checks_are_made(name: str) -> None:
    source = RIGHT.replace("        y = ", f"        if self.training: raise {ERRORS[name]}\n        y = ")
    content = page(source).encode()
    (mark,) = marking.mark(
        "stops", "stops.md", content, SHEET, [exercises.load("residual-block")], Limits(), salt=1
    ).marks
    assert mark.status == "partial", mark
    found = {check["name"]: check for check in mark.checks}
    assert f"it raised {name}" in found["output in training"]["message"]
    assert found["output in evaluation"]["status"] == "passed"
    assert "not reached" not in str(mark.checks)
