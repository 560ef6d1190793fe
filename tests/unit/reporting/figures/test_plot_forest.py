import itertools

import numpy as np
import pandas as pd
import pytest

from cineclr.errors import InputError
from cineclr.reporting.figures.forest import draw_forest, format_p, plot_forest

NAMES = {"reference": "Ours", "baseline": "Theirs"}


def comparison(targets=3):
    """Return a table as evaluate-predictions writes it; the last target is the best."""
    rows = []
    for number in range(targets):
        reference, baseline = 0.6 + number / 100, 0.55
        rows.append(
            {
                "target": f"Aortic.dilation_{number}", "n": 2000, "n_positive": str(1200 + number),
                "auc_reference": reference, "ci_low_reference": reference - 0.05,
                "ci_high_reference": reference + 0.05, "auc_baseline": baseline,
                "ci_low_baseline": 0.3, "ci_high_baseline": 0.8,
                "difference": reference - baseline, "p_value": 10.0 ** -(number + 1), "differences": "",
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def test_rows_are_sorted_by_the_reference_and_carry_counts_and_p():
    panel = draw_forest(comparison(), NAMES).axes[0]
    names = [label.get_text() for label in panel.get_yticklabels()]
    assert names == ["Aortic dilation 2", "Aortic dilation 1", "Aortic dilation 0"]
    assert [text.get_text() for text in panel.texts] == [
        "Positive", "1,202", "1,201", "1,200", "p", "0.001", "0.010", "0.10",
    ]  # fmt: skip
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["Ours", "Theirs"]


def test_markers_and_intervals_stand_at_their_values_without_overlap():
    panel = draw_forest(comparison(), NAMES).axes[0]
    markers = {line.get_label(): line.get_xydata() for line in panel.lines}
    np.testing.assert_allclose(markers["Ours"][:, 0], [0.62, 0.61, 0.60])
    np.testing.assert_allclose(markers["Theirs"][:, 0], 0.55)
    assert (markers["Ours"][:, 1] < markers["Theirs"][:, 1]).all()
    ours = np.array(panel.collections[0].get_segments())
    np.testing.assert_allclose(ours[:, :, 0], [[0.57, 0.67], [0.56, 0.66], [0.55, 0.65]])
    assert panel.get_xlim()[0] == pytest.approx(0.28)


def test_a_missing_interval_leaves_a_bare_point():
    table = comparison()
    table.loc[0, ["ci_low_reference", "ci_high_reference", "p_value"]] = np.nan
    panel = draw_forest(table, NAMES).axes[0]
    assert len(panel.lines[0].get_xydata()) == 3
    assert [len(segment) for segment in panel.collections[0].get_segments()] == [2, 2, 0]
    assert panel.texts[-1].get_text() == ""


def test_many_targets_do_not_overlap():
    table = comparison(35)
    table["target"] = [f"Arrhythmogenic.right.ventricular.cardiomyopathy.{i}" for i in range(35)]
    figure = draw_forest(table, NAMES)
    figure.draw_without_rendering()
    boxes = sorted(
        (label.get_window_extent() for label in figure.axes[0].get_yticklabels()), key=lambda b: b.y0
    )
    assert all(below.y1 < above.y0 for below, above in itertools.pairwise(boxes))
    everything = figure.get_tightbbox()
    assert everything.x0 >= 0
    assert everything.x1 <= figure.get_figwidth()
    counts = [text.get_window_extent().x0 for text in figure.axes[0].texts[:36]]
    assert max(box.x1 for box in boxes) < min(counts)


@pytest.mark.parametrize(
    ("p", "text"),
    [(np.nan, ""), (1e-9, "<0.001"), (0.0042, "0.004"), (0.0567, "0.057"), (0.256, "0.26"), (0.997, ">0.99")],
)
def test_p_is_printed_as_journals_do(p, text):
    assert format_p(p) == text


def test_the_command_writes_equal_bytes_and_keeps_counts_that_are_withheld(tmp_path):
    table = comparison()
    table.loc[1, "n_positive"] = "<11"
    table.to_csv(tmp_path / "table.csv", index=False)
    bytes_of = []
    for name in ("one", "two"):
        svg, png = tmp_path / f"{name}.svg", tmp_path / f"{name}.png"
        plot_forest(tmp_path / "table.csv", svg, png, reference_name="Ours")
        bytes_of.append((svg.read_bytes(), png.read_bytes()))
    assert bytes_of[0] == bytes_of[1]
    assert draw_forest(table, NAMES).axes[0].texts[2].get_text() == "<11"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="p_value"), "no column p_value"),
        (lambda table: table.head(0), "0 rows"),
        (
            lambda table: pd.concat([table, table.head(1)]),
            r"target Aortic\.dilation_0 is there more than once",
        ),
        (
            lambda table: table.assign(auc_baseline=[0.5, None, 0.6]),
            r"target Aortic\.dilation_1 has no AUROC",
        ),
    ],
)
def test_tables_that_cannot_be_drawn_are_refused(tmp_path, change, message):
    change(comparison()).to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(InputError, match=message):
        plot_forest(tmp_path / "table.csv", tmp_path / "a.svg", tmp_path / "a.png")
