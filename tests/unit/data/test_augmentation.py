import numpy as np
import pytest
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

from cineclr.config.echo import Augmentation
from cineclr.data import augmentation
from cineclr.data.augmentation import Draws, augment, draw_augmentation
from cineclr.data.reader import to_device


def make_clips(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def augment_slowly(clip: torch.Tensor, down: int, right: int, flip: bool, degrees: float) -> torch.Tensor:
    """One clip (T, H, W): pad with zeros, crop, flip, rotate, with torchvision's own functions."""
    height, width = clip.shape[-2:]
    pad = max(abs(down), abs(right))
    padded = functional.pad(clip, [pad] * 4)
    moved = functional.crop(padded, pad - down, pad - right, height, width)
    if flip:
        moved = functional.horizontal_flip(moved)
    return functional.rotate(moved, degrees, interpolation=InterpolationMode.BILINEAR)


def test_batch_equals_slow_reference() -> None:
    clips = make_clips(24, 3, 20, 28)
    settings = Augmentation(pad=8, rotation_degrees=10)
    draws = draw_augmentation(settings, len(clips), np.random.default_rng(1))
    expected = [
        augment_slowly(clip / 255, int(d), int(r), bool(f), float(a))
        for clip, d, r, f, a in zip(clips, draws.down, draws.right, draws.flip, draws.degrees, strict=True)
    ]
    torch.testing.assert_close(augment(clips, draws), torch.stack(expected), atol=1e-4, rtol=0)


def test_draws_cover_the_ranges_with_their_probabilities() -> None:
    draws = draw_augmentation(Augmentation(), 20_000, np.random.default_rng(0))
    assert set(draws.down.tolist()) == set(range(-8, 9)) == set(draws.right.tolist())
    assert abs(draws.flip.mean() - 0.5) < 0.02
    turned = draws.degrees[draws.degrees != 0]
    assert abs(len(turned) / 20_000 - 0.5) < 0.02
    assert -10 <= turned.min() < -9.9 < 9.9 < turned.max() <= 10


def test_nothing_drawn_changes_nothing() -> None:
    clips = make_clips(3, 2, 8, 8)
    off = Augmentation(pad=0, flip_probability=0, rotation_probability=0)
    out = augment(clips, draw_augmentation(off, 3, np.random.default_rng(0)))
    assert torch.equal(out, to_device(clips, torch.device("cpu")))


def test_how_many_clips_a_cpu_takes_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clips = make_clips(11, 2, 16, 12)
    draws = draw_augmentation(Augmentation(), 11, np.random.default_rng(0))
    whole = augment(clips, draws)
    for at_once in (1, 4):
        monkeypatch.setattr(augmentation, "CPU_PIXELS", at_once * clips[0].numel())
        torch.testing.assert_close(augment(clips, draws), whole, atol=1e-6, rtol=0)


def test_all_frames_of_a_clip_change_alike() -> None:
    clips = make_clips(6, 1, 16, 16).expand(-1, 4, -1, -1).clone()
    out = augment(clips, draw_augmentation(Augmentation(), 6, np.random.default_rng(2)))
    assert torch.equal(out, out[:, :1].expand_as(out))


def test_part_of_draws() -> None:
    draws = Draws(np.arange(4), np.arange(4), np.arange(4) > 1, np.arange(4.0))
    assert draws.part(np.array([3, 1])).down.tolist() == [3, 1]
