"""The command line: ``python -m labutils``."""

import sys

from labutils.grading.cli import main

if __name__ == "__main__":
    sys.exit(main())
