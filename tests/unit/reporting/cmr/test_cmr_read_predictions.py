from pathlib import Path

import pytest
from cmr_predictions import path_of, write_cell, write_grid

from cineclr.errors import InputError
from cineclr.reporting.cmr.predictions import (
    Cell,
    find_baseline,
    find_cell,
    find_other,
    join_models,
    list_test_sets,
    of_task,
    read_predictions,
)


def test_models_are_read_in_the_order_of_tables_and_joined_by_study(tmp_path):
    paths, _ = write_grid(tmp_path, ["normal", "lvef", "amyloid"], ["contrastive", "kinetics400"])
    found = read_predictions(paths)
    assert [(cell.task, cell.init) for cell in found] == [
        (task, init) for task in ("lvef", "amyloid", "normal") for init in ("kinetics400", "contrastive")
    ]
    models = of_task(found, "amyloid")
    assert list_test_sets(models) == ["clinical", "northern"]
    joined = join_models(models, "northern")
    assert joined.studies == sorted(joined.studies)
    assert joined.values.shape == (2, len(joined.studies))
    frame = models[Cell("amyloid", "fine_tuning", 1.0, "contrastive")].set_index("study")
    assert joined.values[1].tolist() == frame.loc[joined.studies, "value"].tolist()
    assert joined.patients == frame.loc[joined.studies, "patient"].tolist()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("flu/contrastive/fine_tuning/1.0.csv", "flu is no task"),
        ("lvef/imagenet/fine_tuning/1.0.csv", "imagenet is no init"),
        ("lvef/random/frozen/1.0.csv", "frozen is no mode"),
        ("lvef/random/fine_tuning/all.csv", "a ratio such as"),
        ("1.0.csv", "must be <task>"),
    ],
)
def test_a_path_that_names_no_model_is_refused(path, message):
    with pytest.raises(InputError, match=message):
        find_cell(Path(path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="patient"), "no column patient"),
        (lambda frame: frame.head(0), r"no studies \(0 rows\)"),
        (lambda frame: frame.assign(patient=frame["patient"].where(frame.index > 0)), "1 rows lack"),
        (lambda frame: frame.assign(prediction=frame["prediction"].where(frame.index > 1)), "2 of 240"),
    ],
)
def test_a_file_that_is_incomplete_is_refused(tmp_path, change, message):
    path, _ = write_cell(tmp_path, "amyloid", "random", change=change)
    with pytest.raises(InputError, match=f"predictions amyloid, random/fine_tuning/1: .*{message}"):
        read_predictions([path])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame[frame["study"] != "S0004"], "1 belong to one only, the first is S0004"),
        (lambda frame: frame.assign(label=1 - frame["label"]), "disagree on the label of 80 studies"),
        (lambda frame: frame.assign(patient=frame["study"]), "disagree on the patient"),
        (lambda frame: frame.assign(study="S1", label=1), "studies are there more than once"),
    ],
)
def test_models_of_different_studies_are_refused(tmp_path, change, message):
    paths = [
        write_cell(tmp_path, "amyloid", "random")[0],
        write_cell(tmp_path, "amyloid", "contrastive", change=change)[0],
    ]
    with pytest.raises(InputError, match=f"predictions of amyloid: clinical.*{message}"):
        join_models(read_predictions(paths), "clinical")


def test_missing_and_repeated_files_are_refused(tmp_path):
    path, _ = write_cell(tmp_path, "amyloid", "random")
    with pytest.raises(InputError, match="given twice"):
        read_predictions([path, path])
    with pytest.raises(InputError, match="no such file"):
        read_predictions([path_of(tmp_path, "amyloid", "contrastive")])
    with pytest.raises(InputError, match="at least one"):
        read_predictions([])
    path, _ = write_cell(tmp_path, "amyloid", "random", change=lambda frame: frame.assign(test_set="val"))
    with pytest.raises(InputError, match="no rows of a test set"):
        list_test_sets(read_predictions([path]))


def test_the_baseline_is_kinetics_or_else_random():
    cells = [Cell("lvef", "fine_tuning", 1.0, init) for init in ("random", "kinetics400", "contrastive")]
    assert find_baseline(cells) == "kinetics400"
    assert find_baseline([cells[0], cells[2]]) == "random"
    assert find_baseline(cells[2:]) == ""
    assert find_other(cells, 2, "kinetics400") == 1
    assert find_other(cells, 1, "kinetics400") is None
    assert find_other([*cells, Cell("lvef", "fine_tuning", 0.1, "contrastive")], 3, "kinetics400") is None
