import xml.etree.ElementTree as ET

import pandas as pd
import pytest
from PIL import Image
from results_table import write_table

from cineclr.errors import InputError
from cineclr.reporting.figures.efficiency import INITS_OF_KIND, draw_results, plot_results
from cineclr.reporting.figures.style import COLOURS
from cineclr.reporting.names import INIT_NAMES


def draw(tmp_path, table, name="figure", kind="label_efficiency", metric="auroc"):
    svg, png = tmp_path / f"{name}.svg", tmp_path / f"{name}.png"
    plot_results(table, kind, metric, "lvh", svg, png)
    return svg, png


def rows_of(table, metric="auroc", kind="label_efficiency"):
    rows = pd.read_csv(table)
    return rows[rows["metric"].eq(metric) & rows["init"].isin(INITS_OF_KIND[kind])]


@pytest.mark.parametrize(("kind", "metric"), [("label_efficiency", "auroc"), ("ablation", "aupr")])
def test_figures_hold_the_colours_of_their_inits(tmp_path, kind, metric):
    svg, png = draw(tmp_path, write_table(tmp_path / "table.csv"), kind=kind, metric=metric)
    text = svg.read_text().lower()
    for init, colour in COLOURS.items():
        assert (colour.lower() in text) == (init in INITS_OF_KIND[kind])
    with Image.open(png) as image:
        assert image.width > 1000
        assert len(image.convert("RGB").getcolors(1_000_000)) > 20


def test_a_panel_draws_the_values_and_intervals_of_its_test_set(tmp_path):
    rows = rows_of(write_table(tmp_path / "table.csv"))
    figure = draw_results(rows, "label_efficiency", "auroc", "lvh")
    assert figure.get_suptitle() == "Left ventricular hypertrophy"
    for panel, name in zip(figure.axes, ("internal", "external"), strict=True):
        assert panel.get_title("left") == f"{name.capitalize()} test set (100 studies, 30 positive)"
        lines = {line.get_label(): line for line in panel.lines}
        assert list(lines) == ["Random", "Kinetics-400", "EchoCLR", "Chance"]
        of_set = rows[rows["init"].eq("echoclr") & rows["test_set"].eq(name)]
        assert lines["EchoCLR"].get_xydata().tolist() == of_set[["n_train", "value"]].to_numpy().tolist()
        band = panel.collections[-1].get_paths()[0].vertices
        assert band[:, 1].min() == of_set["ci_low"].min()
        assert band[:, 1].max() == of_set["ci_high"].max()


def test_an_init_that_was_not_run_is_not_drawn_but_the_figure_grows_a_line(tmp_path):
    table = write_table(tmp_path / "table.csv", missing=["kinetics400"])
    svg, _ = draw(tmp_path, table)
    assert COLOURS["kinetics400"].lower() not in svg.read_text().lower()
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
        assert image.width < 1200  # two panels have 1440
    assert svg.exists()


def test_title_legend_and_notes_of_one_panel_have_room(tmp_path):
    rows = rows_of(write_table(tmp_path / "table.csv")).query("test_set == 'internal'")
    figure = draw_results(rows.assign(note="a remark of many words " * 8), "label_efficiency", "auroc", "lvh")
    figure.draw_without_rendering()
    title, notes = (text.get_window_extent() for text in figure.texts)
    assert not title.overlaps(figure.legends[0].get_window_extent())
    assert notes.x1 < figure.bbox.x1


def test_a_withheld_test_set_is_named_and_not_its_inits(tmp_path):
    rows = rows_of(write_table(tmp_path / "table.csv")).astype({"note": object})
    external = rows["test_set"] == "external"
    rows.loc[external, ["value", "ci_low", "ci_high", "n_test_positive"]] = None
    rows.loc[external, "note"] = "withheld where fewer than 11 studies would show"
    figure = draw_results(rows, "label_efficiency", "auroc", "lvh")
    assert [panel.get_title("left") for panel in figure.axes] == [
        "Internal test set (100 studies, 30 positive)"
    ]
    assert figure.get_supxlabel().splitlines()[1:] == [
        "External test set: withheld where fewer than 11 studies would show."
    ]


def test_a_table_without_values_is_a_figure_that_says_why(tmp_path):
    rows = rows_of(write_table(tmp_path / "table.csv", missing=list(INIT_NAMES)))
    figure = draw_results(rows, "label_efficiency", "auroc", "lvh")
    assert figure.axes == []
    assert figure.get_supxlabel().splitlines()[0] == "Random: not run: no weights."


def test_a_table_without_rows_of_its_inits_is_refused(tmp_path):
    table = write_table(tmp_path / "table.csv")
    kept = pd.read_csv(table)
    kept[kept["init"] == "simclr"].to_csv(table, index=False)
    with pytest.raises(InputError, match="no auroc of any of random, kinetics400, echoclr"):
        draw(tmp_path, table)
