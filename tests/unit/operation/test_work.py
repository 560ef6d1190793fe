import pytest

from cineclr.config import Config
from cineclr.operation.cohort import CmrSize, EchoSize, cmr_of_cohort, echo_of_cohort, expect_cmr, expect_echo
from cineclr.operation.disk import count_weights, expect_disk
from cineclr.operation.history import Job
from cineclr.operation.sizes import CMR_PEOPLE, ECHO_STUDIES, ECHO_VIDEOS, Given, Sizes, size_cmr, size_echo
from cineclr.operation.work import work_of

PAPER = Config()
ECHO = EchoSize("x", 100, 170, {("lvh", "train"): 90, ("lvh", "val"): 20, ("lvh", "internal"): 30})
CMR = CmrSize(
    "x",
    {"pretrain_train": 200, "pretrain_val": 100},
    {("lvef", "train"): 80, ("lvef", "val"): 10, ("lvef", "test"): 30, ("amyloid", "train"): 40},
    videos=13,
    encoded=1000,
)


def job(rule, **wildcards):
    return Job(rule, wildcards, [], 1, {}, 0.0)


@pytest.mark.parametrize(
    ("planned", "work"),
    [
        (job("pretrain_echo", method="simclr"), {"echo_pretrain": 520 * 100 * 2}),
        (job("pretrain_echo", method="echoclr"), {"echo_pretrain": 300 * 170 * 2}),
        (
            job("finetune_echo", task="lvh", init="random", ratio="0.1", rate="0.1"),
            {"echo_finetune": 30 * 9, "echo_predict": 30 * 20},
        ),
        (job("predict_echo", task="lvh", init="random", ratio="0.1"), {"echo_predict": 4 * 50}),
        (job("pretrain_cmr"), {"cmr_pretrain": 600 * 200, "cmr_encode": 60 * 8 * 100}),
        (job("extract_features", init="random"), {"cmr_encode": 1000}),
        # 80 studies are 10 steps: 10,000 epochs of 3 + half of 10 SAX views; 10 studies are validated.
        (
            job("finetune_lvef", mode="transfer_learning", ratio="1.0"),
            {"cmr_finetune": 10_000 * 80 * 8, "cmr_encode": 10_000 * 10 * 13},
        ),
        (
            job("finetune_lvef", mode="fine_tuning", ratio="1.0"),
            {"cmr_head": 10_000 * 80 * 8 + 10_000 * 10 * 13},
        ),
        (
            job("finetune_diagnosis", diagnosis="amyloid", mode="transfer_learning", ratio="0.5"),
            {"cmr_finetune": 24 * 20 * 13, "cmr_encode": 0},
        ),
        (job("predict_cmr", target="lvef", mode="transfer_learning"), {"cmr_encode": 40 * 13}),
        (job("predict_cmr", target="lvef", mode="fine_tuning"), {}),
        (job("plot_results"), {}),
    ],
)
def test_clips_of_each_kind_of_job(planned, work):
    assert work_of(planned, PAPER, Sizes(ECHO, CMR)) == pytest.approx(work)


def test_a_cohort_that_exists_is_counted(tmp_path):
    table = tmp_path / "splits.csv"
    table.write_text(
        "study,split,severe_as,lvh,videos\nS1,train,1,,4\nS2,train,0,1,1\nS3,val,0,0,2\nS4,external,1,1,5\n"
    )
    size = echo_of_cohort(table)
    assert (size.train, size.pairs) == (5, 6)
    assert size.labelled[("severe_as", "train")] == 5
    assert size.labelled[("lvh", "train")] == 1
    assert size.labelled[("lvh", "external")] == 5
    assert "4 studies" in size.source


def test_an_mri_cohort_that_exists_is_counted(tmp_path):
    config = Config.model_validate(
        {
            "cmr": {"diagnoses": {"tasks": ["amyloid"]}, "lvef": {"cohorts": ["a"]}}
            | {"cohort": {"roles": {"a": "development", "b": "train_and_test"}}}
        }
    )
    table = tmp_path / "splits.csv"
    table.write_text(
        "study,cohort,split,videos,sentences,lvef,amyloid\n"
        "S1,a,pretrain_train,12,4,50,\nS2,a,pretrain_train,12,0,50,\nS3,a,train,10,4,50,1\n"
        "S4,b,train,10,4,50,\nS5,b,test,11,4,50,0\n"
    )
    size = cmr_of_cohort(table, config.cmr)
    assert size.pretraining["pretrain_train"] == 1
    assert size.studies[("lvef", "train")] == 1  # cohort b does not train it
    assert size.studies[("lvef", "test")] == 1
    assert size.studies[("amyloid", "train")] == 1
    assert (size.videos, size.encoded) == (11, 31)


def test_the_papers_numbers_are_expected_without_data_and_said_to_be(tmp_path):
    echo, cmr = size_echo(PAPER, tmp_path, Given()), size_cmr(PAPER, tmp_path, Given())
    assert "the paper's numbers: 10,865 studies, 30,136 videos" in echo.source
    assert "the paper's numbers: 17,088 individuals, 293,110 videos" in cmr.source
    # 23,448 development videos, three quarters of them for training.
    assert echo.train == pytest.approx(0.75 * 23_448, rel=0.01)
    simclr = work_of(job("pretrain_echo", method="simclr"), PAPER, Sizes(echo, cmr))
    echoclr = work_of(job("pretrain_echo", method="echoclr"), PAPER, Sizes(echo, cmr))
    assert simclr["echo_pretrain"] == pytest.approx(echoclr["echo_pretrain"])
    assert cmr.pretraining["pretrain_train"] == pytest.approx(0.75 * 0.66 * 17_088)
    assert sum(cmr.studies[("lvef", split)] for split in ("train", "val", "test")) == pytest.approx(4272)


def test_numbers_that_are_given_win_over_the_papers(tmp_path):
    size = size_echo(PAPER, tmp_path, Given(videos=1000))
    assert "as you say" in size.source
    assert sum(count for (task, _), count in size.labelled.items() if task == "lvh") == pytest.approx(1000)
    assert "500 individuals" in size_cmr(PAPER, tmp_path, Given(studies=500)).source


def test_uk_biobank_counts_where_a_cohort_has_its_role(tmp_path):
    roles = {"cmr": {"cohort": {"roles": {"clinical": "development", "ukb": "train_and_test"}}}}
    size = size_cmr(Config.model_validate(roles), tmp_path, Given())
    assert "62,711 individuals" in size.source
    assert size.studies[("lvef", "train")] == pytest.approx(0.5 * 0.25 * 17_088 + 0.8 * 45_623)


def test_disk_names_models_of_each_size():
    sizes = Sizes(
        expect_echo(ECHO_STUDIES, ECHO_VIDEOS, PAPER.echo, ""),
        expect_cmr({"development": CMR_PEOPLE["development"]}, PAPER.cmr, ""),
    )
    jobs = [job("preprocess_clips"), job("finetune_echo"), job("convert_studies"), job("pretrain_cmr")]
    rows = {what: size for what, size, _ in expect_disk(jobs, PAPER, sizes)}
    assert rows["models"] == pytest.approx(4 * (33.2 + 36.7 + 109.3) / 1000)
    assert rows["echo clips"] == pytest.approx(30_136 * 60 * 112 * 112 / 1e9)
    assert rows["MRI studies (HDF5)"] == pytest.approx(293_110 * 25 * 256 * 256 / 1e9)
    frozen = count_weights(job("finetune_lvef", mode="fine_tuning"), PAPER)
    assert frozen < count_weights(job("finetune_lvef", mode="transfer_learning"), PAPER) / 10
    assert expect_disk([job("plot_results")], PAPER, sizes) == []
