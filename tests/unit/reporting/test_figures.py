import json
import xml.etree.ElementTree as ET

import pandas as pd
import pytest
from PIL import Image
from test_flow_chart import FLOW

from cineclr.errors import InputError
from cineclr.reporting.figures import INITS_OF_KIND, LOOKS, plot_cohort_flow, plot_results


def write_table(path, missing=(), test_sets=("internal", "external")):
    rows = []
    for number, init in enumerate(LOOKS):
        for ratio, studies in ((0.01, 51), (0.1, 519), (1.0, 5194)):
            for test_set in test_sets:
                for metric in ("auroc", "aupr"):
                    value = None if init in missing else 0.5 + 0.05 * number + ratio / 10
                    low, high = (None, None) if value is None else (value - 0.03, value + 0.03)
                    note = "not run: no weights" if init in missing else None
                    rows.append((init, ratio, studies, test_set, 100, 30, metric, value, low, high, note))
    names = ["init", "ratio", "n_train", "test_set", "n_test", "n_test_positive", "metric", "value", "ci_low"]
    pd.DataFrame(rows, columns=[*names, "ci_high", "note"]).to_csv(path, index=False)
    return path


def draw(tmp_path, table, name="figure", kind="label_efficiency", metric="auroc"):
    svg, png = tmp_path / f"{name}.svg", tmp_path / f"{name}.png"
    plot_results(table, kind, metric, "lvh", svg, png)
    return svg, png


@pytest.mark.parametrize(("kind", "metric"), [("label_efficiency", "auroc"), ("ablation", "aupr")])
def test_figures_hold_the_colours_of_their_inits(tmp_path, kind, metric):
    svg, png = draw(tmp_path, write_table(tmp_path / "table.csv"), kind=kind, metric=metric)
    text = svg.read_text().lower()
    for init, (_, colour, _) in LOOKS.items():
        assert (colour.lower() in text) == (init in INITS_OF_KIND[kind])
    with Image.open(png) as image:
        assert image.width > 1000
        assert len(image.convert("RGB").getcolors(1_000_000)) > 20


def test_an_init_that_was_not_run_is_not_drawn_but_the_figure_grows_a_line(tmp_path):
    table = write_table(tmp_path / "table.csv", missing=["kinetics400"])
    svg, _ = draw(tmp_path, table)
    assert LOOKS["kinetics400"][1].lower() not in svg.read_text().lower()
    whole, _ = draw(tmp_path, write_table(tmp_path / "whole.csv"), name="whole")
    assert height_of(svg) > height_of(whole)


def height_of(svg):
    return float(ET.parse(svg).getroot().attrib["height"].removesuffix("pt"))


def test_equal_tables_give_equal_bytes_without_a_date(tmp_path):
    table = write_table(tmp_path / "table.csv")
    one, two = draw(tmp_path, table, "one"), draw(tmp_path, table, "two")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    assert "dc:date" not in one[0].read_text()


def test_one_test_set_gives_one_panel(tmp_path):
    svg, png = draw(tmp_path, write_table(tmp_path / "table.csv", test_sets=["internal"]))
    with Image.open(png) as image:
        assert image.width < 1000
    assert svg.exists()


def test_a_table_without_values_is_refused(tmp_path):
    table = write_table(tmp_path / "table.csv", missing=list(LOOKS))
    with pytest.raises(InputError, match="no auroc of any of random, kinetics400, echoclr"):
        draw(tmp_path, table)


def test_cohort_flow_is_drawn_and_repeatable(tmp_path):
    flow = tmp_path / "flow.json"
    flow.write_text(json.dumps(FLOW))
    for name in ("one", "two"):
        plot_cohort_flow(flow, tmp_path / f"{name}.svg", tmp_path / f"{name}.png")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    with Image.open(tmp_path / "one.png") as image:
        assert image.height > 500
