"""The 3D-ResNet18 of Tran et al. (2018): torchvision's `r3d_18`, key for key, for one-channel clips.

Written out here because torchvision's class has neither a width nor a one-channel path and its import costs
more than a prediction on a small test set; a test holds it to torchvision's keys, parameters and outputs.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNELS = 3


class Convolution(nn.Conv3d):
    """A 3-D convolution with the weight gradient that it should have.

    On a CPU in bfloat16, oneDNN leaves part of the weight gradient uninitialised (infinite, or silently wrong) where
    three taps in time, padded by one, meet exactly two frames: one stage of this network at every clip length.
    Padding in time by hand gives the same result on a path without that fault.
    """

    def forward(self, x: Tensor, weight: Tensor | None = None) -> Tensor:
        """Convolve (B, C, T, H, W); with a `weight` of another number of input channels in place of its own."""
        weight = self.weight if weight is None else weight
        padding = self.padding
        if x.shape[2] == 2 and x.device.type == "cpu" and padding[0] == 1:
            x, padding = functional.pad(x, (0, 0, 0, 0, 1, 1)), (0, *padding[1:])
        return functional.conv3d(x, weight, None, self.stride, padding)


def _convolution(inputs: int, outputs: int, stride: int) -> Convolution:
    return Convolution(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3x3 convolutions and a shortcut; (B, inputs, T, H, W) -> (B, outputs, T/s, H/s, W/s)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            _convolution(inputs, outputs, stride), nn.BatchNorm3d(outputs), nn.ReLU(inplace=True)
        )
        self.conv2 = nn.Sequential(_convolution(outputs, outputs, 1), nn.BatchNorm3d(outputs))
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1:
            shortcut = nn.Conv3d(inputs, outputs, kernel_size=1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm3d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.relu(self.conv2(self.conv1(x)) + shortcut)


def _stage(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(BasicBlock(inputs, outputs, stride), BasicBlock(outputs, outputs, 1))


class R3D18(nn.Module):
    """Clips (B, T, H, W) with values in 0 to 1 -> video representations (B, 8 * width).

    `width` 64 is the published network (33,166,272 parameters without head). The grey value is the same in
    the three input channels, standardised by `mean` and `std`, which a weights file states. `fc` is the
    identity until a task puts its head there, as in torchvision.
    """

    def __init__(
        self,
        width: int = 64,
        mean: tuple[float, ...] = (0.0,) * CHANNELS,
        std: tuple[float, ...] = (1.0,) * CHANNELS,
    ) -> None:
        super().__init__()
        stem = Convolution(CHANNELS, width, (3, 7, 7), stride=(1, 2, 2), padding=(1, 3, 3), bias=False)
        self.stem = nn.Sequential(stem, nn.BatchNorm3d(width), nn.ReLU(inplace=True))
        self.layer1 = _stage(width, width, stride=1)
        self.layer2 = _stage(width, 2 * width, stride=2)
        self.layer3 = _stage(2 * width, 4 * width, stride=2)
        self.layer4 = _stage(4 * width, 8 * width, stride=2)
        self.features = 8 * width
        self.fc: nn.Module = nn.Identity()
        self.mean, self.std = tuple(mean), tuple(std)
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def forward(self, clips: Tensor) -> Tensor:
        """Return what `fc` makes of the representations; (B, T, H, W) -> (B, 8 * width) without a head."""
        x = self.stem[2](self.stem[1](self._convolve_stem(clips)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        # The mean is what AdaptiveAvgPool3d(1) computes, and repeatable on a GPU where that is not.
        return self.fc(x.mean(dim=(2, 3, 4)))

    def _convolve_stem(self, clips: Tensor) -> Tensor:
        """Apply the first convolution: (B, T, H, W) -> (B, width, T, H/2, W/2).

        Where the three channels are standardised alike they are equal, and one channel with the weights
        summed over channels gives the same result at a third of the work and half the time.
        """
        images = clips.unsqueeze(-1)  # channel last: the layout that the convolutions want, without a copy
        weight = None
        if len(set(self.mean)) == len(set(self.std)) == 1:
            weight = self.stem[0].weight.sum(dim=1, keepdim=True)
            mean, std = self.mean[:1], self.std[:1]
        else:
            mean, std = self.mean, self.std
        if mean != (0.0,) or std != (1.0,):
            images = (images - images.new_tensor(mean)) / images.new_tensor(std)
        return self.stem[0](images.permute(0, 4, 1, 2, 3), weight)
