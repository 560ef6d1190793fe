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
