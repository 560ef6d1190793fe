"""The head of the frame-order task (Methods, 'Self-supervised pretraining')."""

import math

from torch import nn


class OrderHead(nn.Linear):
    """Representations (B, features) -> scores (B, K!) of the orders in which K frames can stand.

    One fully connected layer on the video-level representation (the encoder's output, before the projector),
    as the paper's Fig. 1 C and Methods say.
    """

    def __init__(self, features: int, frames: int) -> None:
        super().__init__(features, math.factorial(frames))
