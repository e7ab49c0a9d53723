"""Files that are there whole or not at all."""

import os
import secrets
from pathlib import Path


def write_whole(file: Path, content: str | bytes) -> None:
    """Put ``content`` (text as UTF-8, line ends as they are) in the place of ``file`` in one step.

    The folder is made where it is missing. A link is replaced, not followed. Raises OSError where this can't be done:
    then what was there before is still there, and nothing else is.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
