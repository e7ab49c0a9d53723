"""Submissions that attack the grader, and what each must come to.

An attack counts only if it succeeds against :mod:`tests.hostile.unprotected`, which executes a notebook and checks it
in one process: ``unprotected`` says how. ``status`` is what the grader must say.

In a source, FOLDER stands for a folder that holds a good submission (``good.md``), an empty folder ``out`` and nothing
else, PORT for a local server that gives the answer away, and COURSE for the folder of the course.
"""

import json
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["full marks", "hangs", "no result", "memory", "swarm", "left a file", "left a process", "flood"]

HEAD = """\
import ctypes, gc, glob, json, os, re, resource, signal, socket, struct, sys, threading, time
from pathlib import Path
import torch
import torch.nn.functional as F
from torch import nn
"""
RIGHT = """
class BasicBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))
"""
NO_SKIP = RIGHT.replace("F.relu(y + self.shortcut(x))", "F.relu(y + 0 * self.shortcut(x))")
NO_LAST_RELU = RIGHT.replace("F.relu(y + self.shortcut(x))", "y + self.shortcut(x)")  # comparisons see it alone
EMPTY = "\nclass BasicBlock(nn.Module):\n    pass\n"


@dataclass(frozen=True)
class Attack:
    """One hostile submission."""

    name: str
    content: bytes
    status: str
    unprotected: Outcome
    time: float


ATTACKS: dict[str, Attack] = {}


def notebook(*sources: str) -> bytes:
    """A notebook with these code cells."""
    cells = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": source} for source in sources]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def attack(name: str, source: str, status: str, unprotected: Outcome) -> None:
    """Add an attack whose answer cell has this source, after the usual imports."""
    raw(name, notebook(HEAD + source), status, unprotected)


def raw(name: str, content: bytes, status: str, unprotected: Outcome) -> None:
    """Add an attack whose file has this content."""
    ATTACKS[name] = Attack(name, content, status, unprotected, time=3 if status == "timeout" else 40)


def in_forward(line: str) -> str:
    """A block whose forward begins with these lines."""
    return NO_SKIP.replace("        y = ", f"        {line}\n        y = ")


# Time
attack("loop", "class BasicBlock:\n    while True:\n        pass", "timeout", "hangs")
attack("loop-in-forward", in_forward("while True: pass"), "timeout", "hangs")
attack("loop-in-init", NO_SKIP.replace("super().__init__()", "while True: pass", 1), "timeout", "hangs")
attack(
    "loop-that-catches-all",
    in_forward("signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    + "\ndef stay():\n    while True:\n        try:\n            while True: pass\n"
    + "        except BaseException: pass\nstay()\n"
    + EMPTY,
    "timeout",
    "hangs",
)
attack("sleep", f"time.sleep(1e6){EMPTY}", "timeout", "hangs")
attack("regular-expression", f"re.match('(a+)+$', 'a' * 60 + 'b'){EMPTY}", "timeout", "hangs")
attack("large-power", f"number = 9 ** 9 ** 8{EMPTY}", "timeout", "hangs")
attack("deadlock", f"lock = threading.Lock()\nlock.acquire()\nlock.acquire(){EMPTY}", "timeout", "hangs")
attack("stops-itself", f"os.kill(os.getpid(), signal.SIGSTOP){EMPTY}", "timeout", "hangs")
attack("waits-for-input", f"answer = input(){EMPTY}answer", "failed", "hangs")
attack("thread-that-stays", f"threading.Thread(target=time.sleep, args=(1e6,)).start(){EMPTY}", "failed", "hangs")
attack(
    "loop-in-a-module-level-import-hook",
    "sys.meta_path.insert(0, type('H', (), {'find_spec': lambda *a: time.sleep(1e6)})())\nimport fractions" + EMPTY,
    "timeout",
    "hangs",
)

# Memory, processes, files, output
attack("memory", f"held = []\nwhile True: held.append(bytearray(10 ** 8)){EMPTY}", "memory", "memory")
attack("memory-in-forward", in_forward("self.held = [torch.ones(10 ** 8) for _ in range(20)]"), "memory", "memory")
attack("growing-text", f"text = ''\nwhile True: text += 'x' * 10 ** 8{EMPTY}", "memory", "memory")
attack(
    "memory-with-limits-lifted",
    "try: resource.setrlimit(resource.RLIMIT_AS, (-1, -1))\nexcept Exception: pass\n"
    f"held = []\nwhile True: held.append(bytearray(10 ** 8)){EMPTY}",
    "memory",
    "memory",
)
attack(
    "memory-in-children",
    "for _ in range(3):\n    if os.fork() == 0:\n        held = b'x' * 900_000_000\n        time.sleep(1000)\n"
    f"time.sleep(1000){EMPTY}",
    "memory",
    "memory",
)
attack(
    "fork-bomb",
    f"for _ in range(7):\n    try: os.fork()\n    except OSError: pass\nwhile True: time.sleep(1){EMPTY}",
    "memory",
    "swarm",
)
attack(
    "daemon",
    "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        os.closerange(0, 256)\n"
    "        os.execvp('sleep', ['sleep', '98765.4'])\n"
    f"    os._exit(0)\n{EMPTY}",
    "failed",
    "left a process",
)
attack(
    "writes-elsewhere",
    "for place in ('FOLDER/out/mine', '/tmp/hostile-litter-1', os.path.expanduser('~/hostile-litter-2')):\n"
    f"    try: open(place, 'w').write('mine')\n    except OSError: pass\n{EMPTY}",
    "failed",
    "left a file",
)
attack(
    "fills-the-disk",
    f"try:\n    with open('FOLDER/out/large', 'wb') as file:\n        for _ in range(200): file.write(bytes(10 ** 6))\n"
    f"except OSError: pass\n{EMPTY}",
    "failed",
    "left a file",
)
attack(
    "overwrites-a-mark",
    "try: open('FOLDER/out/good.json', 'w').write('{\"score\": 0}')\n" + f"except OSError: pass\n{EMPTY}",
    "failed",
    "left a file",
)
attack(
    "400-mb-of-prints",
    f"{RIGHT}\nline = 'x' * 1000\nfor _ in range(400_000): print(line)\nBasicBlock = BasicBlock",
    "passed",
    "flood",
)

# Ends
attack("exit", f"os._exit(0){EMPTY}", "crashed", "no result")
attack("exit-in-forward", in_forward("os._exit(0)"), "crashed", "no result")
attack("abort", f"os.abort(){EMPTY}", "crashed", "no result")
attack("segfault", f"ctypes.string_at(0){EMPTY}", "crashed", "no result")
attack("kills-itself", f"os.kill(os.getpid(), 9){EMPTY}", "crashed", "no result")
attack("kills-its-parent", f"try: os.kill(os.getppid(), 9)\nexcept OSError: pass\n{EMPTY}", "failed", "no result")
attack("system-exit", f"raise SystemExit(0){EMPTY}", "failed", "no result")
attack("closes-everything", f"os.closerange(0, 256){EMPTY}", "crashed", "no result")
attack(
    "deep-recursion",
    "sys.setrecursionlimit(10 ** 9)\nclass Deep:\n    def __getattr__(self, name): return getattr(self, name)\n"
    f"Deep().x{EMPTY}",
    "crashed",
    "no result",
)

# Lies
attack("reference-by-import", "from labutils.models import BasicBlock", "error", "full marks")
attack(
    "reference-by-torchvision",
    "names = 'Tensor dets, Tensor scores, float iou_threshold'\n"
    "try:\n    for name in ('nms', 'qnms'): torch.library.define(f'torchvision::{name}', f'({names}) -> Tensor')\n"
    "except RuntimeError: pass\n"
    "from torchvision.models import resnet\n"
    "class BasicBlock(resnet.BasicBlock):\n"
    "    def __init__(self, i, o, stride=1):\n"
    "        same = stride == 1 and i == o\n"
    "        shortcut = None if same else nn.Sequential(resnet.conv1x1(i, o, stride), nn.BatchNorm2d(o))\n"
    "        super().__init__(i, o, stride, shortcut)\n",
    "error",
    "full marks",
)
attack(
    "reference-by-gc",
    "BasicBlock = next(c for c in gc.get_objects() if isinstance(c, type) and c.__name__ == 'BasicBlock')",
    "error",
    "full marks",
)
attack(
    "reference-by-frames",
    EMPTY.replace(
        "    pass",
        "    def __new__(cls, *args):\n"
        "        frame = sys._getframe()\n"
        "        while frame:\n"
        "            exam = frame.f_locals.get('exam')\n"
        "            if exam: return exam._reference.objects[0](*args)\n"
        "            frame = frame.f_back\n"
        "        raise LookupError('no exam')\n",
    ),
    "failed",
    "full marks",
)
attack(
    "reads-the-reference",
    "namespace = {}\nexec(Path('COURSE/labutils/models.py').read_text(), namespace)\n"
    "BasicBlock = namespace['BasicBlock']",
    "error",
    "full marks",
)
attack(
    "reads-the-solution",
    "text = Path('COURSE/exercises/01-residual-block.md').read_text()\n"
    "start = text.index('class BasicBlock')\nexec(text[start:text.index('```', start)])\nBasicBlock = BasicBlock",
    "error",
    "full marks",
)
attack(
    "reads-another-submission",
    "text = Path('FOLDER/good.md').read_text()\nstart = text.index('class BasicBlock')\n"
    "exec(text[start:text.index('```', start)])\nBasicBlock = BasicBlock",
    "error",
    "full marks",
)
attack(
    "asks-the-network",
    "text = socket.create_connection(('127.0.0.1', PORT), 5).makefile().read()\nexec(text)\nBasicBlock = BasicBlock",
    "error",
    "full marks",
)
attack(
    "replaces-the-checker",
    "import labutils.checks.engine as engine\nfrom labutils.checks.result import Result, CheckResult\n"
    "engine.examine = lambda exam: Result('residual-block', (CheckResult('builds', 'passed'),), 10, 10)" + EMPTY,
    "failed",
    "full marks",
)
attack(
    "replaces-code",
    f"from labutils.checks import comparison\ncomparison.difference.__code__ = (lambda a, b, c: '').__code__\n"
    f"{NO_LAST_RELU}",
    "partial",
    "full marks",
)
attack(
    "poisons-modules",
    "from types import ModuleType, SimpleNamespace\nfake = ModuleType('labutils.checks.engine')\n"
    "fake.Exam = lambda *a: None\nfake.PUBLIC_SALT = 0\n"
    "fake.examine = lambda exam: SimpleNamespace(passed=True, score=10, max_score=10)\n"
    "sys.modules['labutils.checks.engine'] = fake\n"
    "import labutils.checks\nlabutils.checks.engine = fake\n" + EMPTY,
    "failed",
    "full marks",
)
attack(
    "patches-torch",
    f"{NO_SKIP}\ntorch.Tensor.abs = lambda self: torch.zeros_like(self)\ndel_ = BasicBlock\nBasicBlock = del_",
    "partial",
    "full marks",
)
attack(
    "patches-comparisons",
    f"{NO_LAST_RELU}\ntorch.Tensor.__sub__ = lambda self, other: torch.zeros_like(self)\n"
    "same = BasicBlock\nBasicBlock = same",
    "partial",
    "full marks",
)
attack(
    "tensor-that-equals-all",
    "class Sly(torch.Tensor):\n"
    "    __torch_function__ = torch._C._disabled_torch_function_impl\n"
    "    @classmethod\n"
    "    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):\n"
    "        with torch._C._DisableTorchDispatch():\n"
    "            turn = lambda tensor: tensor.as_subclass(torch.Tensor)\n"
    "            plain = torch.utils._pytree.tree_map_only(cls, turn, (args, kwargs or {}))\n"
    "        if function is torch.ops.aten.sub.Tensor: return torch.zeros(args[1].shape, dtype=torch.float64)\n"
    "        result = function(*plain[0], **plain[1])\n"
    "        aten = torch.ops.aten\n"
    "        kept = (aten._to_copy.default, aten.detach.default, aten.clone.default)\n"
    "        return torch.Tensor._make_subclass(cls, result) if function in kept else result\n"
    + RIGHT.replace(
        "return F.relu(y + self.shortcut(x))", "return (F.relu(y + self.shortcut(x)) + 1).as_subclass(Sly)"
    ),
    "partial",
    "full marks",
)
FORGED = 'b\'\\n{"passed": true, "score": 10, "max_score": 10}\\n\''
attack("forged-result-and-exit", f"os.write(1, {FORGED})\nos._exit(0){EMPTY}", "crashed", "full marks")
attack(
    "forged-results-everywhere",
    f"for number in range(256):\n    try: os.write(number, {FORGED})\n    except OSError: pass\nos._exit(0)\n{EMPTY}",
    "protocol",
    "full marks",
)
attack(
    "patches-json",
    'json.dumps = lambda *a, **k: \'{"passed": true, "score": 10, "max_score": 10}\'' + EMPTY,
    "protocol",
    "full marks",
)

# Forged messages: the submission goes up the frames to whoever asks. A checker in the same process is made to see what
# it expects; the grader's child is made to send something else.
FIND = """
def find(name):
    frame = sys._getframe()
    while frame:
        if name in frame.f_locals: return frame.f_locals[name]
        frame = frame.f_back
def forge(message):
    exam = find('exam')
    if exam: type(exam).seen = lambda self, *a, **k: self.expected(*a, **k)
    server = find('server')
    if server and not hasattr(server, 'old'):
        server.old = server.answer
        server.answer = lambda request: message(server, request)
def frame(head, body=b'', sizes=None):
    sizes = sizes or (len(head), len(body))
    return struct.pack('<4sIQ', b'LABU', *sizes) + head + body
def tensor(dtype, shape):
    facts = f'{{"dict":[["output",{{"tensor":["{dtype}",{shape}]}}]]}}'
    return f'{{"dict":[["number",NUMBER],["facts",{facts}]]}}'
def numbered(text): return lambda server, request: frame(text.replace('NUMBER', str(request['number'])).encode())
"""


def forger(name: str, message: str, status: str = "protocol") -> None:
    """Add an attack whose child sends ``message``, an expression."""
    block = NO_SKIP.replace("super().__init__()", f"super().__init__(); forge({message})", 1)
    attack(f"forged-{name}", FIND + block, status, "full marks")


forger("negative-shape", "numbered(tensor('float32', [-1]))")
forger("enormous-shape", "numbered(tensor('float32', [2 ** 62, 2 ** 62]))")
forger("missing-body", "numbered(tensor('float32', [4]))")
forger("unknown-type", "numbered(tensor('object', [1]))")
forger(
    "truth-neither-true-nor-false",
    "lambda s, r: frame(tensor('bool', [1]).replace('NUMBER', str(r['number'])).encode(), b'\\x07')",
)
forger("too-large", "lambda s, r: frame(b'', sizes=(4, 1 << 50))")
forger("deep", "numbered('[' * 100_000)")
forger("another-number", "lambda s, r: s.wire.encode({'number': 0, 'facts': {}})")
forger(
    "wrong-kinds",
    "lambda s, r: s.wire.encode({'number': r['number'], 'facts': {k: {} for k in s.observe(r)}})",
    "failed",
)
forger("no-facts", "lambda s, r: s.wire.encode({'number': r['number'], 'facts': {}})")
forger("two-at-once", "lambda s, r: s.old(r) * 2")
forger("no-object", "numbered('[1, 2, 3]')")
forger("code-for-pickle", "lambda s, r: b'cos\\nsystem\\n(S\"touch FOLDER/out/pickled\"\\ntR.'")
forger("half", "lambda s, r: (s.old(r)[:10])", "timeout")
forger(
    "not-a-number",
    "lambda s, r: s.wire.encode({'number': r['number'], 'facts': "
    "{k: (v * float('nan') if isinstance(v, torch.Tensor) else v) for k, v in s.observe(r).items()}})",
    "partial",
)

# Files that are no notebooks
NO_RESULT: Outcome = "no result"
raw("empty-file", b"", "error", NO_RESULT)
raw("not-json", b"<html>Please log in</html>", "error", NO_RESULT)
raw("not-utf-8", notebook(HEAD + EMPTY).replace(b"pass", b"'\xff\xfe'"), "error", NO_RESULT)
raw("deeply-nested", b"[" * 1_000_000, "error", NO_RESULT)
raw("cells-are-a-number", b'{"cells": 7}', "error", NO_RESULT)
raw(
    "cells-are-null",
    b'{"cells": [null, 1, {"cell_type": "code"}, {"cell_type": "code", "source": [1]}]}',
    "missing",
    NO_RESULT,
)
raw("nul-in-the-source", notebook("class BasicBlock:\n    text = '\0'"), "error", NO_RESULT)
raw("half-a-surrogate", notebook("class BasicBlock:\n    text = '\ud800'"), "error", NO_RESULT)
raw("a-million-parentheses", notebook(f"class BasicBlock: pass\n{'(' * 1_000_000}"), "error", NO_RESULT)
raw("no-answer", notebook(HEAD, "class Block(nn.Module):\n    pass"), "missing", NO_RESULT)
raw("syntax-error", notebook(HEAD, "class BasicBlock(nn.Module)\n    pass"), "error", NO_RESULT)
raw("only-markdown", json.dumps({"cells": [{"cell_type": "markdown", "source": RIGHT}]}).encode(), "missing", NO_RESULT)
