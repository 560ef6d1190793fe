"""Gated attention over the views of a study (Ilse et al. 2018; Methods, 'Multi-instance self-attention')."""

import torch
from torch import Tensor, nn


class GatedAttention(nn.Module):
    """Weights a_k = softmax over the bag of w^T (tanh(V h_k) * sigm(U h_k)) (Equation 4)."""

    def __init__(self, embedding: int, hidden: int) -> None:
        super().__init__()
        self.v, self.u = nn.Linear(embedding, hidden), nn.Linear(embedding, hidden)
        self.w = nn.Linear(hidden, 1, bias=False)

    def forward(self, embeddings: Tensor, mask: Tensor) -> Tensor:
        """Return weights (B, N), of sum 1 over the real ones of embeddings (B, N, D); mask is (B, N) bool."""
        scores = self.w(torch.tanh(self.v(embeddings)) * torch.sigmoid(self.u(embeddings))).squeeze(-1)
        return scores.float().masked_fill(~mask, -torch.inf).softmax(dim=1)


class StudyModel(nn.Module):
    """One number of a study, a logit or a measurement, from the embeddings of its views."""

    def __init__(self, embedding: int, hidden: int, layer_norm: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(embedding) if layer_norm else nn.Identity()
        self.attention = GatedAttention(embedding, hidden)
        self.head = nn.Linear(embedding, 1)

    def forward(self, embeddings: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores (B,) and attention weights (B, N) of bags (B, N, D), padded where mask is False.

        Padding has no influence: its weights are exactly 0.
        """
        inputs = self.norm(embeddings).masked_fill(~mask[..., None], 0)
        weights = self.attention(inputs, mask)
        study = (weights[..., None] * inputs).sum(dim=1)  # (B, D): the study's embedding
        return self.head(study).squeeze(-1), weights
