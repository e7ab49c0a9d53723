"""Which device is chosen, and where bfloat16 is used."""

import pytest
import torch

from labutils.devices import choose_device, faster_in_bfloat16


def test_an_unknown_device_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"device 'tpu' is not available here: choose auto or one of .*cpu"):
        choose_device("tpu")
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device().type in ("cuda", "mps", "cpu")


def test_bfloat16_is_only_used_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)
    assert not faster_in_bfloat16(torch.device("cpu"))
