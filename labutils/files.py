"""Files that are there whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def written_whole(file: Path) -> Iterator[BinaryIO]:
    """A stream, what is written to which is put in the place of ``file`` in one step at the end.

    The folder is made where it is missing. A link is replaced, not followed. Raises OSError where this can't be done:
    then, and after any error within, what was there before is still there, and nothing else is.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_whole(file: Path, content: str | bytes) -> None:
    """Put ``content`` (text as UTF-8, line ends as they are) in the place of ``file``, as written_whole does."""
    with written_whole(file) as stream:
        stream.write(content.encode() if isinstance(content, str) else content)
