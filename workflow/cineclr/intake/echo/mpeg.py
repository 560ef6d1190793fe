"""MPEG-2, MPEG-4 AVC and HEVC (PS3.5, 8.2.5 to 8.2.12): the whole clip is one stream, decoded by FFmpeg."""

from collections.abc import Iterator
from io import BytesIO
from typing import Literal

import av
import numpy as np

from cineclr.intake.failure import DecodeError

# Elementary, program and transport streams and MP4: other containers may name files or addresses to open.
CONTAINERS = "h264,hevc,mpegvideo,mpeg,mpegts,mov,mp4"
DECODERS = ("mpeg1video", "mpeg2video", "h264", "hevc")


def decode_video(stream: bytes, layout: Literal["gray", "rgb24"]) -> Iterator[np.ndarray]:
    """Yield the frames in the order in which they are shown, uint8 (rows, columns) or (rows, columns, 3).

    Raises DecodeError for what is no such stream and for a frame that FFmpeg had to repair.
    """
    options = {"format_whitelist": CONTAINERS}
    try:
        with av.open(BytesIO(stream), "r", container_options=options) as container:
            for video in container.streams.video[:1]:
                if video.codec_context.name not in DECODERS:
                    raise DecodeError("a video stream of another codec than its syntax allows")
                video.codec_context.thread_count = 1  # a worker is one core's share
                for frame in container.decode(video):
                    if frame.is_corrupt:
                        raise DecodeError("a damaged frame in a video stream")
                    yield frame.to_ndarray(format=layout)
    except av.FFmpegError:  # some are OSErrors too, yet none is the disk's
        raise DecodeError("a damaged video stream") from None
