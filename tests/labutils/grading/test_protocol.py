"""What comes from a child is taken apart field by field: whatever bytes come, there is a value or a refusal."""

import json
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from labutils.grading.child import wire

numbers = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False) | st.text(max_size=20)
values = st.recursive(
    numbers,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
).filter(lambda value: depth(value) < wire.DEEPEST - 1)
json_values = st.recursive(
    numbers, lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(max_size=6), v, max_size=3)
)
kinds = st.sampled_from(["tensor", "tuple", "dict", "", "__class__"])
near_misses = st.recursive(
    numbers | st.sampled_from(["float32", "bool", "int64"]) | st.integers(-3, 3),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(kinds, v, min_size=1, max_size=1),
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list | tuple) else 0


def split(message: bytes) -> tuple[bytes, bytes]:
    head, body = wire.sizes(message[: wire.FRAME.size])
    rest = message[wire.FRAME.size :]
    assert len(rest) == head + body
    return rest[:head], rest[head:]


def is_plain(value: Any) -> bool:
    """Whether the value is made of nothing but numbers, text, tensors and containers of these."""
    if isinstance(value, dict):
        return all(type(key) is str and is_plain(item) for key, item in value.items())
    if type(value) in (list, tuple):
        return all(map(is_plain, value))
    return value is None or type(value) in (bool, int, float, str, torch.Tensor)


@given(st.dictionaries(st.text(max_size=5), values, max_size=4))
def test_what_is_written_is_read(value: dict[str, Any]) -> None:
    assert wire.decode(*split(wire.encode(value))) == value


@given(st.sampled_from(sorted(wire.DTYPES)), st.lists(st.integers(0, 3), max_size=4), st.binary(min_size=8, max_size=8))
def test_tensors_keep_their_bits(dtype: str, shape: list[int], seed: bytes) -> None:
    count = max(1, torch.Size(shape).numel())
    data = bytearray(seed * count * 2)
    tensor = torch.frombuffer(data, dtype=torch.uint8)[: count * wire.DTYPES[dtype].itemsize]
    tensor = (tensor % 2).bool() if dtype == "bool" else tensor.clone().view(wire.DTYPES[dtype])
    tensor = tensor[: torch.Size(shape).numel()].reshape(shape)
    back = wire.decode(*split(wire.encode({"t": tensor})))["t"]
    assert back.dtype == tensor.dtype
    assert back.shape == tensor.shape
    assert back.numel() == 0 or torch.equal(
        back.reshape(-1).view(torch.uint8), tensor.contiguous().reshape(-1).view(torch.uint8)
    )


@given(st.binary(min_size=wire.FRAME.size, max_size=wire.FRAME.size))
def test_any_first_bytes_give_sizes_within_the_limits_or_a_refusal(first: bytes) -> None:
    for frame in (first, wire.MAGIC + first[4:]):
        try:
            head, body = wire.sizes(frame)
        except wire.Malformed:
            continue
        assert head <= wire.LARGEST_HEAD
        assert body <= wire.LARGEST_BODY


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_any_bytes_give_a_plain_value_or_a_refusal(head: bytes, body: bytes) -> None:
    try:
        value = wire.decode(head, body)
    except wire.Malformed:
        return
    assert is_plain(value)


@given(json_values | near_misses, st.binary(max_size=50))
def test_any_json_gives_a_plain_value_or_a_refusal(value: Any, body: bytes) -> None:
    for head in (value, {"dict": [["facts", value]]}):
        try:
            found = wire.decode(json.dumps(head).encode(), body)
        except wire.Malformed:
            continue
        assert is_plain(found)


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 10_000, b'"\\ud800"', b"NaN", b"{}"])
def test_json_at_its_edges_is_refused(data: bytes) -> None:
    with pytest.raises(wire.Malformed):
        wire.decode(data, b"")


def test_a_message_with_very_many_values_is_refused() -> None:
    many = json.dumps({"dict": [["a", [0] * (wire.MOST_ITEMS + 1)]]}).encode()
    with pytest.raises(wire.Malformed):
        wire.decode(many, b"")


def test_a_subclass_with_tricks_is_sent_as_the_numbers_it_holds() -> None:
    class Sly(torch.Tensor):
        @classmethod
        def __torch_function__(cls, *_arguments: Any, **_options: Any) -> Any:
            return "anything"

    message = wire.encode({"t": torch.arange(3.0).as_subclass(Sly)})
    assert torch.equal(wire.decode(*split(message))["t"], torch.arange(3.0))


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", torch.empty(2, device="meta")])
def test_other_values_are_not_sent(value: Any) -> None:
    with pytest.raises((TypeError, NotImplementedError)):
        wire.encode({"value": value})


@pytest.mark.parametrize(
    "shape", [[-1], [-1, -1], [-1, 0], [1.0], [True], ["1"], [1] * 9, [2**62, 4], [2**80], None, 1]
)
def test_a_tensor_of_no_possible_shape_is_refused(shape: Any) -> None:
    head = json.dumps({"dict": [["t", {"tensor": ["float32", shape]}]]}).encode()
    for body in (b"", bytes(4)):
        with pytest.raises(wire.Malformed):
            wire.decode(head, body)
