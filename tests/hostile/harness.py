"""Runs an attack against the unprotected grader, and says what it achieved. What it leaves is removed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from banks.hostile import RIGHT, Attack, Outcome
from tests.conftest import ROOT

FOLLOWS_S = 3  # how long an attack may go on before it counts as hanging; an honest submission takes a tenth of it
START_S = 120
MUCH_MEMORY = 2 << 30
MANY_PROCESSES = 60
FLOOD = 300_000_000
SLEEPER = ["sleep", "98765.4"]
LITTER = (Path("/tmp/hostile-litter-1"), Path("~/hostile-litter-2").expanduser())
COLLECT = """
import resource, subprocess, sys
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))  # for the machine's sake
grader = subprocess.Popen(sys.argv[1:], stdin=sys.stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
count, last = 0, b""
while chunk := grader.stdout.read1(1 << 20):
    count, last = count + len(chunk), (last + chunk)[-500:]
    if b"begun" in chunk and count < 100: print("begun", flush=True)
print(grader.wait(), count, last.strip().split(b"\\n")[-1].decode(errors="replace"), flush=True)
"""


@contextmanager
def folder_of_a_batch(folder: Path) -> Iterator[Path]:
    """A folder with a good submission and an empty folder for results."""
    (folder / "out").mkdir(parents=True)
    (folder / "good.md").write_text(
        f"```{{code-cell}}\nimport torch.nn.functional as F\nfrom torch import nn\n{RIGHT}```\n", encoding="utf-8"
    )
    yield folder
    for place in LITTER:
        place.unlink(missing_ok=True)


def content(attack: Attack, folder: Path, port: int) -> bytes:
    """The submission's file."""
    filled = {b"FOLDER": str(folder), b"COURSE": str(ROOT), b"PORT": str(port)}
    result = attack.content
    for word, value in filled.items():
        result = result.replace(word, value.encode())
    return result


def unprotected(attack: Attack, folder: Path, port: int) -> set[Outcome]:
    """What the attack achieves against a grader without protection."""
    file = folder / f"{attack.name}.ipynb"
    file.write_bytes(content(attack, folder, port))
    command = [sys.executable, "-c", COLLECT, sys.executable, str(ROOT / "tests/hostile/unprotected.py"), str(file)]
    silent, _ = os.pipe()
    grader = subprocess.Popen(
        command,
        cwd=folder,
        stdin=silent,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    achieved: set[Outcome] = set()
    assert grader.stdout
    os.set_blocking(grader.stdout.fileno(), False)
    said = b""
    begun, start = None, time.monotonic()
    try:
        while grader.poll() is None:
            said += grader.stdout.read() or b""
            if begun is None and b"begun" in said:
                begun = time.monotonic()
            processes = [process for process in psutil.process_iter() if _session(process.pid) == grader.pid]
            if sum(map(_memory, processes)) > MUCH_MEMORY:
                achieved.add("memory")
            if len(processes) > MANY_PROCESSES:
                achieved.add("swarm")
            limit = start + START_S
            if begun and attack.unprotected == "hangs":
                limit = begun + FOLLOWS_S
            if time.monotonic() > limit:
                achieved.add("hangs")
                return achieved
            if attack.unprotected in achieved:
                return achieved
            time.sleep(0.05)
        said += grader.stdout.read() or b""
        return achieved | _from_result(said) | _left(folder, attack)
    finally:
        _kill_session(grader.pid)
        grader.wait()
        grader.stdout.close()
        os.close(silent)


def _from_result(said: bytes) -> set[Outcome]:
    lines = said.decode().splitlines()
    _code, count, last = lines[-1].split(" ", 2) if lines and lines[-1][-1:] != "n" else ("-9", "0", "")
    achieved: set[Outcome] = {"flood"} if int(count) > FLOOD else set()
    try:
        result = json.loads(last)
    except ValueError:
        achieved.add("no result")
        return achieved
    if result["passed"]:
        achieved.add("full marks")
    return achieved


def _left(folder: Path, attack: Attack) -> set[Outcome]:
    achieved: set[Outcome] = set()
    if any((folder / "out").iterdir()):
        achieved.add("left a file")
    for pid in sleepers() if attack.unprotected == "left a process" else ():
        achieved.add("left a process")
        os.kill(pid, signal.SIGKILL)
    return achieved


def sleepers() -> list[int]:
    """The processes that the attack ``daemon`` left behind."""
    return [process.pid for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"] == SLEEPER]


def _session(pid: int) -> int:
    with suppress(OSError):
        return os.getsid(pid)
    return -1


def _memory(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        memory = process.memory_info()
        return memory.rss - memory.shared
    return 0


def _kill_session(session: int) -> None:
    for _ in range(100):
        found = [process for process in psutil.process_iter() if _session(process.pid) == session]
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        if all(process.status() == psutil.STATUS_ZOMBIE for process in found if process.is_running()):
            return
