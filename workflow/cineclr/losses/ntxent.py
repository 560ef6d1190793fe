"""NT-Xent, the normalised and temperature-scaled cross-entropy of SimCLR, over the clips of all devices."""

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional

from cineclr.losses.gather import gather_rows


@dataclass(frozen=True)
class Contrast:
    """The loss, with gradient, and what tells a healthy pretraining from a collapsed one, without."""

    loss: Tensor
    alignment: Tensor  # mean cosine similarity of positive pairs
    negatives: Tensor  # mean cosine similarity of all other clips; near 1 means collapse
    uniformity: Tensor  # log mean exp(-2 d^2) over them (Wang & Isola 2020); 0 means collapse
    accuracy: Tensor  # share of clips whose most similar other clip is their positive


def nt_xent(first: Tensor, second: Tensor, temperature: float, studies: Tensor | None = None) -> Contrast:
    """Contrast N positive pairs: the symmetric loss over 2N embeddings (Methods, first equation).

    `first` and `second` are (N, D), of any float type; all arithmetic is 32-bit. Row n of one is the positive
    of row n of the other, every other row a negative. With `studies` (N,), clips of the same study are no
    negatives of each other. When torch.distributed runs, every rank must bring the same N; negatives come
    from all ranks, the loss is the mean over this rank's clips, and its gradient, averaged over ranks as DDP
    does, is the gradient of the loss over all clips.
    """
    pairs = len(first)
    rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    own = functional.normalize(torch.cat((first, second)).float(), dim=1)  # (2n, D)
    # (world * 2n, D): rank by rank, each rank's first ones before its second ones
    everyone = gather_rows(own)
    with torch.autocast(own.device.type, enabled=False):
        similarity = own @ everyone.T  # (2n, world * 2n)
    index = torch.arange(2 * pairs, device=own.device)
    offset = rank * 2 * pairs
    itself, positive = index + offset, (index + pairs) % (2 * pairs) + offset
    left_out = functional.one_hot(itself, len(everyone)).bool()
    if studies is not None:
        left_out |= _same_study(studies, world)
        left_out[index, positive] = False
    scores = (similarity / temperature).masked_fill(left_out, -torch.inf)
    loss = functional.cross_entropy(scores, positive)
    return Contrast(loss, *_describe(similarity.detach(), left_out, index, positive))


def _same_study(studies: Tensor, world: int) -> Tensor:
    """Return which of all clips are of the same study as this rank's: (2n, world * 2n)."""
    own = studies.repeat(2)
    parts = [torch.empty_like(own) for _ in range(world)] if world > 1 else [own]
    if world > 1:
        dist.all_gather(parts, own)
    return own[:, None] == torch.cat(parts)[None, :]


def _describe(
    similarity: Tensor, left_out: Tensor, index: Tensor, positive: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    alignment = similarity[index, positive]
    accuracy = similarity.masked_fill(left_out, -torch.inf).argmax(dim=1) == positive
    negative = ~left_out
    negative[index, positive] = False
    count = negative.sum().clamp(min=1)
    negatives = (similarity * negative).sum() / count
    # On the unit sphere d^2 = 2 - 2 cos.
    uniformity = ((4 * similarity - 4).exp() * negative).sum().div(count).log()
    return alignment.mean(), negatives, uniformity, accuracy.float().mean()
