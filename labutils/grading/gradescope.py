"""The autograder that Gradescope runs: a zip with two scripts and this package."""

import zipfile
from pathlib import Path

from labutils.grading.remote import PACKAGE

SETUP = """\
#!/usr/bin/env bash
# Choose a base image with Python 3.11 or newer, such as Ubuntu 24.04.
set -euo pipefail
apt-get update
apt-get install --yes --no-install-recommends python3 python3-venv
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 is needed"; exit 1; }
python3 -m venv /opt/labutils
/opt/labutils/bin/pip install torch --index-url https://download.pytorch.org/whl/cpu
/opt/labutils/bin/pip install numpy matplotlib platformdirs tqdm
"""
RUN = """\
#!/usr/bin/env bash
# The answers are root's alone. What students wrote runs as another user, whom the grader chooses.
set -euo pipefail
place="${AUTOGRADER:-/autograder}"
python="${LABUTILS_PYTHON:-/opt/labutils/bin/python}"
chmod --recursive go-rwx "$place/source"
umask 077
out="$(mktemp --directory)"
mapfile -t files < <(find "$place/submission" -type f -name '*.ipynb' | sort)
mkdir --parents "$place/results"
if [ "${#files[@]}" -ne 1 ]; then
  printf '{"score": 0, "output": "Hand in one notebook (.ipynb), the sheet. Found: %s."}\\n' "${#files[@]}" \\
    > "$place/results/results.json"
  exit 0
fi
cp "${files[0]}" "$out/submission.ipynb"
PYTHONPATH="$place/source" "$python" -m labutils grade "$out/submission.ipynb" --sheet SHEET --out "$out/marks" \\
  --format gradescope --sandbox none --jobs 1 || [ "$?" -eq 2 ]  # 2: a person has to look, also at what has a result
cp "$out/marks/gradescope/submission/results.json" "$place/results/results.json"
"""


def write_zip(file: Path, sheet: str) -> None:
    """Write the autograder of a sheet, such as ``01-residual-block``. Raises OSError where that can't be done."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (("setup.sh", SETUP), ("run_autograder", RUN.replace("SHEET", sheet))):
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, text)
        for path in sorted(PACKAGE.rglob("*")):
            if path.is_file() and path.suffix in (".py", ".json"):
                archive.write(path, path.relative_to(PACKAGE.parent).as_posix())
