"""AugMix (Hendrycks et al. 2020) of MRI clips: mixed chains of random changes, alike on all frames."""

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

_AUGMIX = v2.AugMix()


def augmix(clips: Tensor, seeds: list[int]) -> Tensor:
    """Return clips, uint8 (n, T, H, W), each changed by the random numbers of its own seed.

    torchvision draws once for all frames only where it is told that they are a video.
    """
    changed = torch.empty_like(clips)
    for place, seed in enumerate(seeds):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            changed[place] = _AUGMIX(tv_tensors.Video(clips[place][:, None]))[:, 0]
    return changed
