"""Prediction files as predict-cmr writes them, from a seed: labels are shared, models differ in skill."""

import json

import numpy as np
import pandas as pd

SETS = ("val", "clinical", "northern")
SKILL = {"random": 0.2, "kinetics400": 0.6, "contrastive": 1.0}


def path_of(folder, task, init, mode="fine_tuning", ratio=1.0):
    return folder / "predictions" / task / init / mode / f"{ratio}.csv"


def make_studies(task, size=240, prevalence=0.3, seed=0):
    """Return study, patient, test_set, label; every fourth patient has two studies, both in one set."""
    rng = np.random.default_rng([seed, *map(ord, task)])
    patient = np.arange(size) - (np.arange(size) % 4 == 3)
    label = rng.normal(52, 12, size) if task == "lvef" else rng.random(size) < prevalence
    return pd.DataFrame(
        {
            "study": [f"S{n:04d}" for n in range(size)],
            "patient": [f"P{n:04d}" for n in patient],
            "test_set": [SETS[n // 4 % len(SETS)] for n in range(size)],
            "label": np.clip(label, 8, 80) if task == "lvef" else label.astype(int),
        }
    )


def predict(studies, task, skill, seed):
    noise = np.random.default_rng(seed).normal(size=len(studies))
    if task == "lvef":
        return studies["label"] * 0.8 + 10 + noise * 9 / (skill + 0.5)
    return 1 / (1 + np.exp(-(skill * (2 * studies["label"] - 1) + noise)))


def write_cell(folder, task, init, mode="fine_tuning", ratio=1.0, change=None, size=240, **options):
    """Write the predictions of one model, in an order of its own, and its fit.json; return both paths."""
    studies = make_studies(task, size, **options)
    skill = SKILL[init] * (0.4 + 0.6 * ratio) + 0.2 * (mode == "transfer_learning")
    seed = [len(init), len(mode), int(1000 * ratio), *map(ord, task)]
    frame = studies.assign(prediction=predict(studies, task, skill, seed))
    frame = frame if change is None else change(frame)
    path = path_of(folder, task, init, mode, ratio)
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.sample(frac=1, random_state=len(init)).to_csv(path, index=False)
    fit = folder / "finetune" / task / init / mode / str(ratio) / "fit.json"
    fit.parent.mkdir(parents=True, exist_ok=True)
    cell = {"task": task, "init": init, "mode": mode, "ratio": ratio}
    fit.write_text(json.dumps({**cell, "n_train": int(400 * ratio), "mean": 54.0, "std": 12.0}))
    return path, fit


def write_grid(folder, tasks, inits, modes=("fine_tuning",), ratios=(1.0,), **options):
    """Write every model of a grid; return the paths of predictions and those of fits."""
    written = [
        write_cell(folder, task, init, mode, ratio, **options)
        for task in tasks
        for init in inits
        for mode in modes
        for ratio in ratios
    ]
    return [path for path, _ in written], [fit for _, fit in written]
