"""The text encoder of the second paper: a BERT whose first layers are frozen, and a linear projection."""

from pathlib import Path

from torch import Tensor, nn
from transformers import AutoModel
from transformers.utils import logging

from cineclr.errors import InputError


class TextEncoder(nn.Module):
    """A BERT from a folder of files; its embeddings and first `frozen_layers` layers are not trained."""

    def __init__(self, folder: Path, frozen_layers: int, embedding: int) -> None:
        super().__init__()
        logging.set_verbosity_error()  # it reports the pooling layer, which is left out on purpose
        logging.disable_progress_bar()
        try:
            self.bert = AutoModel.from_pretrained(str(folder), add_pooling_layer=False)
        except (OSError, ValueError) as error:
            raise InputError(f"text encoder: {folder.name} does not load ({type(error).__name__})") from None
        layers = self.bert.encoder.layer
        if frozen_layers > len(layers):
            raise InputError(
                f"cmr.text_encoder.frozen_layers is {frozen_layers}, but the model has {len(layers)} layers"
            )
        self.frozen = [self.bert.embeddings, *layers[:frozen_layers]] if frozen_layers else []
        for module in self.frozen:
            module.requires_grad_(False)
        self.projection = nn.Linear(self.bert.config.hidden_size, embedding)

    def train(self, mode: bool = True) -> "TextEncoder":
        """Set the mode, but leave what is frozen without dropout."""
        super().train(mode)
        for module in self.frozen:
            module.eval()
        return self

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return embeddings (B, embedding) of the first token of texts: ids and mask are (B, L)."""
        hidden = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        return self.projection(hidden[:, 0])

    @property
    def longest(self) -> int:
        """Return the most tokens of a text."""
        return int(self.bert.config.max_position_embeddings)
