"""The text gate on drawn text, and what the mask leaves of text around the sector."""

import importlib

import numpy as np
import pytest
from intake_files import draw_sector

from cineclr.config.echo import Deidentify
from cineclr.demo.burned_in import burn_inside, burn_outside, draw_example, is_found, is_gone, share_left
from cineclr.demo.lettering import FACES, burn, render
from cineclr.demo.plan import SCREENS
from cineclr.errors import InputError
from cineclr.intake.echo.mask import apply_mask, find_sector
from cineclr.intake.residual_text import gate as gate_module
from cineclr.intake.residual_text.gate import TextGate
from cineclr.intake.residual_text.pictures import draw_pictures

SETTINGS = Deidentify()


@pytest.fixture(scope="module")
def gate():
    return TextGate(SETTINGS.text_score)


def find(gate, clip):
    return gate.find_text(draw_pictures(clip, SETTINGS.text_frames))


def count_found(gate, clips):
    """Return how many of the texts in clips are found, and how many there are."""
    found = [
        is_found(text, hits) for clip in clips for hits in [find(gate, clip.clip)] for text in clip.texts
    ]
    return sum(found), len(found)


def check_masking(clips):
    texts = 0
    for burned in (burn_outside(seed, only_sector=False) for seed in range(clips)):
        mask = find_sector(burned.clip, SETTINGS)
        everything = np.full(mask.shape, 255, np.uint8)
        for text in burned.texts:
            assert is_gone(text, burned.sector, mask)
            assert share_left(text, mask) < 0.1
            assert not is_gone(text, burned.sector, everything)
        texts += len(burned.texts)
    return texts


def test_text_beside_the_sector_is_gone_after_masking():
    """Case 6: light and dark text of many sizes and faces, a small number of them."""
    assert check_masking(clips=5) >= 20


@pytest.mark.full
def test_500_texts_beside_the_sector_are_gone_after_masking():
    """Case 6: 500 texts, none left."""
    assert check_masking(clips=106) >= 500


def test_text_left_beside_the_sector_is_found(gate):
    """As if masking had failed for it: text in the black around the sector."""
    found, texts = count_found(gate, [burn_outside(seed, only_sector=True) for seed in (5000, 5001)])
    assert texts >= 8
    assert found >= texts - 1


@pytest.mark.full
def test_95_per_cent_of_500_texts_left_beside_the_sector_are_found(gate):
    """As if masking had failed for them."""
    found, texts = count_found(gate, (burn_outside(seed, only_sector=True) for seed in range(106)))
    assert texts >= 500
    assert found >= 0.95 * texts


def test_strong_text_inside_the_sector_is_found_and_boxed(gate):
    """Case 7: where the mask cannot help; weaker text may be missed (see `benchmarks/text_gate.py`)."""
    found, texts = count_found(gate, [burn_inside(seed, 150) for seed in (5000, 5001)])
    assert texts >= 4
    assert found >= texts - 1
    clip = burn_inside(5002, 150, texts=1)
    hit = max(find(gate, clip.clip), key=lambda one: one.score)
    rows, columns = np.nonzero(clip.texts[0].ink)
    assert hit.x0 - 6 <= columns.min()
    assert hit.x1 + 6 >= columns.max()
    assert hit.y0 - 6 <= rows.min()
    assert hit.y1 + 6 >= rows.max()
    assert 0.6 <= hit.score <= 1


def test_text_as_bright_as_the_speckle_shows_in_the_range_over_time():
    """Case 7: it is in no frame to be seen, but it alone stands still."""
    clip = draw_sector(3, 24)
    cover = render("MRN 4711", "simplex", 12)
    burn(clip, cover, 64, 84, float(clip[:, 84:96, 64:120].mean()))
    darkest, brightest, span = draw_pictures(clip, 0)
    ink = np.zeros(clip.shape[1:], bool)
    ink[84 : 84 + cover.shape[0], 64 : 64 + cover.shape[1]] = cover > 0.9
    around = np.zeros_like(ink)
    around[80:104, 60:130] = True
    assert span[ink].mean() < 0.2 * span[around & ~ink].mean()
    assert ((brightest - darkest) == span).all()


@pytest.mark.parametrize("seed", range(4))
def test_a_clip_without_text_passes(gate, seed):
    clip, _ = draw_example(seed, SCREENS[seed])
    mask = find_sector(clip, SETTINGS)
    masked = clip.copy()
    apply_mask(masked, mask)
    assert find(gate, masked) == []


def test_one_or_two_characters_are_no_text(gate):
    """Scanners mark the side of the probe and the focus; specks of speckle read as single characters."""
    for words, expected in (("V", False), ("P4", False), ("P4 1950", True)):
        picture = np.zeros((1, 240, 320), np.uint8)
        burn(picture, render(words, "DejaVuSans", 16), 100, 100, 220)
        assert bool(gate.find_text(picture)) == expected, words


def test_all_faces_and_small_letters_are_found(gate):
    pictures = np.zeros((len(FACES), 400, 600), np.uint8)
    for number, face in enumerate(FACES):
        burn(pictures[number : number + 1], render("JONES 1950-02-03", face, 9), 60 + 20 * number, 150, 180)
    assert {hit.picture for hit in gate.find_text(pictures)} == set(range(len(FACES)))


def test_without_the_reader_nothing_starts(monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(gate_module.importlib, "import_module", absent)
    with pytest.raises(InputError, match="rapidocr or onnxruntime is not installed"):
        TextGate(0.6)


def test_models_that_are_missing_are_not_fetched(monkeypatch, tmp_path):
    rapidocr = importlib.import_module("rapidocr")
    monkeypatch.setattr(rapidocr, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(InputError, match="0 models of kind det"):
        TextGate(0.6)


def test_models_that_find_nothing_are_refused(monkeypatch):
    monkeypatch.setattr(gate_module, "SELF_TEST", "")
    with pytest.raises(InputError, match="do not work here"):
        TextGate(0.6)
