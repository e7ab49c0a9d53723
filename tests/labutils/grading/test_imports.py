"""The instructor's side stays out of a learner's notebook."""

import subprocess
import sys


def test_only_the_command_line_imports_grading() -> None:
    code = (
        "import sys, labutils\nfrom labutils import check, hint, progress\nfrom labutils.checks import exercises\n"
        "[exercises.load(name) for name in exercises.IDS]\n"
        "print([name for name in sys.modules if name.startswith('labutils.grading')])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert result.stdout.strip() == "[]"
