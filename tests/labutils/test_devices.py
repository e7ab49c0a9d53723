"""Which device is chosen, and where bfloat16 is used."""

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from labutils import devices
from labutils.devices import choose_device, faster_in_bfloat16, near


def test_an_unknown_device_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"device 'tpu' is not available here: choose auto or one of .*cpu"):
        choose_device("tpu")
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device().type in ("cuda", "mps", "cpu")


def test_the_fastest_device_there_is_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"cuda": False, "mps": False}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: found["cuda"])
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: found["mps"])
    for name in ("cpu", "mps", "cuda"):
        found |= {name: True}
        assert choose_device().type == name


def test_bfloat16_is_only_used_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)
    assert not faster_in_bfloat16(torch.device("cpu"))


@pytest.mark.parametrize(("half", "single", "faster"), [(1, 2, True), (2, 1, False), (0.9, 1, False)])
def test_bfloat16_is_used_where_it_is_clearly_faster(
    monkeypatch: pytest.MonkeyPatch, half: float, single: float, faster: bool
) -> None:
    """On a processor that has the instructions, and on which a convolution takes so long."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    monkeypatch.setattr(devices, "_convolution", lambda dtype: dtype)
    monkeypatch.setattr(devices, "seconds", {torch.bfloat16: half, torch.float32: single}.__getitem__)
    assert faster_in_bfloat16(torch.device("cpu")) == faster


def test_bfloat16_is_measured_on_the_best_of_several_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other work on the machine that slows some turns changes nothing."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    monkeypatch.setattr(devices, "_convolution", lambda dtype: dtype)
    times = {torch.bfloat16: itertools.cycle([9.0, 1.0]), torch.float32: itertools.repeat(2.0)}
    monkeypatch.setattr(devices, "seconds", lambda dtype: next(times[dtype]))
    assert faster_in_bfloat16(torch.device("cpu"))


def test_a_tensor_goes_to_a_gpu_that_has_twice_the_room_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    images: Any = SimpleNamespace(nbytes=100, to=lambda device: f"on {device}")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (199, 1000))
    assert near(images, torch.device("cuda")) is images
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (200, 1000))
    assert near(images, torch.device("cuda")) == "on cuda"
    assert near(images, torch.device("mps")) == "on mps"
