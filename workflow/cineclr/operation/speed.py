"""`cineclr measure-speed`: clips per second of each kind of step, the real networks on random pixels."""

import logging
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch

from cineclr.config import Config
from cineclr.config.reading import read_config
from cineclr.errors import InputError
from cineclr.operation import speed_cmr, speed_echo
from cineclr.operation.networks import describe_network
from cineclr.operation.rates import COLUMNS, CPU
from cineclr.operation.stage import Measured, Scale
from cineclr.operation.work import Kind
from cineclr.publishing import publish

logger = logging.getLogger(__name__)

GPU_STEPS, CPU_STEPS = 10, 1
KINDS: dict[Kind, Callable[[Config, Scale], Measured]] = {
    "echo_pretrain": speed_echo.measure_pretraining,
    "echo_finetune": speed_echo.measure_finetuning,
    "echo_predict": speed_echo.measure_prediction,
    "cmr_pretrain": speed_cmr.measure_pretraining,
    "cmr_encode": speed_cmr.measure_encoding,
    "cmr_finetune": speed_cmr.measure_transfer,
    "cmr_head": speed_cmr.measure_head,
}


def measure_speed(
    output: Path,
    config: list[Path] = [Path("config.yaml")],  # noqa: B006
    kinds: list[Kind] = list(KINDS),  # noqa: B006
) -> None:
    """Time a few real training steps of each kind on this machine's first GPU, or on its CPU without one.

    Sizes are those of `config`, batches those of one device; pixels and words are random. `output` is a CSV:
    kind, device, clips_per_second, how. A batch that does not fit the GPU is named and left out.

    Raises:
        InputError: the configuration is wrong, or nothing could be measured.
    """
    settings = read_config(config)
    gpu = torch.cuda.is_available()
    scale = Scale(gpu, GPU_STEPS if gpu else CPU_STEPS)
    rows = []
    for kind in kinds:
        try:
            found = KINDS[kind](settings, scale)
        except torch.OutOfMemoryError:
            logger.warning(
                "%s: its batch does not fit this GPU's memory; set `accumulate` in the section", kind
            )
            continue
        how = f"{describe_network(kind, settings)}; {found.how}"
        rows.append((kind, name_device(settings), float(f"{found.clips_per_second:.3g}"), how))
        logger.info("%s: %s clips per second (%s)", kind, *rows[-1][2:])
    if not rows:
        raise InputError("nothing was measured: no batch fits this GPU's memory")
    with publish(output) as temporary:
        pd.DataFrame(rows, columns=COLUMNS).to_csv(temporary, index=False, lineterminator="\n")


def name_device(config: Config) -> str:
    """Return the name of the first GPU, or of the CPU with the threads that it computes with."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name(0)
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text().splitlines() if cpus.is_file() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")
    return f"{CPU}{f' ({model})' if model else ''}, {config.echo.pretrain.cpu_threads} threads"
