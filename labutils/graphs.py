"""A step of training as one CUDA graph: captured once and then replayed, so that nothing waits for kernels to start."""

import warnings
from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor

WARM_UP = 3  # steps taken as they are before the capture, as PyTorch asks for: they allocate what is kept

Step = Callable[[Tensor], None]


def captured(step: Step, index: Tensor, *, generator: torch.Generator, stream: torch.cuda.Stream) -> Step:
    """``step`` as a graph, for any index of the same length. Nothing is computed yet.

    All that the step reads and changes are tensors on the GPU that stay where they are, and it draws random numbers
    from ``generator`` alone. ``stream`` is the one that it is called on. Raises RuntimeError where the step does what a
    graph can't hold, such as ``.item()``.
    """
    held = index.clone()
    graph = torch.cuda.CUDAGraph()
    graph.register_generator_state(generator)
    with torch.cuda.graph(graph, stream=stream):
        step(held)

    def replay(index: Tensor) -> None:
        held.copy_(index)
        graph.replay()

    return replay


class CapturedStep:
    """A step ``(index) -> None`` that is captured at the fourth call with an index of one length, and then replayed.

    Where it can't be captured, a warning says why, and all further calls take the step as it is.
    """

    def __init__(self, step: Step, capture: Callable[[Step, Tensor], Step]) -> None:
        self.step, self.capture = step, capture
        self.taken = Counter[int]()
        self.graphs: dict[int, Step] = {}
        self.works = True

    def __call__(self, index: Tensor) -> None:
        length = len(index)
        if self.works and self.taken[length] == WARM_UP:
            self._capture(index)
        self.taken[length] += 1
        self.graphs.get(length, self.step)(index)

    def _capture(self, index: Tensor) -> None:
        try:
            self.graphs[len(index)] = self.capture(self.step, index)
        except RuntimeError as error:
            self.works = False
            reason = str(error).strip().partition("\n")[0]
            warnings.warn(f"the step can't be one CUDA graph, so its kernels start one by one: {reason}", stacklevel=3)
