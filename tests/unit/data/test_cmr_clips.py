"""Frames of a slice, and the augmentation that changes all of them alike."""

import sys

import numpy as np
import pytest
import torch
import torchvision

from cineclr.data.augmix import augmix
from cineclr.data.temporal import sample_evenly


@pytest.mark.parametrize("count", [8, 16, 25, 30, 50])
def test_frames_are_those_of_pytorchvideo(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # pytorchvideo asks for a module that torchvision has renamed.
    renamed = torchvision.transforms._functional_tensor
    monkeypatch.setitem(sys.modules, "torchvision.transforms.functional_tensor", renamed)
    from pytorchvideo.transforms.functional import uniform_temporal_subsample

    video = torch.arange(count)[None, :, None, None]
    theirs = uniform_temporal_subsample(video, 16)[0, :, 0, 0]
    assert sample_evenly(count, 16).tolist() == theirs.tolist()


def make_clip(seed: int) -> torch.Tensor:
    """Return one random still, shown 6 times."""
    still = torch.randint(0, 256, (1, 32, 32), generator=torch.Generator().manual_seed(seed))
    return still.to(torch.uint8).expand(6, -1, -1)


def test_all_frames_change_alike() -> None:
    clips = torch.stack([make_clip(seed) for seed in range(12)])
    changed = augmix(clips, list(range(12)))
    assert changed.dtype == torch.uint8
    assert (changed == changed[:, :1]).all()
    assert all((one != other).any() for one, other in zip(changed, clips, strict=True))


def test_a_clip_depends_on_its_own_seed_alone() -> None:
    clip = make_clip(0)
    pair = augmix(torch.stack([clip, clip]), [3, 4])
    assert torch.equal(augmix(clip[None], [4])[0], pair[1])
    assert not torch.equal(pair[0], pair[1])


def test_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    augmix(make_clip(0)[None], [1])
    assert torch.equal(torch.rand(1), expected)


def test_few_frames_are_repeated() -> None:
    assert np.unique(sample_evenly(8, 16)).tolist() == list(range(8))
