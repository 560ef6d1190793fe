import numpy as np
import pandas as pd
import pytest

from cineclr.errors import InputError
from cineclr.reporting.figures.bland_altman import draw_bland_altman, plot_bland_altman


def measurements(size=50):
    generator = np.random.default_rng(0)
    true = generator.normal(55, 10, size)
    return pd.DataFrame({"labels": true, "value": true - 5 + generator.normal(0, 4, size)})


def test_points_lines_and_bands_stand_where_the_textbook_puts_them():
    rows = measurements()
    panel = draw_bland_altman({"kaggle": rows}, "LVEF (%)", 0.95).axes[0]
    difference = rows["value"] - rows["labels"]
    np.testing.assert_allclose(panel.lines[0].get_xdata(), (rows["value"] + rows["labels"]) / 2)
    np.testing.assert_allclose(panel.lines[0].get_ydata(), difference)
    bias, spread = difference.mean(), 1.959964 * difference.std(ddof=1)
    levels = [line.get_ydata()[0] for line in panel.lines[1:]]
    np.testing.assert_allclose(levels, [0, bias + spread, bias, bias - spread], rtol=1e-6)
    upper, middle, lower = (band.get_bbox() for band in panel.patches)
    assert upper.y0 < bias + spread < upper.y1
    assert lower.y0 < bias - spread < lower.y1
    half = 2.009575 * difference.std(ddof=1) / np.sqrt(50)  # t quantile of 49 degrees of freedom
    assert (middle.y0, middle.y1) == pytest.approx((bias - half, bias + half), rel=1e-6)
    assert panel.texts[1].get_text().startswith(f"Bias {bias:.1f}".replace("-", "−"))
    assert panel.get_title("left") == "kaggle, 50 studies"
    assert panel.get_ylabel() == "Predicted − true LVEF (%)"


def test_one_study_has_a_bias_without_interval_and_no_limits():
    panel = draw_bland_altman({"all": measurements(1).round()}, "LVEF (%)", 0.95).axes[0]
    assert [text.get_text()[:4] for text in panel.texts] == ["Bias"]
    assert "nan" not in panel.texts[0].get_text()


def test_a_panel_per_cohort_and_only_the_named_model(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr("cineclr.reporting.figures.style.save", lambda figure, *_: figures.append(figure))
    table = write_predictions(tmp_path, cohorts=("internal", "external"))
    plot_bland_altman(table, "ours", tmp_path / "a.svg", tmp_path / "a.png")
    assert [panel.get_title("left") for panel in figures[0].axes] == [
        "internal, 50 studies",
        "external, 50 studies",
    ]
    assert figures[0].axes[0].lines[0].get_ydata().mean() < -3


def write_predictions(folder, cohorts=None):
    rows = measurements().rename(columns={"value": "preds"})
    rows["study"] = [f"s{i}" for i in range(50)]
    rows = pd.concat([rows.assign(model="ours"), rows.assign(model="theirs", preds=rows["labels"] + 9)])
    if cohorts:
        rows = pd.concat([rows.assign(cohort=cohort) for cohort in cohorts])
    rows.to_csv(folder / "predictions.csv", index=False)
    return folder / "predictions.csv"


def test_without_cohorts_the_bytes_are_equal(tmp_path):
    table = write_predictions(tmp_path)
    bytes_of = []
    for name in ("one", "two"):
        svg, png = tmp_path / f"{name}.svg", tmp_path / f"{name}.png"
        plot_bland_altman(table, "ours", svg, png, quantity="LVEF (%)")
        bytes_of.append((svg.read_bytes(), png.read_bytes()))
    assert bytes_of[0] == bytes_of[1]


def test_repeated_studies_are_refused_or_averaged(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr("cineclr.reporting.figures.style.save", lambda figure, *_: figures.append(figure))
    table = write_predictions(tmp_path)
    rows = pd.read_csv(table)
    pd.concat([rows, rows.head(1).assign(preds=100)]).to_csv(table, index=False)
    files = tmp_path / "a.svg", tmp_path / "a.png"
    with pytest.raises(InputError, match="the first is s0"):
        plot_bland_altman(table, "ours", *files)
    plot_bland_altman(table, "ours", *files, duplicates="mean")
    mean = (rows["preds"][0] + 100) / 2
    assert figures[0].axes[0].lines[0].get_ydata()[0] == pytest.approx(mean - rows["labels"][0])


def test_an_unknown_model_and_a_confidence_out_of_range_are_refused(tmp_path):
    table, files = write_predictions(tmp_path), (tmp_path / "a.svg", tmp_path / "a.png")
    with pytest.raises(InputError, match="no model hers; known are ours, theirs"):
        plot_bland_altman(table, "hers", *files)
    with pytest.raises(InputError, match="--confidence is 95"):
        plot_bland_altman(table, "ours", *files, confidence=95)
