import math
from pathlib import Path

import pytest
import torch
from two_ranks import run_two_ranks

from cineclr.losses.infonce import flood, info_nce

PAIRS, DIMENSIONS = 6, 5


def make_embeddings(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(2, PAIRS, DIMENSIONS, generator=generator))


def info_nce_slowly(videos, texts, temperature: float, video_weight: float) -> float:
    """Equations 1 and 2 of the paper in plain loops."""

    def cosine(a: list[float], b: list[float]) -> float:
        dot = sum(x * y for x, y in zip(a, b, strict=True))
        return dot / math.sqrt(sum(x * x for x in a)) / math.sqrt(sum(x * x for x in b))

    v, u = videos.tolist(), texts.tolist()
    total = 0.0
    for i in range(len(v)):
        own = math.exp(cosine(v[i], u[i]) / temperature)
        to_text = -math.log(own / sum(math.exp(cosine(v[i], other) / temperature) for other in u))
        to_video = -math.log(own / sum(math.exp(cosine(u[i], other) / temperature) for other in v))
        total += video_weight * to_text + (1 - video_weight) * to_video
    return total / len(v)


@pytest.mark.parametrize("temperature", [0.07, 0.5])
@pytest.mark.parametrize("video_weight", [0.0, 0.3, 0.5, 1.0])
def test_equals_slow_reference(temperature: float, video_weight: float) -> None:
    videos, texts = make_embeddings()
    found = info_nce(videos, texts, temperature, video_weight)
    expected = info_nce_slowly(videos, texts, temperature, video_weight)
    assert float(found.loss) == pytest.approx(expected, abs=1e-5)


def test_parts_are_the_two_directions() -> None:
    videos, texts = make_embeddings()
    found, turned = info_nce(videos, texts, 0.1, 0.25), info_nce(texts, videos, 0.1, 0.25)
    assert found.loss == 0.25 * found.video_to_text + 0.75 * found.text_to_video
    torch.testing.assert_close(found.video_to_text, turned.text_to_video)
    assert not torch.isclose(found.video_to_text, found.text_to_video)


def test_gradient_by_finite_differences() -> None:
    videos, texts = make_embeddings()
    videos.requires_grad_()
    info_nce(videos, texts, 0.5, 0.3).loss.backward()
    step = torch.zeros_like(texts)
    step[2, 1] = 1e-2
    plus, minus = (info_nce_slowly(videos.detach() + s, texts, 0.5, 0.3) for s in (step, -step))
    assert float(videos.grad[2, 1]) == pytest.approx((plus - minus) / 2e-2, abs=1e-4)


def test_a_learned_temperature_gets_a_gradient() -> None:
    temperature = torch.tensor(0.07, requires_grad=True)
    info_nce(*make_embeddings(), temperature, 0.5).loss.backward()
    assert float(temperature.grad) != 0


def test_half_precision_embeddings_are_compared_in_full() -> None:
    videos, texts = (part.bfloat16() for part in make_embeddings())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = info_nce(videos, texts, 0.07, 0.5).loss
    assert inside.dtype == torch.float32
    assert torch.equal(inside, info_nce(videos.float(), texts.float(), 0.07, 0.5).loss)


def test_accuracy_of_pairs_that_are_all_found_and_all_swapped() -> None:
    assert float(info_nce(torch.eye(4), torch.eye(4), 0.1, 0.5).accuracy) == 1
    assert float(info_nce(torch.eye(4), torch.eye(4).roll(1, 0), 0.1, 0.5).accuracy) == 0


@pytest.mark.parametrize(("value", "flooded", "gradient"), [(0.5, 0.5, 1), (0.05, 0.05, 1), (0.02, 0.08, -1)])
def test_flooding_turns_the_gradient_below_its_level(value: float, flooded: float, gradient: float) -> None:
    loss = torch.tensor(value, requires_grad=True)
    found = flood(loss, 0.05)
    found.backward()
    assert float(found) == pytest.approx(flooded)
    assert float(loss.grad) == gradient


RANK_PROGRAM = """
from cineclr.losses.infonce import flood, info_nce

pairs, weight, temperature, level = inputs
weight, temperature = torch.nn.Parameter(weight), torch.nn.Parameter(temperature)
part = slice(3 * rank, 3 * rank + 3)
videos, texts = (x[part] @ weight for x in pairs)
loss = flood(info_nce(videos, texts, temperature, 0.3).loss, level)
loss.backward()
loss = loss.detach()
for value in (loss, weight.grad, temperature.grad):
    dist.all_reduce(value)
result = (loss / 2, weight.grad / 2, temperature.grad / 2)
"""


@pytest.mark.parametrize("level", [0.05, 1.7])
def test_two_ranks_equal_one(tmp_path: Path, level: float) -> None:
    """Also where one rank's own loss lies below the flood's level and the other's above."""
    pairs = torch.stack(make_embeddings())
    pairs[1, :3] += 0.4 * pairs[0, :3]
    weight = torch.nn.Parameter(torch.eye(DIMENSIONS) + 0.1)
    temperature = torch.nn.Parameter(torch.tensor(0.5))
    plain = info_nce(pairs[0] @ weight, pairs[1] @ weight, temperature, 0.3)
    flood(plain.loss, level).backward()
    inputs = (pairs, weight.detach(), temperature.detach(), level)
    loss, of_weight, of_temperature = run_two_ranks(RANK_PROGRAM, inputs, tmp_path)
    torch.testing.assert_close(loss, flood(plain.loss, level).detach())
    torch.testing.assert_close(of_weight, weight.grad)
    torch.testing.assert_close(of_temperature, temperature.grad)
