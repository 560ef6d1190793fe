"""Already de-identified videos in place of DICOM: `<study_id>/<any name>.avi` below one folder.

A file is judged as a DICOM file is: by what its header announces and what lies on disk, without decoding. An
AVI is a tree of RIFF chunks (Microsoft, AVI RIFF File Reference); of its header the frames' number and size
and the stream's rate are read, and nothing else of it exists.
"""

import hashlib
import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from cineclr.config.echo import Deidentify
from cineclr.intake.echo.clean import Cleaned
from cineclr.intake.failure import DecodeError
from cineclr.intake.headers import MAX_SIDE, MOST_FRAMES, Header, Identity
from cineclr.intake.residual_text.pictures import draw_pictures
from cineclr.intake.scanners import OTHER
from cineclr.intake.triage import Finding
from cineclr.ledger import PASSED, Code
from cineclr.video.avi import write_avi
from cineclr.video.folder import read_video

BLOCK = 1 << 20
MOST_CHUNKS = 1000  # before the frames
SLOWEST, FASTEST = 1.0, 1000.0  # frames per second


@dataclass(frozen=True)
class VideoJob:
    """What to do: the video, the frames it must have, their rate, and where the new AVI goes."""

    source: Path
    frames: int
    fps: float
    avi: Path
    settings: Deidentify


@dataclass
class _Facts:
    """What the chunks of an AVI say; `pixel_sha256` is of the frames as they lie on disk, all of them."""

    frames: int = 0
    rows: int = 0
    columns: int = 0
    fps: float = 0.0
    pixel_sha256: str = ""


def examine_video(path: Path, place: str) -> Finding:
    """Return what a video is and whether it goes on; `place` is its path below the folder of studies.

    The folder's name is the study; without one, or deeper down, a video has no study. It stands for accession
    and StudyInstanceUID alike, whichever the sheet links by.
    """
    parts = PurePosixPath(place).parts
    if len(parts) != 2:
        return Finding(Code.MISSING_STUDY)
    identity = Identity(parts[0], parts[0], "", "", "", place)
    with path.open("rb") as file:
        facts = _read_facts(file)
    if facts is None:
        return Finding(Code.NOT_A_VIDEO, identity)
    frame_time = 1000 / facts.fps if SLOWEST <= facts.fps <= FASTEST else None
    header = Header(
        facts.frames, facts.rows, facts.columns, 1, 8, None, frame_time, (), None, OTHER, OTHER, None
    )
    return Finding(_judge(facts), identity, "", header, facts.pixel_sha256)


def _judge(facts: _Facts) -> str:
    if not facts.pixel_sha256:
        return Code.NO_PIXEL_DATA
    sides = 0 < facts.rows <= MAX_SIDE and 0 < facts.columns <= MAX_SIDE
    if not sides or not 1 <= facts.frames <= MOST_FRAMES:
        return Code.IMPLAUSIBLE_SIZE
    return Code.SINGLE_FRAME if facts.frames == 1 else PASSED


def copy_video(job: VideoJob) -> Cleaned:
    """Decode a video and write its frames, grey, as an AVI of ours; nothing else of the file comes along.

    Raises DecodeError where it has other frames than it announces, and OSError for one that does not decode.
    """
    clip = read_video(job.source)
    if len(clip) != job.frames:
        raise DecodeError("not the frames that the header announces")
    sha256 = write_avi(job.avi, clip, job.fps, job.settings.jpeg_quality, job.settings.codec)
    pictures = draw_pictures(clip, job.settings.text_frames) if job.settings.text_gate else None
    return Cleaned(PASSED, clip.shape[1], clip.shape[2], None, sha256, pictures)


def _read_facts(file: BinaryIO) -> _Facts | None:
    """Return what an AVI says, or None if the file is none."""
    head = file.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"AVI ":
        return None
    facts = _Facts()
    for name, kind, size in itertools.islice(_chunks(file), MOST_CHUNKS):
        if name == b"avih" and size >= 40:
            header = struct.unpack("<10L", file.read(40))
            facts.frames, facts.columns, facts.rows = header[4], header[8], header[9]
        elif name == b"strh" and size >= 28 and not facts.fps:
            stream, *_, scale, rate = struct.unpack("<4s4sLHHLLL", file.read(28))
            facts.fps = rate / scale if stream == b"vids" and scale else 0.0
        elif kind == b"movi":
            facts.pixel_sha256 = _hash(file, size - 4)
            break
    return facts


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield name, kind (of a list) and size of each chunk; the file then stands at its content.

    Lists of headers are entered, that of frames is not; after each chunk the next is looked for behind it.
    """
    while len(head := file.read(8)) == 8:
        name, size = head[:4], struct.unpack("<L", head[4:])[0]
        kind = file.read(4) if name == b"LIST" else b""
        start = file.tell() - len(kind)
        yield name, kind, size
        file.seek(start + (4 if kind in (b"hdrl", b"strl") else size + size % 2))


def _hash(file: BinaryIO, size: int) -> str:
    """Return the SHA-256 of the next `size` bytes; empty if they are none, or not all there."""
    digest, left = hashlib.sha256(), size
    while left > 0 and (block := file.read(min(left, BLOCK))):
        digest.update(block)
        left -= len(block)
    return digest.hexdigest() if size > 0 and left == 0 else ""
