"""How long the planned trainings and predictions take at measured speeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cineclr.config import Config
from cineclr.operation.history import Job
from cineclr.operation.rates import Rates
from cineclr.operation.text import tell_number
from cineclr.operation.work import Sizes, Work, work_of

# Stages of which each waits for the one before; those of one place run side by side.
CHAINS = {
    "Echo": (("pretrain_echo",), ("finetune_echo",), ("predict_echo",)),
    "MRI": (
        ("pretrain_cmr",),
        ("extract_features",),
        ("finetune_lvef", "finetune_diagnosis"),
        ("predict_cmr",),
    ),
}


@dataclass(frozen=True)
class Forecast:
    """The work of planned jobs and the speeds at which it is done; hours may be NaN: not measured."""

    config: Config
    sizes: Sizes
    rates: Rates

    def work(self, job: Job) -> Work:
        """Return the clips of a job per kind of step."""
        return work_of(job, self.config, self.sizes)

    def clips(self, jobs: Sequence[Job]) -> float:
        """Return the clips of some jobs."""
        return sum(sum(self.work(job).values()) for job in jobs)

    def device_hours(self, jobs: Sequence[Job]) -> float:
        """Return the hours of one GPU, or of the CPU, that some jobs take together."""
        return sum(self.rates.hours(self.work(job)) for job in jobs)

    def longest(self, jobs: Sequence[Job]) -> float:
        """Return the hours from start to end of the longest job, each on the GPUs that it asks for."""
        hours = [self.rates.hours(self.work(job)) / self._devices(job) for job in jobs]
        return math.nan if any(map(math.isnan, hours)) else max(hours, default=0.0)

    def _devices(self, job: Job) -> int:
        gpus = job.asks.get("gpu", 1)
        return gpus if self.rates.is_gpu and isinstance(gpus, int) and gpus > 1 else 1

    def unmeasured(self, jobs: Sequence[Job]) -> list[str]:
        """Return the kinds of steps of some jobs that have no speed."""
        kinds = {kind for job in jobs for kind, clips in self.work(job).items() if clips}
        return sorted(kinds - set(self.rates.clips_per_second))

    def unit(self) -> str:
        """Return what the hours are those of."""
        return "GPU-hours" if self.rates.is_gpu else "CPU-hours"


def describe_time(jobs: Sequence[Job], forecast: Forecast) -> list[str]:
    """Return the hours of all trainings and predictions, of the longest chain, and what they rest on."""
    worked = [job for job in jobs if forecast.clips([job])]
    if not worked:
        return ["No training and no prediction is to do."]
    total = tell_hours(forecast.device_hours(worked))
    lines = [f"Trainings and predictions: at most {total} {forecast.unit()} (early stopping makes it less)."]
    for name, chain in CHAINS.items():
        parts = [[job for job in worked if job.rule in rules] for rules in chain]
        if any(parts):
            hours = tell_hours(sum(forecast.longest(part) for part in parts))
            lines.append(f"{name}: {hours} h from the first training to the last prediction if no job waits.")
    if missing := forecast.unmeasured(worked):
        lines += [
            f"?: no speed of {', '.join(missing)} with this configuration's networks:",
            "    cineclr measure-speed --config config.yaml FURTHER.yaml --output rates.csv",
        ]
    return [*lines, *_warn_of_limits(worked, forecast), *_describe_rates(forecast.rates)]


def _warn_of_limits(jobs: Sequence[Job], forecast: Forecast) -> list[str]:
    """Return a line per rule with a job that takes longer than its time limit; of GPUs only."""
    late: dict[str, float] = {}
    for job in jobs:
        limit, hours = job.asks.get("runtime"), forecast.longest([job])
        if forecast.rates.is_gpu and isinstance(limit, int | float) and hours > limit / 60:
            late[job.rule] = max(late.get(job.rule, 0.0), hours)
    return [
        f"warning: {rule}: up to {tell_hours(hours)} h, more than its time limit (--set-resources "
        f"{rule}:runtime=MINUTES); started again, a training goes on from its last checkpoint"
        for rule, hours in late.items()
    ]


def _describe_rates(rates: Rates) -> list[str]:
    if rates.is_gpu:
        return [f"Speeds of one {rates.device}; n GPUs of a job are taken to be n times as fast."]
    return [
        f"Speeds of one {rates.device}: no GPU has been measured. Once, on a GPU node:",
        "    srun --gpus 1 --cpus-per-task 4 --mem 64G --time 30 cineclr measure-speed --output rates.csv",
        "    cineclr plan --rates rates.csv",
    ]


def tell_hours(hours: float) -> str:
    """Return hours as far as they can be known, a question mark where they are not."""
    return "?" if math.isnan(hours) else tell_number(hours)
