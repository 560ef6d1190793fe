import json

from PIL import Image
from test_flow_chart import FLOW

from cineclr.reporting.figures.flow import plot_cohort_flow


def test_cohort_flow_is_drawn_and_repeatable(tmp_path):
    flow = tmp_path / "flow.json"
    flow.write_text(json.dumps(FLOW))
    for name in ("one", "two"):
        plot_cohort_flow(flow, 1, tmp_path / f"{name}.svg", tmp_path / f"{name}.png")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    with Image.open(tmp_path / "one.png") as image:
        assert image.height > 500
