"""How every training starts: device, precision, repeatability, and a way to be stopped.

Fabric rather than the Trainer: it takes over precision, devices and DDP only, and imports in little more
time than torch (the whole of Lightning costs every job a second or two). The loop stays ours, which makes
exact mid-epoch resume and "save at the end of the step" simple, and Fabric installs no signal handlers:
SLURM's requeueing, which hung and trained on after requeueing, is not there to be switched off.
"""

import logging
import signal
from types import FrameType, TracebackType

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment

from cineclr.config import Precision
from cineclr.errors import InputError
from cineclr.training.device import make_repeatable

logger = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


class StoppedError(InputError):
    """Training was asked to stop and has saved its state: not a fault, but there is no result yet."""


def start_fabric(precision: Precision, devices: int, cpu_threads: int, seed: int) -> Fabric:
    """Return Fabric on up to `devices` GPUs of this node, or on the CPU in one process.

    With several GPUs it starts one further process per further GPU, each of which runs the same command from
    the top. PyTorch is made repeatable.
    """
    # Fabric's notices (the precision, the GPUs, the process group) say nothing that our own line does not.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    make_repeatable(cpu_threads, seed)
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    used = min(devices, gpus) if gpus else 1
    # The SLURM environment would expect srun to have started a task per GPU; a Snakemake job is one task.
    fabric = Fabric(
        accelerator="gpu" if gpus else "cpu",
        devices=used,
        strategy="ddp" if used > 1 else "auto",
        precision=precision,
        plugins=[LightningEnvironment()],
    )
    fabric.launch()
    if not fabric.is_global_zero:
        logging.getLogger("cineclr").setLevel(logging.WARNING)
    device = torch.cuda.get_device_name(fabric.device) if gpus else f"CPU, {cpu_threads} threads"
    logger.info("device: %d x %s; precision: %s; %d asked for", used, device, precision, devices)
    return fabric


class StopFlag:
    """Remembers that SIGTERM or SIGUSR1 came; the loop looks at it at the end of a step.

    Nothing else happens in the handler: saving there can hang or write half a state.
    """

    def __init__(self) -> None:
        self.received = ""
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> "StopFlag":
        for number in STOP_SIGNALS:
            self._previous[number] = signal.signal(number, self._remember)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number).name
