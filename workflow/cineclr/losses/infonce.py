"""Bidirectional InfoNCE between videos and texts, and flooding (Methods, 'Pre-training framework')."""

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional

from cineclr.losses.gather import gather_rows


@dataclass(frozen=True)
class VideoText:
    """The loss, with gradient, and its parts and how well pairs are told apart, without."""

    loss: Tensor
    video_to_text: Tensor
    text_to_video: Tensor
    accuracy: Tensor  # share of videos whose most similar text is their own


def info_nce(video: Tensor, text: Tensor, temperature: Tensor | float, video_weight: float) -> VideoText:
    """Return lambda * l(v->u) + (1 - lambda) * l(u->v), averaged over pairs (Equations 1 and 2).

    `video` and `text` are (N, D), row n of one belongs to row n of the other; similarity is the cosine, all
    arithmetic is 32-bit. When torch.distributed runs, every rank must bring the same N; the other examples
    come from all ranks, the loss is the mean over this rank's pairs, and its gradient, averaged over ranks as
    DDP does, is that of the loss over all pairs.
    """
    rank = dist.get_rank() if dist.is_initialized() else 0
    with torch.autocast(video.device.type, enabled=False):
        videos = functional.normalize(video.float(), dim=1)
        texts = functional.normalize(text.float(), dim=1)
        to_text = videos @ gather_rows(texts).T / temperature  # (n, world * n)
        to_video = texts @ gather_rows(videos).T / temperature
        own = torch.arange(len(videos), device=video.device) + rank * len(videos)
        losses = functional.cross_entropy(to_text, own), functional.cross_entropy(to_video, own)
        loss = video_weight * losses[0] + (1 - video_weight) * losses[1]
    accuracy = (to_text.detach().argmax(dim=1) == own).float().mean()
    return VideoText(loss, losses[0].detach(), losses[1].detach(), accuracy)


def flood(loss: Tensor, level: float) -> Tensor:
    """Return |loss - b| + b: below the level b the gradient turns, and the loss stays near b (Equation 3).

    When torch.distributed runs, all ranks turn together, by the mean of their losses, as one process would.
    """
    mean = loss.detach().clone()
    if dist.is_initialized() and dist.get_world_size() > 1:
        dist.all_reduce(mean)
        mean /= dist.get_world_size()
    return torch.where(mean < level, level - loss, loss - level) + level
