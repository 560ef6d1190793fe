import json

import pydicom.examples
import pytest
import yaml

from cineclr.check import check, check_sources
from cineclr.config import Config
from cineclr.config.reading import read_config
from cineclr.errors import InputError
from cineclr.frozen import describe_models, record_models
from cineclr.private import init

SHEET = (
    "study_id,patient_id,study_date,sex,age,as_severity,low_flow_low_gradient,lv_mass_index\n"
    "1.2.3,A1,2018-05-04,F,71,severe,0,101\n"
    "1.2.4,A2,2021-05-04,M,64,none,0,\n"
)


@pytest.fixture
def root(tmp_path):
    """A repository's root with a configuration and a private side that pass every check."""
    (tmp_path / "dicom").mkdir()
    (tmp_path / "dicom" / "IM0001").write_bytes(pydicom.examples.get_path("ybr_color").read_bytes())
    (tmp_path / "echo.csv").write_text(SHEET)
    init(tmp_path / "private" / "main", [tmp_path / "dicom"], tmp_path / "echo.csv")
    (tmp_path / "labels.csv").write_text("video_id,view\n1.2.3.4,plax\n")
    sources = tmp_path / "private" / "main" / "sources.yaml"
    sources.write_text(sources.read_text() + f"view_labels: {tmp_path / 'labels.csv'}\n")
    (tmp_path / "config.yaml").write_text("echo: {views: {classifier: train}}\n")
    return tmp_path


MRI = "study_id,patient_id,study_date,sex,age,cohort,lvef\n1.3.1,B1,2018-05-04,F,71,here,55\n"
MRI_CONFIG = """
cmr:
  cohort: {roles: {here: development}}
  text: {labels: {source: rules}}
  diagnoses: {tasks: [hypertrophic_cardiomyopathy]}
"""


@pytest.fixture
def mri(tmp_path):
    """The same of cardiac MRI."""
    (tmp_path / "dicom").mkdir()
    (tmp_path / "dicom" / "IM0001").write_bytes(pydicom.examples.get_path("ybr_color").read_bytes())
    (tmp_path / "mri.csv").write_text(MRI)
    (tmp_path / "reports.csv").write_text("study_id,report\n1.3.1,The left ventricle is dilated.\n")
    files = {"cmr_sheet": tmp_path / "mri.csv", "cmr_reports": tmp_path / "reports.csv"}
    init(tmp_path / "private" / "main", cmr_dicom=[tmp_path / "dicom"], **files)
    (tmp_path / "config.yaml").write_text(MRI_CONFIG)
    return tmp_path


def name_source(root, key, content):
    """Write a file and name it in the MRI part of sources.yaml."""
    (root / f"{key}.csv").write_text(content)
    sources = root / "private/main/sources.yaml"
    values = yaml.safe_load(sources.read_text())
    values["cmr"][key] = str(root / f"{key}.csv")
    sources.write_text(yaml.safe_dump(values))


def label_by(root, labels):
    (root / "config.yaml").write_text(MRI_CONFIG.replace("{labels: {source: rules}}", labels))


def spoil_labels(root):
    name_source(root, "labels", "study_id,hypertrophic_cardiomyopathy\n1.3.1,perhaps\n")
    label_by(root, "{labels: {source: sheet}}")


MRI_MISTAKES = {
    "MRI cohorts: .*there, which has no role": lambda root: (root / "mri.csv").write_text(
        MRI.replace("here", "there")
    ),
    "MRI series: .*row 2": lambda root: name_source(
        root, "series_views", "series_description,view\ncine,sideways\n"
    ),
    "MRI labels: .*row 2": spoil_labels,
    "MRI labels: .*allowed_hosts": lambda root: label_by(
        root, "{labels: {source: llm}, llm: {url: 'http://elsewhere.example/v1'}}"
    ),
}


class NoModels:
    """In place of the text gate, whose models take a second to load."""

    def __init__(self, least_score):
        assert 0 < least_score < 1


@pytest.fixture(autouse=True)
def _spare_the_models(monkeypatch):
    monkeypatch.setattr("cineclr.intake.residual_text.gate.TextGate", NoModels)


def spoil_weights(root):
    (root / "weights.pth").write_bytes(b"weights")
    sources = root / "private" / "main" / "sources.yaml"
    sources.write_text(sources.read_text() + f"weights: {{kinetics400: {root / 'weights.pth'}}}\n")
    (root / "config.yaml").write_text("echo: {views: {classifier: train}, encoder: {kinetics400: file}}\n")


def run_check(root):
    check([root / "config.yaml"], root)


def test_a_text_gate_that_cannot_work_is_told_before_the_run(root, monkeypatch, capsys):
    def fail(least_score):
        raise InputError("text gate: not installed")

    monkeypatch.setattr("cineclr.intake.residual_text.gate.TextGate", fail)
    with pytest.raises(InputError, match="1 of 9 checks failed:\ntext gate: "):
        run_check(root)
    (root / "config.yaml").write_text("echo: {views: {classifier: train}, deidentify: {text_gate: false}}\n")
    run_check(root)
    assert "text gate: off" in capsys.readouterr().out


def test_a_good_set_up_passes_every_check(root, capsys):
    run_check(root)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[-9:]] == ["ok"] * 9
    assert "2 studies" in "\n".join(lines)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda root: (root / "private/main/key").chmod(0o644), "private side: .*chmod 600"),
        (lambda root: (root / "echo.csv").write_text(SHEET.replace(",F,", ",X,")), "sheet: .*sex"),
        (lambda root: (root / "echo.csv").unlink(), "sheet: "),
        (lambda root: (root / "labels.csv").unlink(), "view labels: "),
        (lambda root: (root / "labels.csv").write_text("video_id,view\n1.2,plx\n"), "view labels: .*row 2"),
        (spoil_weights, "weights: .*kinetics400_sha256"),
        (lambda root: (root / "dicom/IM0001").unlink(), "echo files: none of the first 0 files"),
        (
            lambda root: (root / "config.yaml").write_text("seed: 0\n"),
            "weights.view_classifier must name a file",
        ),
    ],
)
def test_each_mistake_is_named_with_its_remedy(root, spoil, words):
    spoil(root)
    with pytest.raises(InputError, match=words) as caught:
        run_check(root)
    assert "1.2.3" not in str(caught.value)
    assert "1 of 9" in str(caught.value)


def test_a_run_that_tests_the_models_of_another_needs_no_weights_and_no_labelled_videos(root, capsys):
    (root / "labels.csv").unlink()
    (root / "config.yaml").write_text("models: north\n")
    with pytest.raises(InputError, match=r"1 of 10 checks failed:\nmodels: .*north/echo/models.json"):
        run_check(root)
    settings = json.dumps(describe_models(Config(), "echo"))
    record_models(settings, root / "results/north/echo/models.json")
    run_check(root)
    assert "models: echo of run 'north'" in capsys.readouterr().out


def test_later_configuration_files_override_earlier_ones(root):
    (root / "more.yaml").write_text(yaml.safe_dump({"seed": 5, "echo": {"views": {"size": 64}}}))
    config = read_config([root / "config.yaml", root / "more.yaml"])
    assert (config.seed, config.echo.views.size, config.echo.views.classifier) == (5, 64, "train")


def test_the_workflows_own_check_stops_at_the_sheet(root):
    check_sources(root / "private/main")
    (root / "echo.csv").write_text(SHEET.replace("2018-05-04", "someday"))
    with pytest.raises(InputError, match="study_date"):
        check_sources(root / "private/main")


def test_a_good_set_up_of_mri_passes_every_check(mri, capsys):
    run_check(mri)
    said = capsys.readouterr().out
    assert said.count("ok      ") == 11
    assert "here (development): 1 studies" in said


@pytest.mark.parametrize("words", MRI_MISTAKES)
def test_each_mistake_of_mri_is_named_before_days_of_work(mri, words):
    MRI_MISTAKES[words](mri)
    with pytest.raises(InputError, match=words) as caught:
        run_check(mri)
    assert "1.3.1" not in str(caught.value)
    assert "1 of 11" in str(caught.value)
