"""What a person asks for by name plans that, and nothing behind it."""

import pytest

ECHO_TRAINING = {"pretrain_echo", "finetune_echo"}
CMR_TRAINING = {"pretrain_cmr", "finetune_lvef", "finetune_diagnosis"}


@pytest.mark.parametrize(
    ("target", "planned", "not_planned"),
    [
        ("pretrain", {"pretrain_echo"}, {"finetune_echo", "predict_echo"}),
        ("finetune", ECHO_TRAINING, {"predict_echo", "evaluate_echo"}),
        ("predict", ECHO_TRAINING | {"predict_echo"}, {"evaluate_echo", "tabulate_results"}),
        ("evaluate", {"evaluate_echo", "evaluate_subgroups"}, {"tabulate_results", "plot_curves"}),
        ("echo_tables", {"tabulate_results", "tabulate_cohort"}, {"plot_results", "predict_cmr"}),
        ("echo_figures", {"plot_results", "plot_cohort_flow"}, {"tabulate_cohort", "predict_cmr"}),
        ("cmr_pretrain", {"pretrain_cmr"}, {"finetune_lvef", "extract_features"}),
        ("cmr_finetune", CMR_TRAINING, {"predict_cmr", "evaluate_lvef"}),
        (
            "cmr_predict",
            CMR_TRAINING | {"predict_cmr", "predict_zero_shot"},
            {"evaluate_lvef", "tabulate_cmr"},
        ),
        (
            "cmr_evaluate",
            {"evaluate_lvef", "evaluate_diagnoses", "evaluate_retrieval"},
            {"tabulate_cmr", "plot_lvef"},
        ),
        ("cmr_tables", {"tabulate_cmr", "tabulate_cmr_cohort"}, {"plot_lvef", "predict_echo"}),
        ("cmr_figures", {"plot_lvef", "plot_cmr_cohort_flow"}, {"tabulate_cmr_cohort", "predict_echo"}),
        ("tables", {"tabulate_results", "tabulate_cmr"}, {"plot_curves", "plot_lvef", "write_report"}),
        ("figures", {"plot_curves", "plot_lvef"}, {"tabulate_cohort", "write_report"}),
        ("intake", {"deidentify_echo", "write_intake_report"}, {"classify_views", "write_dicom"}),
        ("dicom", {"deidentify_echo", "write_dicom"}, {"classify_views", "write_intake_report"}),
        ("draw_subsets", {"build_cohort", "draw_subsets"}, {"pretrain_echo", "predict_cmr"}),
    ],
)
def test_a_target_plans_its_stage_and_nothing_behind(demo_plan, target, planned, not_planned):
    jobs = set(demo_plan.planned(target))
    assert planned <= jobs
    assert not jobs & not_planned


def test_one_stage_by_its_rule(demo_plan):
    jobs = set(demo_plan.planned("--until", "classify_views"))
    assert "classify_views" in jobs
    assert not jobs & {"preprocess_clips", "build_cohort", "convert_studies"}
