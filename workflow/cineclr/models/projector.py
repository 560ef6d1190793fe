"""The projector of the contrastive loss (Methods, 'Self-supervised pretraining')."""

from torch import nn


class Projector(nn.Sequential):
    """Representations (B, features) -> embeddings (B, output): 512 - 256 - ReLU - 128 at the paper's size."""

    def __init__(self, features: int = 512, hidden: int = 256, output: int = 128) -> None:
        super().__init__(nn.Linear(features, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, output))
