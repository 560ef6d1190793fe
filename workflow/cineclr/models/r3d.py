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

    On a CPU in bfloat16, oneDNN leaves part of the weight gradient uninitialised (infinite, or silently
    wrong) where three taps in time, padded by one, meet exactly two frames: one stage of this network at the
    usual clip lengths. Padding in time by hand gives the same result on a path without that fault.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, T, H, W); one channel stands for C equal ones, by the weights summed over them."""
        weight = self.weight if x.shape[1] == self.in_channels else self.weight.sum(dim=1, keepdim=True)
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


class Stem(nn.Sequential):
    """Standardise grey clips and apply the first convolution: (B, T, H, W) -> (B, width, T, H/2, W/2).

    The grey value is the same in the three input channels, less `mean`, over `std` per channel. Where all
    channels are standardised alike they are equal, and one channel with the weights summed over channels
    gives the same result in half the time.
    """

    def __init__(self, width: int, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        size, stride, padding = (3, 7, 7), (1, 2, 2), (1, 3, 3)
        convolution = Convolution(CHANNELS, width, size, stride=stride, padding=padding, bias=False)
        super().__init__(convolution, nn.BatchNorm3d(width), nn.ReLU(inplace=True))
        alike = len(set(mean)) == len(set(std)) == 1
        self.mean, self.std = (mean[:1], std[:1]) if alike else (mean, std)

    def forward(self, clips: Tensor) -> Tensor:
        """Return the activations of the first stage."""
        images = clips.unsqueeze(-1)  # channel last: the layout that the convolutions want, without a copy
        if self.mean != (0.0,) or self.std != (1.0,):
            images = (images - images.new_tensor(self.mean)) / images.new_tensor(self.std)
        return super().forward(images.permute(0, 4, 1, 2, 3))


class R3D18(nn.Module):
    """Clips (B, T, H, W) with values in 0 to 1 -> video representations (B, 8 * width).

    `width` 64 is the published network (33,166,272 parameters without head). `mean` and `std`, per channel,
    are those of the data that made the weights. `fc` is the identity until a task puts its head there, as in
    torchvision.
    """

    def __init__(
        self,
        width: int = 64,
        mean: tuple[float, ...] = (0.0,) * CHANNELS,
        std: tuple[float, ...] = (1.0,) * CHANNELS,
    ) -> None:
        super().__init__()
        self.stem = Stem(width, mean, std)
        self.layer1 = _stage(width, width, stride=1)
        self.layer2 = _stage(width, 2 * width, stride=2)
        self.layer3 = _stage(2 * width, 4 * width, stride=2)
        self.layer4 = _stage(4 * width, 8 * width, stride=2)
        self.features = 8 * width
        self.fc: nn.Module = nn.Identity()
        self.mean, self.std = mean, std
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.to(memory_format=torch.channels_last_3d)

    def forward(self, clips: Tensor) -> Tensor:
        """Return what `fc` makes of the representations; (B, T, H, W) -> (B, 8 * width) without a head."""
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(clips)))))  # (B, 8w, T/8, H/16, W/16)
        # The mean is what AdaptiveAvgPool3d(1) computes, and repeatable on a GPU where that is not.
        return self.fc(x.mean(dim=(2, 3, 4)))
