"""Values on the pipe between grader and child: JSON and raw tensors. There is no pickle, and every field has a limit.

A message is a head, the text of a JSON object, and a body, the bytes of its tensors one after the other.
"""

import json
import math
import struct
from typing import Any

import torch
from torch import Tensor

MAGIC = b"LABU"
FRAME = struct.Struct("<4sIQ")  # the magic word, the head's size, the body's size
LARGEST_HEAD = 1 << 20
LARGEST_BODY = 64 << 20
LONGEST_TEXT = 4000
MOST_ITEMS = 20_000
DEEPEST = 8
LARGEST_INTEGER = 1 << 63
MOST_AXES = 8
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float32,
        torch.float64,
        torch.float16,
        torch.bfloat16,
        torch.complex64,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
        torch.bool,
    )
}


class Malformed(Exception):
    """What came over the pipe is no message. The text says what is wrong with it."""


def encode(value: dict[str, Any]) -> bytes:
    """The message that carries ``value``: text, numbers, None, tuples, lists, tensors, and dictionaries of these.

    Raises TypeError for a value of another type, and ValueError for a message that is too large.
    """
    body: list[bytes] = []
    head = json.dumps(_packed(value, body)).encode()
    size = sum(map(len, body))
    if len(head) > LARGEST_HEAD or size > LARGEST_BODY:
        raise ValueError("it is too large to be looked at")
    return b"".join((FRAME.pack(MAGIC, len(head), size), head, *body))


def sizes(frame: bytes) -> tuple[int, int]:
    """The sizes of head and body, from a message's first bytes. Raises Malformed."""
    magic, head, body = FRAME.unpack(frame)
    if magic != MAGIC:
        raise Malformed("it does not begin as a message does")
    if head > LARGEST_HEAD or body > LARGEST_BODY:
        raise Malformed("it claims to be larger than a message may be")
    return head, body


def decode(head: bytes, body: bytes) -> dict[str, Any]:
    """The value of a message. Raises Malformed for anything that :func:`encode` does not write."""
    try:
        packed = json.loads(head.decode())
    except (ValueError, RecursionError):
        raise Malformed("its head is no JSON") from None
    unpacking = _Unpacking(body)
    value = unpacking.value(packed)
    if not isinstance(value, dict):
        raise Malformed("its head is no object")
    if unpacking.place != len(body):
        raise Malformed("its body is longer than its tensors")
    return value


def _packed(value: Any, body: list[bytes]) -> Any:
    if value is None or type(value) in (bool, int, float):
        return value
    if isinstance(value, str):
        return str.__str__(value)[:LONGEST_TEXT].encode(errors="replace").decode()
    if isinstance(value, Tensor):
        return _packed_tensor(value, body)
    if type(value) is tuple:
        return {"tuple": [_packed(item, body) for item in value]}
    if type(value) is list:
        return [_packed(item, body) for item in value]
    if type(value) is dict:
        return {"dict": [[_packed(str(key), body), _packed(item, body)] for key, item in value.items()]}
    raise TypeError(f"a {type(value).__name__} can't be sent")


def _packed_tensor(tensor: Tensor, body: list[bytes]) -> dict[str, Any]:
    with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
        plain = tensor.as_subclass(Tensor).detach().resolve_conj().resolve_neg()
        plain = (plain.to_dense() if plain.layout != torch.strided else plain).cpu().contiguous()
        name = str(plain.dtype).removeprefix("torch.")
        if name not in DTYPES:
            raise TypeError(f"a tensor of {name} can't be sent")
        body.append(plain.reshape(-1).view(torch.uint8).numpy().tobytes() if plain.numel() else b"")
        return {"tensor": [name, list(plain.shape)]}


class _Unpacking:
    """Takes values from a head's JSON and a body's bytes, counting."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.place = 0
        self.items = 0

    def value(self, packed: Any, depth: int = 0) -> Any:
        self.items += 1
        if self.items > MOST_ITEMS or depth > DEEPEST:
            raise Malformed("it holds more, or is nested deeper, than a message may be")
        if packed is None or type(packed) in (bool, float):
            return packed
        if type(packed) is int and -LARGEST_INTEGER <= packed < LARGEST_INTEGER:
            return packed
        if type(packed) is str and len(packed) <= LONGEST_TEXT:
            return packed
        if type(packed) is list:
            return [self.value(item, depth + 1) for item in packed]
        if type(packed) is dict and len(packed) == 1:
            ((kind, content),) = packed.items()
            if kind == "tensor":
                return self.tensor(content)
            if kind == "tuple" and type(content) is list:
                return tuple(self.value(item, depth + 1) for item in content)
            if kind == "dict" and type(content) is list:
                return dict(self.pair(item, depth + 1) for item in content)
        raise Malformed("it holds a value of no known kind")

    def pair(self, packed: Any, depth: int) -> tuple[str, Any]:
        if type(packed) is not list or len(packed) != 2 or type(packed[0]) is not str or len(packed[0]) > LONGEST_TEXT:
            raise Malformed("it holds an entry without a name")
        return packed[0], self.value(packed[1], depth)

    def tensor(self, packed: Any) -> Tensor:
        if type(packed) is not list or len(packed) != 2 or type(packed[0]) is not str or packed[0] not in DTYPES:
            raise Malformed("it holds a tensor of no known type")
        dtype, shape = DTYPES[packed[0]], packed[1]
        if type(shape) is not list or len(shape) > MOST_AXES or any(type(size) is not int for size in shape):
            raise Malformed("it holds a tensor without a shape")
        if any(size < 0 or size > LARGEST_BODY for size in shape):
            raise Malformed("it holds a tensor of an impossible shape")
        size = math.prod(shape) * dtype.itemsize
        data = self.body[self.place : self.place + size]
        if len(data) != size:
            raise Malformed("its body is shorter than its tensors")
        self.place += size
        if dtype == torch.bool and data.strip(b"\0\1"):
            raise Malformed("it holds a truth value that is neither true nor false")
        if not size:
            return torch.empty(shape, dtype=dtype)
        return torch.frombuffer(bytearray(data), dtype=dtype).reshape(shape)
