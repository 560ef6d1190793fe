"""What an earlier scan found, so that files that are as they were are not read again.

Snakemake removes a job's outputs before it runs the job again; this file is none of them.
"""

import hashlib
import hmac
import importlib.metadata
import json
import logging
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import cineclr
from cineclr.files import frame_of
from cineclr.private import CmrSources, Pseudonymizer, Sources, write_private

log = logging.getLogger(__name__)

# What tells that a file is as it was.
IDENTITY = ["source", "root", "path", "size", "mtime_ns"]
# A file may change twice within one tick of its file system's clock (two seconds on FAT): one that was
# written just before it was listed is not remembered.
SETTLED_NS = 3_000_000_000
DIGEST = 32  # bytes of a SHA-256
# Of the package, what decides what a scan finds; of other packages, what reads headers and knows syntaxes.
CODE = ("intake/**/*.py", "private.py", "sources.py", "video/hdf5.py")
READERS = (
    *("pydicom", "pillow", "pylibjpeg", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg", "pylibjpeg-rle"),
    *("pyjpegls", "av", "h5py"),
)


class Memory:
    """The rows of an earlier scan of a shard, kept with a digest of their bytes and of `basis`."""

    def __init__(self, path: Path, basis: str, columns: dict[str, str]) -> None:
        self.columns = columns
        self._path, self._basis = path, basis

    def recall(self, listed: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of those listed files that have not changed; none if the memory is of no use."""
        unchanged = listed.rename(columns={"file": "source"})[IDENTITY]
        return self._read().merge(unchanged.astype({"size": "Int64", "mtime_ns": "Int64"}), on=IDENTITY)

    def _read(self) -> pd.DataFrame:
        if not self._path.is_file():
            return frame_of([], self.columns)
        content = self._path.read_bytes()
        data = content[DIGEST:]
        if not hmac.compare_digest(content[:DIGEST], self._digest(data)):
            log.info("what an earlier scan found is damaged, or of another version, key or link; all is read")
            return frame_of([], self.columns)
        return pq.read_table(pa.BufferReader(data)).to_pandas().astype(self.columns)

    def keep(self, scanned: pd.DataFrame, listed_ns: int) -> None:
        """Keep the rows of a scan; `listed_ns` is when its files were listed."""
        settled = scanned[scanned["mtime_ns"] < listed_ns - SETTLED_NS]
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pandas(settled, preserve_index=False), sink)
        data = sink.getvalue().to_pybytes()
        write_private(self._path, self._digest(data) + data)

    def _digest(self, data: bytes) -> bytes:
        return hashlib.sha256(self._basis.encode() + b"\0" + data).digest()


def basis_of(sources: Sources | CmrSources, names: Pseudonymizer) -> str:
    """Return what a scan's findings rest on beside the files: key, sources, this package and its readers."""
    package = Path(cineclr.__file__).parent
    code = hashlib.sha256()
    for path in sorted(path for pattern in CODE for path in package.glob(pattern)):
        code.update(path.read_bytes())
    own = "videos" if isinstance(sources, Sources) else "hdf5"
    kinds = [type(sources).__name__, bool(getattr(sources, own)), sources.link, sources.issuer]
    versions = {name: _version_of(name) for name in READERS}
    return json.dumps([cineclr.__version__, code.hexdigest(), names.fingerprint(), kinds, versions])


def _version_of(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
