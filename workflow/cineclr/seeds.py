"""Seeds: one root, and one derived seed for every job, from its name."""

import hashlib


def derive_seed(root: int, *names: object) -> int:
    """Return a 63-bit seed that is a pure function of the root seed and the names of the job.

    >>> derive_seed(0, "pretrain_echo", "simclr") == derive_seed(0, "pretrain_echo", "echoclr")
    False
    """
    text = "\0".join(str(part) for part in (root, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
