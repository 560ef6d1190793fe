"""`cineclr plan`: what the next start of Snakemake would do, and how much that is."""

import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from cineclr.operation.disk import expect_disk
from cineclr.operation.dry_run import plan_jobs
from cineclr.operation.forecast import CHAINS, Forecast, describe_time, tell_hours
from cineclr.operation.history import Job
from cineclr.operation.rates import SHIPPED, read_rates
from cineclr.operation.sizes import Given, size_papers
from cineclr.operation.text import align, tell_number

NEEDS = ("threads", "memory", "time limit", "GPUs")
WIDTH = 110  # characters of a wrapped line
MANY = 1500  # jobs from which planning and a shared scheduler begin to suffer


def plan(
    profile: str = "",
    config: list[Path] = [],  # noqa: B006
    target: list[str] = [],  # noqa: B006
    rates: Path = SHIPPED,
    echo_studies: int | None = None,
    echo_videos: int | None = None,
    cmr_studies: int | None = None,
    cmr_videos: int | None = None,
    root: Path = Path(),
) -> None:
    """Show the jobs of a dry run, what each asks for, and the GPU-hours, wall time and disk to be expected.

    `profile`, `config` (further configuration files) and `target` are Snakemake's. `rates` holds measured
    speeds (`cineclr measure-speed`). How much work there is follows from the run's cohort where it exists,
    else from the sheet's rows, else from the papers: echo 10,865 studies with 30,136 videos of the wanted
    view; MRI 17,088 individuals with 293,110 videos in the clinical cohort, and 45,623 with 257,046 (UK
    Biobank) for a cohort that is train_and_test. The options say other numbers, for MRI of one cohort.
    `root` holds results/ and private/.

    Raises:
        InputError: Snakemake refuses to plan, `rates` is no file of speeds, or a sheet has a mistake.
    """
    speeds = read_rates(rates)
    found = plan_jobs(root, profile, config, target)
    given = {"echo": Given(echo_studies, echo_videos), "cmr": Given(cmr_studies, cmr_videos)}
    sizes = size_papers(found.config, root, {job.rule for job in found.jobs}, given)
    forecast = Forecast(found.config, sizes, speeds.fitting(found.config))
    if not found.jobs:
        print(f"Run {found.config.run}: nothing is to be done")
        return
    lines = [f"Run {found.config.run}", *sizes.describe(), "", *describe_jobs(found.jobs, forecast)]
    lines += ["", *describe_time(found.jobs, forecast)]
    lines += ["", *describe_disk(expect_disk(found.jobs, found.config, sizes))]
    print("\n".join(lines))


def describe_jobs(jobs: Sequence[Job], forecast: Forecast) -> list[str]:
    """Return a table of what each rule asks for and takes, a line of the many that ask alike, the total."""
    by_rule = group_by_rule(jobs)
    asked = {rule: describe_needs(own) for rule, own in by_rule.items()}
    common, _ = Counter(asked.values()).most_common(1)[0]
    small = [rule for rule in by_rule if asked[rule] == common and not forecast.clips(by_rule[rule])]
    header = ["rule", "jobs", *NEEDS, "clips", forecast.unit(), "longest"]
    rows = [
        [rule, f"{len(own):,}", *asked[rule], *_describe_work(own, forecast)]
        for rule, own in by_rule.items()
        if rule not in small
    ]
    lines = align([header, *rows])
    if small:
        told = ", ".join(f"{len(by_rule[rule]):,} {rule}" for rule in small)
        needs = ", ".join(f"{name} {value}" for name, value in zip(NEEDS, common, strict=True) if value)
        lines += textwrap.wrap(f"with {needs}: {told}", WIDTH, subsequent_indent="  ")
    lines.append(f"{len(jobs):,} jobs of {len(by_rule)} rules")
    if len(jobs) >= MANY:
        lines.append(f"warning: {MANY:,} jobs and more load a shared scheduler: fewer shards or ratios?")
    return lines


def group_by_rule(jobs: Sequence[Job]) -> dict[str, list[Job]]:
    """Return the jobs of each rule: in Snakemake's order, trainings last, each after what it waits for."""
    order = [rule for chain in CHAINS.values() for rules in chain for rule in rules]
    by_rule: dict[str, list[Job]] = {}
    for job in sorted(jobs, key=lambda job: order.index(job.rule) if job.rule in order else -1):
        by_rule.setdefault(job.rule, []).append(job)
    return by_rule


def describe_needs(jobs: Sequence[Job]) -> tuple[str, ...]:
    """Return the most that a job of a rule asks for, in the order of `NEEDS`."""
    memory, limit, gpus = (most(jobs, name) for name in ("mem_mb", "runtime", "gpu"))
    return (
        str(max(job.threads for job in jobs)),
        memory if isinstance(memory, str) else f"{memory / 1000:g} GB",
        limit if isinstance(limit, str) else f"{limit / 60:g} h",
        str(gpus or ""),
    )


def _describe_work(jobs: Sequence[Job], forecast: Forecast) -> list[str]:
    clips = forecast.clips(jobs)
    if not clips:
        return ["", "", ""]
    hours, longest = forecast.device_hours(jobs), forecast.longest(jobs)
    return [tell_number(clips), tell_hours(hours), f"{tell_hours(longest)} h"]


def most(jobs: Sequence[Job], name: str) -> float | str:
    """Return the largest amount that a job asks for; text where Snakemake knows it only when a job starts."""
    values = [job.asks.get(name, 0) for job in jobs]
    texts = [value for value in values if isinstance(value, str)]
    return texts[0] if texts else max(values)


def describe_disk(rows: Sequence[tuple[str, float, str]]) -> list[str]:
    """Return a line per large output: what, gigabytes, how that is known."""
    if not rows:
        return ["Disk: nothing large is to be made."]
    sizes = align([(what, f"{tell_number(size)} GB") for what, size, _ in rows])
    return ["Disk:", *(f"  {size}  {how}" for size, (_, _, how) in zip(sizes, rows, strict=True))]
