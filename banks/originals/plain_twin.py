"""Original for ``plain-twin``."""

from torch import Tensor, nn


class PlainNet(nn.Module):
    def __init__(self, depth: int, num_classes: int = 10, in_channels: int = 1, width: int = 16) -> None:
        super().__init__()
        n, rest = divmod(depth - 2, 6)
        if rest or n < 1:
            raise ValueError(f"depth must be 8, 14, 20, ..., not {depth}")
        plan = [(width, 1)] * (1 + 2 * n)
        plan += [(2 * width, 2)] + [(2 * width, 1)] * (2 * n - 1)
        plan += [(4 * width, 2)] + [(4 * width, 1)] * (2 * n - 1)
        layers = []
        channels = in_channels
        for out_channels, stride in plan:
            layers += [
                nn.Conv2d(channels, out_channels, 3, stride, 1, bias=False),
                nn.BatchNorm2d(out_channels),
                nn.ReLU(),
            ]
            channels = out_channels
        self.layers = nn.Sequential(*layers)
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.layers(x).mean(dim=(2, 3)))
