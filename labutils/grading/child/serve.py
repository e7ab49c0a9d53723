"""Answers the grader's requests about one submission: read it, execute a piece of it, observe with a probe.

It knows no expected value, and nothing it says is believed without being checked. From the first piece on, the process
belongs to the submission.
"""

import ast
import contextlib
import json
import linecache
import os
import sys
from types import ModuleType
from typing import Any, BinaryIO

from labutils.grading.child import extract

MEMORY_WORDS = ("can't allocate memory", "not enough memory", "bad_alloc", "Cannot allocate memory")


def serve(requests: BinaryIO, replies: BinaryIO, largest: int) -> None:
    """Read the submission, load PyTorch, and then answer until the requests end.

    Raises SystemExit for a submission of more than ``largest`` bytes.
    """
    order = json.loads(requests.readline())
    if order["size"] > largest:
        raise SystemExit("the submission is larger than the limit")
    reading = _read(requests.read(order["size"]), order)
    if isinstance(reading, str):
        _say(replies, {"unreadable": reading})
        return
    pieces, missing = reading
    found = [{"cell": piece.cell, "exercises": piece.exercises} for piece in pieces]
    _say(replies, {"pieces": found, "missing": missing})
    if not any(piece.exercises for piece in pieces):
        return
    server = Server(pieces, order["names"])
    _say(replies, {"ready": True})
    for line in requests:
        request = json.loads(line)
        replies.write(server.answer(request))
        replies.flush()


def _say(replies: BinaryIO, message: dict[str, Any]) -> None:
    """A message before PyTorch is there: a line of JSON."""
    replies.write(json.dumps(message).encode() + b"\n")
    replies.flush()


def _read(content: bytes, order: dict[str, Any]) -> tuple[list[extract.Piece], list[str]] | str:
    try:
        return extract.pieces_of(extract.cells_of(content, order["kind"]), order["names"])
    except extract.Unreadable as error:
        return str(error)
    except (RecursionError, MemoryError):
        return "The notebook is nested too deeply to be read."


class Server:
    """Holds the namespace in which the submission is executed."""

    def __init__(self, pieces: list[extract.Piece], names: dict[str, list[str]]) -> None:
        import torch

        from labutils.checks import transport
        from labutils.grading.child import standin, wire

        transport.soft_limit = contextlib.nullcontext  # the grader keeps the time
        self.transport = transport
        self.wire = wire
        self.names = names
        self.pieces = {piece.cell: piece for piece in pieces}
        self.problems: dict[str, str] = {}
        sys.modules["__main__"] = ModuleType("__main__")
        self.namespace = vars(sys.modules["__main__"])
        torch.set_num_threads(1)
        self.gate = standin.install()

    def answer(self, request: dict[str, Any]) -> bytes:
        """The message that answers a request."""
        self.gate.refused = ""
        number = request["number"]
        try:
            if request["do"] == "execute":
                found = self.execute(self.pieces[request["cell"]])
            else:
                found = {"facts": self.observe(request)}
        except self.transport.Failure as failure:
            out_of_memory = self._is_memory(failure.kind, failure.raised)
            found = {"kind": failure.kind, "message": str(failure), "raised": failure.raised, "memory": out_of_memory}
        try:
            return self.wire.encode({"number": number, "refused": self.gate.refused, **found})
        except BaseException as error:
            message = f"what it computed can't be looked at: {self.transport.text_of(error)}"
            return self.wire.encode(
                {"number": number, "refused": "", "kind": "Unusable", "message": message, "raised": "", "memory": False}
            )

    @staticmethod
    def _is_memory(kind: str, raised: str) -> bool:
        return kind == "MemoryError" or any(words in raised for words in MEMORY_WORDS)

    def execute(self, piece: extract.Piece) -> dict[str, Any]:
        """Run a piece, statement by statement. A statement that fails is passed over, and what it raised is kept."""
        failures = [piece.problem] if piece.problem else []
        out_of_memory = False
        name = f"<cell {piece.cell + 1}>"
        linecache.cache[name] = (len(piece.source), None, piece.source.splitlines(keepends=True), name)
        with self.transport.guarded():
            for statement in piece.statements:
                try:
                    exec(compile(ast.Module([statement], []), name, "exec"), self.namespace)
                except BaseException as error:
                    failures.append(self.transport.describe(error))
                    out_of_memory |= self._is_memory(type(error).__name__, self.transport.text_of(error))
        for exercise in piece.exercises:
            if failures:
                self.problems.setdefault(exercise, failures[0])
        return {"failures": failures[:5], "memory": out_of_memory}

    def observe(self, request: dict[str, Any]) -> dict[str, Any]:
        """The facts that a probe finds about an exercise's objects. Raises Failure."""
        exercise = request["exercise"]
        unbound = [name for name in self.names[exercise] if name not in self.namespace]
        if unbound:
            why = self.problems.get(exercise, "")
            raise self.transport.Failure("Unbound", f"{unbound[0]} is not defined{': ' if why else ''}{why}")
        objects = tuple(self.namespace[name] for name in self.names[exercise])
        packed = self.wire.decode(json.dumps(request["call"]).encode(), b"")
        with self.transport.guarded():
            local = self.transport.Local(objects)
            try:
                return local.observe(
                    request["probe"], packed["args"], packed["shape"], request["salt"], **packed["options"]
                )
            except (KeyboardInterrupt, self.transport.TimeUp) as error:  # here, only the submission raises them
                raise self.transport.failure_of(error) from None


def main(largest: int) -> None:
    """Serve standard input and output, which the submission itself then no longer has."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    serve(requests, replies, largest)
    replies.flush()
    os._exit(0)
