import math
from pathlib import Path

import pytest
import torch
from pytorch_metric_learning.losses import NTXentLoss
from two_ranks import run_two_ranks

from cineclr.losses.ntxent import nt_xent

PAIRS, DIMENSIONS = 5, 7


def make_embeddings(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(2, PAIRS, DIMENSIONS, generator=generator).double())


def nt_xent_slowly(first, second, temperature: float, studies=None) -> float:
    """The paper's equation in plain loops; with `studies`, without negatives of the same study."""
    z = [*first.tolist(), *second.tolist()]
    n = len(first)

    def sim(a: list[float], b: list[float]) -> float:
        dot = sum(x * y for x, y in zip(a, b, strict=True))
        return dot / math.sqrt(sum(x * x for x in a)) / math.sqrt(sum(x * x for x in b))

    losses = []
    for i in range(2 * n):
        j = (i + n) % (2 * n)
        total = 0.0
        for k in range(2 * n):
            masked = studies is not None and k != j and studies[k % n] == studies[i % n]
            if k != i and not masked:
                total += math.exp(sim(z[i], z[k]) / temperature)
        losses.append(-math.log(math.exp(sim(z[i], z[j]) / temperature) / total))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("temperature", [0.05, 0.5, 1.0])
@pytest.mark.parametrize("studies", [None, [0, 0, 1, 2, 1]])
def test_equals_slow_reference(temperature: float, studies: list[int] | None) -> None:
    first, second = make_embeddings()
    tensor = None if studies is None else torch.tensor(studies)
    loss = nt_xent(first, second, temperature, tensor).loss
    assert float(loss) == pytest.approx(nt_xent_slowly(first, second, temperature, studies), abs=1e-5)


@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_loss_and_gradient_equal_those_of_an_independent_library(temperature: float) -> None:
    first, second = (part.float().requires_grad_() for part in make_embeddings(seed=3))
    theirs = NTXentLoss(temperature)(torch.cat((first, second)), torch.arange(PAIRS).repeat(2))
    expected = torch.autograd.grad(theirs, (first, second))
    ours = nt_xent(first, second, temperature).loss
    found = torch.autograd.grad(ours, (first, second))
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-5)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_mask_changes_the_loss_only_where_studies_repeat() -> None:
    first, second = make_embeddings()
    plain = nt_xent(first, second, 0.5).loss
    assert torch.equal(nt_xent(first, second, 0.5, torch.arange(PAIRS)).loss, plain)
    assert nt_xent(first, second, 0.5, torch.tensor([0, 0, 1, 2, 3])).loss < plain


def test_half_precision_embeddings_are_contrasted_in_full() -> None:
    first, second = make_embeddings()
    half = nt_xent(first.bfloat16(), second.bfloat16(), 0.05).loss
    full = nt_xent(first.bfloat16().float(), second.bfloat16().float(), 0.05).loss
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = nt_xent(first.bfloat16(), second.bfloat16(), 0.05).loss
    assert half.dtype == torch.float32
    assert torch.equal(half, full)
    assert torch.equal(inside, full)


def test_statistics_of_perfect_and_collapsed_embeddings() -> None:
    perfect = nt_xent(torch.eye(4), torch.eye(4), 0.5)
    assert [float(v) for v in (perfect.alignment, perfect.negatives, perfect.accuracy)] == [1, 0, 1]
    collapsed = nt_xent(torch.ones(4, 3), torch.ones(4, 3), 0.5)
    assert float(collapsed.negatives) == pytest.approx(1)
    assert float(collapsed.loss) == pytest.approx(math.log(7))
    assert float(collapsed.uniformity) == pytest.approx(0, abs=1e-5)
    # Orthogonal unit vectors lie sqrt(2) apart.
    assert float(perfect.uniformity) == pytest.approx(-4)


RANK_PROGRAM = """
from cineclr.losses.ntxent import nt_xent

pairs, weight, studies = inputs
weight = torch.nn.Parameter(weight)
part = slice(2 * rank, 2 * rank + 2)
first, second = (x[part] @ weight for x in pairs)
loss = nt_xent(first, second, 0.5, None if studies is None else studies[part]).loss
loss.backward()
loss = loss.detach()
dist.all_reduce(loss)
dist.all_reduce(weight.grad)
result = (loss / 2, weight.grad / 2)
"""


@pytest.mark.parametrize("studies", [None, torch.tensor([0, 1, 0, 2])])
def test_two_ranks_equal_one(tmp_path: Path, studies: torch.Tensor | None) -> None:
    """Loss and gradient of two processes, averaged as DDP does, are those of one process with all pairs."""
    generator = torch.Generator().manual_seed(0)
    pairs = torch.randn(2, 4, 6, generator=generator)
    weight = torch.nn.Parameter(torch.randn(6, 3, generator=generator))
    expected = nt_xent(pairs[0] @ weight, pairs[1] @ weight, 0.5, studies).loss
    expected.backward()
    loss, gradient = run_two_ranks(RANK_PROGRAM, (pairs, weight.detach(), studies), tmp_path)
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(gradient, weight.grad)
