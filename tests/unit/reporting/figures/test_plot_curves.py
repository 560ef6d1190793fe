import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_curve

from cineclr.config.echo import Evaluation
from cineclr.errors import InputError
from cineclr.reporting.figures import curves
from cineclr.reporting.figures.style import COLOURS
from cineclr.reporting.names import INIT_NAMES


class Run:
    """Predictions and an evaluation of a run with two test sets, and the figure drawn from them."""

    def __init__(self, folder, inits=("random", "mi_simclr", "echoclr"), positives=(40, 30)):
        self.folder, self.inits, self.figures = folder, inits, []
        generator = np.random.default_rng(0)
        sets = [(name, size) for name, size in zip(("internal", "external"), positives, strict=True) if size]
        frame = pd.DataFrame(
            [(name, int(i < size)) for name, size in sets for i in range(100)], columns=["test_set", "label"]
        ).assign(study=lambda rows: [f"S{i:03d}" for i in range(len(rows))])
        self.splits = folder / "splits.csv"
        frame.assign(patient=frame["study"].str[:-1]).to_csv(self.splits, index=False)
        self.predictions, rows = [], []
        for number, init in enumerate(inits):
            noise = generator.uniform(size=len(frame))
            for ratio in (0.1, 1.0):
                path = folder / f"{init}/{ratio}.csv"
                path.parent.mkdir(exist_ok=True)
                probability = (noise + 0.2 * number * frame["label"]) / 2
                frame.assign(probability=probability).to_csv(path, index=False)
                self.predictions.append(path)
                rows += [
                    (init, ratio, name, metric, 0.6 + number / 10, 0.5 + number / 10, 0.7 + number / 10)
                    for name, _ in sets
                    for metric in ("auroc", "aupr")
                ]
        self.evaluation = folder / "lvh.csv"
        names = ["init", "ratio", "test_set", "metric", "value", "ci_low", "ci_high"]
        pd.DataFrame(rows, columns=names).to_csv(self.evaluation, index=False)

    def plot(self, ratio=1.0, name="figure", **settings):
        svg, png = self.folder / f"{name}.svg", self.folder / f"{name}.png"
        curves.plot_curves(
            "lvh", self.predictions, self.evaluation, self.splits, ratio, Evaluation(**settings), 0, svg, png
        )
        return svg, png


@pytest.fixture
def drawn(monkeypatch):
    """Figures that a command would have written."""
    figures = []
    monkeypatch.setattr(curves, "RESAMPLES", 60)
    monkeypatch.setattr(curves.style, "save", lambda figure, svg, png: figures.append(figure))
    return figures


def labelled(panel):
    return {line.get_label().split("  ")[0]: line for line in panel.lines if "  " in line.get_label()}


def test_four_panels_hold_a_line_per_init_and_a_band_for_two(tmp_path, drawn):
    Run(tmp_path).plot()
    figure = drawn[0]
    assert figure.get_suptitle() == "Left ventricular hypertrophy, all labels"
    assert [panel.get_title("left") for panel in figure.axes] == [
        "Internal test set (100 studies, 40 positive)",
        "External test set (100 studies, 30 positive)",
    ] * 2
    for panel in figure.axes:
        assert list(labelled(panel)) == ["Random", "MI-SimCLR", "EchoCLR"]
        assert panel.get_xlim() == (0, 1)
        assert [band.get_facecolor()[0, :3].tolist() for band in panel.collections] == [
            pytest.approx(rgb(COLOURS[init])) for init in ("mi_simclr", "echoclr")
        ]


def rgb(colour):
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def test_legends_say_what_the_table_says(tmp_path, drawn):
    Run(tmp_path).plot(confidence=0.9)
    for panel, metric in zip(drawn[0].axes[::2], ("AUROC", "AUPR"), strict=True):
        legend = panel.get_legend()
        assert legend.get_title().get_text() == f"{metric} (90% CI)"
        assert legend.get_texts()[2].get_text() == "EchoCLR  0.800 (0.700–0.900)"


def test_lines_are_the_curves_and_lie_in_their_bands(tmp_path, drawn):
    run = Run(tmp_path)
    run.plot()
    frame = pd.read_csv(run.predictions[-1]).query("test_set == 'internal'")
    roc, _, pr, _ = drawn[0].axes
    false, true, _ = roc_curve(frame["label"], frame["probability"], drop_intermediate=False)
    line = labelled(roc)["EchoCLR"]
    np.testing.assert_allclose(line.get_xydata(), np.column_stack([false, true]))
    band = roc.collections[-1].get_paths()[0]
    upper = np.append(np.diff(false) > 0, True)  # of a rise at one rate, the band is of its upper end
    assert band.contains_points(line.get_xydata()[upper], radius=0.02).mean() > 0.95
    chance = next(line for line in pr.lines if not line.get_label().strip("_").startswith("EchoCLR"))
    assert chance.get_ydata()[0] == pytest.approx(0.4)


def test_only_the_asked_ratio_is_drawn_and_named(tmp_path, drawn):
    run = Run(tmp_path)
    run.plot(ratio=0.1)
    assert drawn[0].get_suptitle() == "Left ventricular hypertrophy, 10% of labels"
    with pytest.raises(InputError, match=r"predictions of lvh: none of ratio 0\.25"):
        run.plot(ratio=0.25)


def test_a_test_set_with_few_of_a_class_is_not_drawn_but_named(tmp_path, drawn):
    Run(tmp_path, positives=(40, 10)).plot()
    assert len(drawn[0].axes) == 2
    note = "External test set not drawn: fewer than 11 studies of a class."
    assert note in drawn[0].get_supxlabel()
    Run(tmp_path, positives=(95, 10)).plot()
    assert drawn[1].axes == []
    assert note in drawn[1].get_supxlabel()


def test_patients_are_drawn_whole_where_the_settings_say_so(tmp_path, drawn):
    run = Run(tmp_path)
    run.plot()
    run.plot(resample="patient")
    one, other = (figure.axes[0].collections[-1].get_paths()[0].vertices for figure in drawn)
    assert not np.array_equal(one, other)


def test_all_five_inits_and_a_run_without_the_reference(tmp_path, drawn):
    Run(tmp_path, inits=tuple(INIT_NAMES)).plot()
    assert all(len(labelled(panel)) == 5 and len(panel.collections) == 2 for panel in drawn[0].axes)
    (tmp_path / "other").mkdir()
    Run(tmp_path / "other", inits=("random", "simclr")).plot()
    assert all(len(panel.collections) == 1 for panel in drawn[1].axes)
    assert "of the best model" in drawn[1].get_supxlabel()


def test_a_model_without_its_row_in_the_table_is_refused(tmp_path, drawn):
    run = Run(tmp_path)
    table = pd.read_csv(run.evaluation)
    table[table["init"] != "mi_simclr"].to_csv(run.evaluation, index=False)
    with pytest.raises(InputError, match=r"evaluation lvh\.csv: no row of mi_simclr at 1 on the internal"):
        run.plot()


def test_equal_predictions_give_equal_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(curves, "RESAMPLES", 60)
    run = Run(tmp_path, positives=(40, 0))
    one, two = run.plot(name="one"), run.plot(name="two")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
