"""The networks that a configuration trains, in words: speeds of one say nothing about another."""

from cineclr.config import Config
from cineclr.operation.work import Kind


def describe_network(kind: Kind, config: Config) -> str:
    """Return network and clip of a kind of step."""
    echo, size = config.echo, config.echo.clips.size
    if kind.startswith("echo"):
        frames = echo.pretrain.frames if kind == "echo_pretrain" else echo.finetune.frames
        return f"3D-ResNet18 of width {echo.encoder.width}, clips of {frames} x {size} x {size}"
    video, text = config.cmr.video_encoder, config.cmr.text_encoder
    network = f"{video.architecture}, clips of {video.frames} x {video.size} x {video.size}"
    if kind == "cmr_pretrain":
        name = "MiniLM" if text.source == "minilm" else "BERT-base"
        return f"{network}, {name} with {text.frozen_layers} frozen layers"
    return f"head on kept features of {video.architecture}" if kind == "cmr_head" else network
