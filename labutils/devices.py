"""Where to compute, and how precisely: the device, what fits on it, and whether bfloat16 is worth it there."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from labutils.measure import seconds


def choose_device(name: str = "auto") -> torch.device:
    """The device called "cpu", "cuda" or "mps"; with "auto", the fastest there is.

    Raises ValueError, with the names that work here, for a device that is unknown or missing.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device, available in there.items() if available)
    if not there.get(name):
        allowed = ", ".join(device for device, available in there.items() if available)
        raise ValueError(f"device {name!r} is not available here: choose auto or one of {allowed}.")
    return torch.device(name)


def near(tensor: Tensor, device: torch.device) -> Tensor:
    """``tensor`` on a GPU where it takes less than half of the memory that is free there, else as it is."""
    if device.type == "cuda" and tensor.nbytes > torch.cuda.mem_get_info(device)[0] / 2:
        return tensor
    return tensor.to(device)


def faster_in_bfloat16(device: torch.device) -> bool:
    """Whether convolutions are faster in bfloat16 than in float32 here.

    A processor may have the instructions and still be slower with them, so there it is measured.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()  # not in every version of PyTorch
    if device.type != "cpu" or not (capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")):
        return False
    single, half = _convolution(torch.float32), _convolution(torch.bfloat16)
    pairs = [(seconds(half), seconds(single)) for _ in range(10)]
    best_half, best_single = (min(times) for times in zip(*pairs, strict=True))  # the least disturbed by other work
    return best_half < 0.8 * best_single


def _convolution(dtype: torch.dtype) -> Callable[[], None]:
    """Forward and backward pass of one 3x3 convolution, as in a CIFAR net's middle stage."""
    convolution = nn.Conv2d(32, 32, 3, padding=1, bias=False, dtype=dtype)
    convolution.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    x = torch.rand(64, 32, 16, 16, dtype=dtype).contiguous(memory_format=torch.channels_last).requires_grad_()
    return lambda: convolution(x).sum().backward()
