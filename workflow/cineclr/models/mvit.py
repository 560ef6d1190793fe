"""The video encoder of the second paper: a multiscale vision transformer (Fan et al. 2021), by pytorchvideo.

pytorchvideo's implementation because published weights carry its key names; its attention has an explicit
softmax, so that the attention maps can be captured.
"""

from typing import Any

import torch
from pytorchvideo.models.vision_transformers import create_multiscale_vision_transformers
from torch import Tensor, nn

from cineclr.config.cmr import VideoEncoder as Settings

# Channel means and standard deviations with which MVIT_B_16x4 was trained on Kinetics-400.
MEAN, STD = (0.45, 0.45, 0.45), (0.225, 0.225, 0.225)
# Where, in MViT-B, channels and heads double and the space is halved: (block, factor).
DOUBLINGS = [[1, 2.0], [3, 2.0], [14, 2.0]]
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "mvit_b_16x4": {
        "depth": 16,
        "embed_dim_mul": DOUBLINGS,
        "atten_head_mul": DOUBLINGS,
        "pool_q_stride_size": [[block, 1, 2, 2] for block, _ in DOUBLINGS],
        "pool_kv_stride_adaptive": [1, 8, 8],
        "pool_kvq_kernel": [3, 3, 3],
    },
    "mvit_small": {
        "depth": 4,
        "patch_embed_dim": 48,
        "conv_patch_embed_kernel": (3, 11, 11),
        "conv_patch_embed_stride": (2, 8, 8),
        "conv_patch_embed_padding": (1, 5, 5),
        "embed_dim_mul": [[1, 2.0], [3, 2.0]],
        "atten_head_mul": [[1, 2.0], [3, 2.0]],
        "pool_q_stride_size": [[1, 1, 2, 2], [3, 1, 2, 2]],
        "pool_kv_stride_adaptive": [1, 2, 2],
        "pool_kvq_kernel": [3, 3, 3],
        # For a CPU and few studies: learned pooling takes half of a step there, and the mean of the patches
        # learns in a third of the steps that a class token takes.
        "pooling_mode": "max",
        "cls_embed_on": False,
        "droppath_rate_block": 0.0,
    },
}


class VideoEncoder(nn.Module):
    """The transformer without its head, and the linear projection into the space that text shares.

    Attributes:
        features: width of the class token, or of the patches' mean where there is none.
        projection: linear, features -> embedding.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.encoder = create_multiscale_vision_transformers(
            spatial_size=settings.size,
            temporal_size=settings.frames,
            head=None,
            **ARCHITECTURES[settings.architecture],
        )
        self.features = self.encoder.norm_embed.normalized_shape[0]
        self.has_class_token = ARCHITECTURES[settings.architecture].get("cls_embed_on", True)
        self.projection = nn.Linear(self.features, settings.embedding)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1, 1), persistent=False)

    def encode(self, clips: Tensor) -> Tensor:
        """Return features (B, features) of grey clips (B, T, H, W): uint8, or floats from 0 to 1."""
        values = clips.float() / 255 if clips.dtype == torch.uint8 else clips
        video = values[:, None].expand(-1, 3, -1, -1, -1)  # (B, 3, T, H, W)
        tokens = self.encoder((video - self.mean) / self.std)
        return tokens[:, 0] if self.has_class_token else tokens.mean(dim=1)

    def forward(self, clips: Tensor) -> Tensor:
        """Return embeddings (B, embedding) of clips (B, T, H, W)."""
        return self.projection(self.encode(clips))
