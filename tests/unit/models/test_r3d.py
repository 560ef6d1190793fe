import pytest
import torch
from torchvision.models.video import r3d_18

from cineclr.models.r3d import R3D18
from cineclr.models.weights import KINETICS_MEAN, KINETICS_STD


def test_published_size_has_torchvisions_keys_and_parameters() -> None:
    with torch.device("meta"):
        ours, theirs = R3D18(), r3d_18()
    theirs.fc = torch.nn.Identity()
    assert {k: v.shape for k, v in ours.state_dict().items()} == {
        k: v.shape for k, v in theirs.state_dict().items()
    }
    assert sum(p.numel() for p in ours.parameters()) == 33_166_272


@pytest.mark.parametrize(("mean", "std"), [((0.0,) * 3, (1.0,) * 3), (KINETICS_MEAN, KINETICS_STD)])
@pytest.mark.parametrize("frames", [2, 4, 5])
def test_outputs_are_torchvisions(mean: tuple[float, ...], std: tuple[float, ...], frames: int) -> None:
    """Grey clips expanded to three channels and standardised, through torchvision's network."""
    torch.manual_seed(0)
    theirs = r3d_18().eval()
    theirs.fc = torch.nn.Identity()
    ours = R3D18(64, mean, std).eval()
    ours.load_state_dict(theirs.state_dict())
    clips = torch.rand(2, frames, 20, 24)
    expanded = clips.unsqueeze(1).expand(-1, 3, -1, -1, -1)
    standard = (expanded - torch.tensor(mean).view(3, 1, 1, 1)) / torch.tensor(std).view(3, 1, 1, 1)
    with torch.no_grad():
        torch.testing.assert_close(ours(clips), theirs(standard), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("width", [8, 16, 32])
def test_small_widths(width: int) -> None:
    model = R3D18(width)
    assert model(torch.rand(2, 4, 16, 16)).shape == (2, model.features) == (2, 8 * width)


def dirty_memory() -> None:
    """Leave NaN in the memory that the next small tensors get, so that reads of empty memory show."""
    for size in (2**12, 2**14, 2**16, 2**18, 2**20):
        for _ in range(4):
            torch.full((size,), torch.nan)


@pytest.mark.parametrize("frames", [2, 4, 8, 16])
def test_bfloat16_gradients_follow_full_precision(frames: int) -> None:
    """Holds the library to its word: a 3-D convolution's bfloat16 weight gradient was garbage at 2 frames."""
    torch.manual_seed(0)
    model, clips = R3D18(8), torch.rand(6, frames, 32, 32)
    model.eval()  # batch statistics of deep stages amplify rounding beyond comparison
    target = torch.randn(6, model.features)
    gradients = []
    for half in (False, True, True):
        dirty_memory()
        model.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            out = model(clips)
        (out.float() * target).sum().backward()
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if "0.weight" in name})
    for name, full in gradients[0].items():
        for half in (gradients[1][name], gradients[2][name]):
            cosine = torch.nn.functional.cosine_similarity(full.flatten(), half.flatten(), dim=0)
            assert cosine > 0.95, name
