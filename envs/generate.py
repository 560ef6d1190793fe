"""Write the conda environments of the tool families from requirements.lock (`make lock` runs it)."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
SHARED = ["numpy", "pandas", "pandera", "pyarrow", "pydantic", "pyyaml"]
FAMILIES = {
    "imaging": [
        "av",
        "h5py",
        "jinja2",
        "nibabel",
        "onnxruntime",
        "opencv-python-headless",
        "pillow",
        "pydicom",
        "pyjpegls",
        "pylibjpeg",
        "pylibjpeg-openjpeg",
        "pylibjpeg-rle",
        "pyrage",
        "rapidocr",
    ],
    "tables": ["h5py", "matplotlib", "scikit-learn", "scipy", "snakemake", "statsmodels"],
    "text": ["openai", "presidio-analyzer", "stanza", "torch", "transformers", "xgrammar"],
    "training": [
        "av",
        "h5py",
        "lightning-fabric",
        "opencv-python-headless",
        "pytorchvideo",
        "safetensors",
        "scikit-learn",
        "tensorboard",
        "torch",
        "torchvision",
        "transformers",
    ],
}
HEADER = "# Generated from requirements.lock by envs/generate.py; do not edit.\n"


def read_pins(lock: str) -> dict[str, str]:
    """Return package -> version for Python 3.11, from the text of the lock."""
    pins = re.findall(r"^([a-z0-9._-]+)==(\S+)(?: ; (.*?))? \\$", lock, flags=re.MULTILINE)
    return {name: version for name, version, marker in pins if ">= '3.12'" not in marker}


def render(family: str, pins: dict[str, str]) -> str:
    """Return the YAML of one environment: Python from conda-forge, packages by pip at the lock's versions."""
    packages = sorted({*SHARED, *FAMILIES[family]})
    lines = [f"      - {name}=={pins[name]}" for name in packages]
    head = ["channels:", "  - conda-forge", "  - nodefaults"]
    head += ["dependencies:", "  - python=3.11", "  - pip", "  - pip:"]
    return HEADER + "\n".join([*head, *lines]) + "\n"


if __name__ == "__main__":
    versions = read_pins((ROOT / "requirements.lock").read_text())
    for name in FAMILIES:
        (ROOT / "envs" / f"{name}.yaml").write_text(render(name, versions))
