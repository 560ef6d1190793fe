import typing

from cineclr.config.echo import Init, Split, Task
from cineclr.reporting.figures.style import COLOURS, DASHES, MARKERS
from cineclr.reporting.names import INIT_NAMES, METRIC_NAMES, SPLIT_NAMES, TASK_NAMES
from cineclr.stats.bootstrap import METRICS


def test_every_id_has_a_name_and_every_init_a_look():
    assert tuple(TASK_NAMES) == typing.get_args(Task)
    assert tuple(SPLIT_NAMES) == typing.get_args(Split)
    assert tuple(METRIC_NAMES) == tuple(METRICS)
    for looks in (INIT_NAMES, COLOURS, DASHES, MARKERS):
        assert tuple(looks) == typing.get_args(Init)
