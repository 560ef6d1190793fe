"""How every training starts: device, precision, repeatability, and a way to be stopped.

Fabric rather than the Trainer: it takes over precision, devices and DDP only, and imports in little more
time than torch (the whole of Lightning costs every job a second or two). The loop stays ours, which makes
exact mid-epoch resume and "save at the end of the step" simple, and Fabric installs no signal handlers:
SLURM's requeueing, which hung and trained on after requeueing, is not there to be switched off.
"""

import atexit
import logging
import os
import signal
import time
from types import FrameType, TracebackType

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment, SLURMEnvironment

from cineclr.config.base import Precision
from cineclr.errors import InputError
from cineclr.gpus import take_gpus
from cineclr.operation.cluster import seconds_left
from cineclr.training.device import make_repeatable

logger = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
CLOCK_MARGIN = 120.0  # seconds between stopping and a job's end: for a validation and a checkpoint
LARGEST_MARGIN = 0.1  # of the time that is left when training starts: a short job has to train, too


class StoppedError(InputError):
    """Training was asked to stop and has saved its state: not a fault, but there is no result yet."""


def start_fabric(precision: Precision, devices: int, cpu_threads: int, seed: int, nodes: int = 1) -> Fabric:
    """Return Fabric on up to `devices` GPUs per node, or on the CPU in one process per node.

    On one node it starts one further process per further GPU, each of which runs the same command from the
    top, also in a SLURM job: a Snakemake job is one task. On several nodes `srun --nodes N --ntasks-per-node
    GPUS` must have started the command as a task per GPU (without GPUs: per node); who is who is read from
    SLURM's variables. PyTorch is made repeatable. Raises InputError where srun's variables do not fit.
    """
    # Fabric's notices (the precision, the GPUs, the process group) say nothing that our own line does not.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    make_repeatable(cpu_threads, seed)
    gpus = take_gpus(devices)
    used = len(gpus) or 1
    if nodes > 1 and int(os.environ.get("SLURM_NTASKS", "1")) != nodes * used:
        raise InputError(
            f"nodes is {nodes}, but the command was not started as {nodes * used} tasks: start it by "
            f"`srun --nodes {nodes} --ntasks-per-node {used}`, or set nodes: 1"
        )
    fabric = Fabric(
        accelerator="gpu" if gpus else "cpu",
        devices=gpus or 1,
        num_nodes=nodes,
        strategy="ddp" if used * nodes > 1 else "auto",
        precision=precision,
        plugins=[SLURMEnvironment(auto_requeue=False) if nodes > 1 else LightningEnvironment()],
    )
    fabric.launch()
    # Without this process, whatever ended it, those that it started would wait for it on their GPUs.
    for process in getattr(fabric.strategy.launcher, "procs", []):
        atexit.register(process.kill)
    if not fabric.is_global_zero:
        logging.getLogger("cineclr").setLevel(logging.WARNING)
    device = torch.cuda.get_device_name(fabric.device) if gpus else f"CPU, {cpu_threads} threads"
    logger.info(
        "device: %d x %s on each of %d nodes; precision: %s; %d asked for",
        *(used, device, nodes, precision, devices),
    )
    return fabric


def seconds_left_of_job() -> float:
    """Return the seconds until SLURM ends this job; infinity outside one, or where it has no limit.

    SLURM tells the end as SLURM_JOB_END_TIME, in seconds since 1970, from 23.02 on; an older one is asked.
    """
    if end := os.environ.get("SLURM_JOB_END_TIME"):
        return float(end) - time.time()
    job = os.environ.get("SLURM_JOB_ID")
    return seconds_left(job) if job else float("inf")


class StopFlag:
    """Says that it is time to stop: SIGTERM or SIGUSR1 came, or the SLURM job is near its end.

    The loop looks at it at the end of a step. Nothing else happens in the handler: saving there can hang or
    write half a state.
    """

    def __init__(self) -> None:
        self._signal = ""
        left = seconds_left_of_job()
        self._deadline = time.time() + left - min(CLOCK_MARGIN, LARGEST_MARGIN * left)
        self._previous: dict[signal.Signals, object] = {}

    @property
    def received(self) -> str:
        """Return what asks to stop, or an empty string."""
        late = time.time() > self._deadline
        return self._signal or ("the end of the job's time" if late else "")

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
        self._signal = signal.Signals(number).name
