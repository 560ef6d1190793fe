"""Archives as users, and attackers, make them."""

import io
import stat
import tarfile
import zipfile

TAR_MODES = {"tar": "w:", "tar.gz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}


def zip_of(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a ZIP; a name that ends with / is a folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tar_of(members: dict[str, bytes | str] | list[tuple[str, bytes | str]], kind: str = "tar") -> bytes:
    """Return a tar. Content that is text is the target of a link: `-> target` symbolic, `=> target` hard."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=TAR_MODES[kind]) as archive:
        for name, content in members.items() if isinstance(members, dict) else members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type = tarfile.SYMTYPE if content.startswith("->") else tarfile.LNKTYPE
                info.linkname = content[3:]
            elif name.endswith("/"):
                info.type = tarfile.DIRTYPE
            else:
                info.size = len(content)
            data = None if isinstance(content, str) else io.BytesIO(content)
            archive.addfile(info, data)
    return buffer.getvalue()


def archive_of(kind: str, members: dict[str, bytes]) -> bytes:
    return zip_of(members) if kind == "zip" else tar_of(dict(members), kind)


def tar_device(name: str) -> bytes:
    """Return a tar that holds a character device."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.devmajor, info.devminor = tarfile.CHRTYPE, 1, 5
        archive.addfile(info)
    return buffer.getvalue()


def zip_link(name: str, target: bytes) -> bytes:
    """Return a ZIP that holds a symbolic link as Info-ZIP stores it."""
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, target)
    return buffer.getvalue()


def encrypted_zip(members: dict[str, bytes]) -> bytes:
    """Return a ZIP whose members say that they are encrypted."""
    data = bytearray(zip_of(members, zipfile.ZIP_STORED))
    for start, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := data.find(start, at + 1)) >= 0:
            data[at + flags] |= 1
    return bytes(data)


def overlapping_zip(count: int, size: int) -> bytes:
    """Return a ZIP whose directory names one member `count` times."""
    data = zip_of({"a": bytes(size)})
    directory, end = data.find(b"PK\x01\x02"), data.find(b"PK\x05\x06")
    entry = data[directory:end]
    tail = bytearray(data[end:])
    tail[8:10] = tail[10:12] = count.to_bytes(2, "little")
    tail[12:16] = (len(entry) * count).to_bytes(4, "little")
    return data[:directory] + entry * count + bytes(tail)
