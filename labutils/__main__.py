"""The command line: ``python -m labutils``."""

import io
import os
import sys

from labutils.grading.cli import INTERRUPTED, main

if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal can't show ends nothing
    code = main()
    if code == INTERRUPTED:  # not waiting for what is being graded: its processes end with this one
        sys.stdout.flush()
        os._exit(code)
    sys.exit(code)
