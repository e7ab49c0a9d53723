"""The command line: ``python -m labutils``."""

import os
import sys

from labutils.grading.cli import INTERRUPTED, main

if __name__ == "__main__":
    code = main()
    if code == INTERRUPTED:  # not waiting for what is being graded: its processes end with this one
        sys.stdout.flush()
        os._exit(code)
    sys.exit(code)
