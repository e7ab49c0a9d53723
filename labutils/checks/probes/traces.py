"""What a call leaves behind: in a model, in PyTorch's settings and functions, and in the random numbers."""

import random
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import module

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
HOOKS_OF_ALL = tuple(f"_global{name}" for name in HOOKS)
LAYERS = (nn.Module, nn.Conv2d, nn.Linear)
METHODS = ("__call__", "_call_impl", "forward", "_conv_forward")  # no others: torch.compile changes some
FUNCTIONS = ((F, "conv2d"), (F, "linear"), (torch, "conv2d"))


def seed(salt: int) -> None:
    """Start the random numbers of PyTorch, NumPy and Python from the salt."""
    torch.manual_seed(salt)
    np.random.seed(salt % 2**32)
    random.seed(salt)


def random_states() -> tuple[Any, ...]:
    """Where the random numbers of PyTorch, NumPy and Python are. Equal where none was drawn in between."""
    theirs: Any = np.random.get_state()
    return bytes(torch.get_rng_state().numpy()), random.getstate(), bytes(theirs[1]), *theirs[2:]


class Before:
    """A model, PyTorch's settings and the random numbers before a call.

    Of the model everything is noted but its modes, which some calls may change. At the end of a ``with``, the settings
    and the layers' code are set back.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._random = random_states()
        self._parts = _parts(model)
        self._parameters = _parameters(model)
        self._values = [parameter.detach().clone() for _, parameter in self._parameters]
        self._kinds = [_kind(parameter) for _, parameter in self._parameters]
        self._flags = [parameter.requires_grad for _, parameter in self._parameters]
        self._buffers = {name: buffer.clone() for name, buffer in model.named_buffers(remove_duplicate=False)}
        self._forwards = _forwards(model)
        self._hooks = _hooks(model)
        self._settings = _settings()
        self._code = [(layer, name, vars(layer).get(name)) for layer in LAYERS for name in METHODS]
        self._functions = [(owner, name, getattr(owner, name)) for owner, name in FUNCTIONS]
        self._hooks_of_all = {name: dict(getattr(module, name)) for name in HOOKS_OF_ALL}

    def __enter__(self) -> "Before":
        return self

    def __exit__(self, *_exception: object) -> None:
        recording, dtype, device = self._settings
        torch.set_grad_enabled(recording)
        torch.set_default_dtype(dtype)
        if torch.empty(0).device != device:
            torch.set_default_device(device)
        for layer, name, value in self._changed_code():
            setattr(layer, name, value) if value is not None else delattr(layer, name)
        for owner, name, function in self._functions:
            setattr(owner, name, function)
        for name, hooks in self._hooks_of_all.items():
            kept = getattr(module, name)
            kept.clear()
            kept.update(hooks)

    @property
    def drew(self) -> bool:
        """Whether a random number has been drawn since."""
        return random_states() != self._random

    def changes(self) -> list[str]:
        """What is no longer as it was, in words that go with "changed": the model's parts, its hooks and so on."""
        parameters = _parameters(self._model)
        same_objects = [(name, id(p)) for name, p in parameters] == [(name, id(p)) for name, p in self._parameters]
        same_kinds = [_kind(p) for _, p in parameters] == self._kinds
        flags = list(zip(self._flags, (p.requires_grad for _, p in parameters), strict=False))
        found = {
            "the model's parts": _parts(self._model) != self._parts,
            "the parameters as objects": not same_objects,
            "the parameters' type, shape or device": not same_kinds,
            "the parameters' values": same_kinds and not all(map(_equal, self._values, (p for _, p in parameters))),
            "requires_grad, now False": any(was and not now for was, now in flags),
            "requires_grad, now True": any(now and not was for was, now in flags),
            "the buffers": not self._buffers_kept(),
            "a method forward": _forwards(self._model) != self._forwards,
            "hooks, added": bool(_hooks(self._model) - self._hooks) or self._hooks_for_all_added(),
            "hooks, removed": bool(self._hooks - _hooks(self._model)),
            "PyTorch's layers": bool(self._changed_code()),
            "PyTorch's functions": self._functions_changed(),
            "PyTorch's settings": _settings()[1:] != self._settings[1:],
            "the recording of gradients": torch.is_grad_enabled() != self._settings[0],
        }
        return [word for word, changed in found.items() if changed]

    def _buffers_kept(self) -> bool:
        left = dict(self._model.named_buffers(remove_duplicate=False))
        return left.keys() == self._buffers.keys() and all(
            _kind(left[name]) == _kind(buffer) and _equal(left[name], buffer) for name, buffer in self._buffers.items()
        )

    def _hooks_for_all_added(self) -> bool:
        return any(dict(getattr(module, name)) != hooks for name, hooks in self._hooks_of_all.items())

    def _changed_code(self) -> list[tuple[type, str, Any]]:
        return [(layer, name, code) for layer, name, code in self._code if vars(layer).get(name) is not code]

    def _functions_changed(self) -> bool:
        return any(getattr(owner, name) is not function for owner, name, function in self._functions)


def _parts(model: nn.Module) -> list[tuple[str, int, type]]:
    """Every module's name, identity and class."""
    return [(name, id(part), type(part)) for name, part in model.named_modules(remove_duplicate=False)]


def _forwards(model: nn.Module) -> list[int]:
    """The identities of the methods ``forward`` that modules have of their own."""
    return [id(vars(part)["forward"]) for part in model.modules() if "forward" in vars(part)]


def _parameters(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return list(model.named_parameters(remove_duplicate=False))


def _kind(tensor: Tensor) -> tuple[Any, ...]:
    return type(tensor), tuple(tensor.shape), tensor.dtype, tensor.device


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.is_meta == other.is_meta and (one.is_meta or torch.equal(one, other))


def _hooks(model: nn.Module) -> set[tuple[int, str, int]]:
    """Module, kind and number of every hook."""
    modules = list(model.modules())
    return {(id(part), name, number) for part in modules for name in HOOKS for number in getattr(part, name)}


def _settings() -> tuple[bool, torch.dtype, torch.device]:
    return torch.is_grad_enabled(), torch.get_default_dtype(), torch.empty(0).device
