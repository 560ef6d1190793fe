"""What a reader of tables and figures sees in place of an id of the configuration."""

TASK_NAMES = {"lvh": "left ventricular hypertrophy", "severe_as": "severe aortic stenosis"}
INIT_NAMES = {
    "random": "Random",
    "kinetics400": "Kinetics-400",
    "simclr": "SimCLR",
    "mi_simclr": "MI-SimCLR",
    "echoclr": "EchoCLR",
}
SPLIT_NAMES = {
    "train": "Training",
    "val": "Validation",
    "internal": "Internal test",
    "external": "External test",
}
TEST_SETS = ("internal", "external")
METRIC_NAMES = {"auroc": "AUROC", "aupr": "AUPR"}

# The second paper.
CMR_INIT_NAMES = {
    "random": "Random",
    "kinetics400": "Kinetics-400",
    "contrastive": "Contrastive",
    "published": "Published",
}
MODE_NAMES = {
    "fine_tuning": "Fine tuning",
    "transfer_learning": "Transfer learning",
    "zero_shot": "Zero-shot",
}
CMR_SPLIT_NAMES = {
    "pretrain_train": "Pretraining",
    "pretrain_val": "Pretraining validation",
    "train": "Training",
    "val": "Validation",
    "test": "Test",
}
# Diagnoses whose id does not read as words.
DIAGNOSIS_NAMES = {
    "arrhythmogenic_right_ventricular_cardiomyopathy": "Arrhythmogenic RV cardiomyopathy",
    "lv_non_compaction": "LV non-compaction",
    "non_ischemic_cardiomyopathy": "Non-ischemic cardiomyopathy",
    "systolic_anterior_motion_of_mitral": "Systolic anterior motion of mitral valve",
    "tetralogy": "Tetralogy of Fallot",
}


def name_diagnosis(task: str) -> str:
    """Return a diagnosis as a reader knows it."""
    return DIAGNOSIS_NAMES.get(task, task.replace("_", " ").capitalize())
