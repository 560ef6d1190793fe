import numpy as np
import pytest
import torch
from torch import nn

from cineclr.models.r3d import R3D18
from cineclr.stats.auroc import auroc
from cineclr.training.inputs import open_inputs
from cineclr.training.probe import Probe

CPU = torch.device("cpu")


class Brightness(nn.Module):
    """An encoder that knows what tells the tiny cohort's classes apart."""

    def forward(self, clips):
        return torch.stack([clips.mean(dim=(1, 2, 3)), torch.ones(len(clips))], dim=1)


class Nothing(nn.Module):
    def forward(self, clips):
        return torch.ones(len(clips), 3)


@pytest.fixture
def opened(cohort):
    return open_inputs(cohort.splits, cohort.clips, cohort.frames, 4)


def test_an_encoder_that_knows_the_label_is_found_out_and_so_is_one_that_does_not(opened):
    studies, store = opened
    probe = Probe(store, studies, 4, CPU)
    known = probe.measure(Brightness())
    assert known.keys() == {
        "knn_auroc_lvh",
        "linear_auroc_lvh",
        "knn_auroc_severe_as",
        "linear_auroc_severe_as",
    }
    assert known["linear_auroc_severe_as"] == 1
    assert probe.measure(Nothing()) == dict.fromkeys(known, 0.5)


def test_studies_without_a_label_are_left_out_and_a_task_of_one_class_is_not_probed(opened):
    studies, store = opened
    one_class = studies.assign(lvh=np.where(studies["split"] == "val", 1.0, studies["lvh"]))
    assert "knn_auroc_lvh" not in Probe(store, one_class, 4, CPU).measure(Brightness())
    represented = Probe(store, studies, 4, CPU)
    features, labels = represented._labelled(represented._represent(Brightness()), "lvh", "train")
    expected = studies[(studies["split"] == "train") & studies["lvh"].notna()]
    assert len(features) == len(labels) == len(expected)


def test_the_probe_is_scikit_learns_auroc_of_mean_representations(opened):
    studies, store = opened
    probe = Probe(store, studies, 4, CPU)
    represented = probe._represent(Brightness())
    val = studies[studies["split"] == "val"].set_index("study")
    score = auroc(val["severe_as"], (represented.loc[val.index, 0] / 2).clip(0, 1))
    assert probe.measure(Brightness())["linear_auroc_severe_as"] == score


def test_an_encoder_that_is_not_finite_is_not_probed(opened, caplog):
    studies, store = opened
    encoder = nn.Sequential(Brightness(), nn.Linear(2, 1))
    nn.init.constant_(encoder[1].weight, torch.inf)
    assert Probe(store, studies, 4, CPU).measure(encoder) == {}
    assert "not probed" in caplog.text


def test_batch_statistics_stay(opened):
    studies, store = opened
    encoder = R3D18(8).eval()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    Probe(store, studies, 4, CPU).measure(encoder)
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())
