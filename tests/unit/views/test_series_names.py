"""Views by the names of series: wild names, those of the synthetic hospital, and a sample of real ones."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from series_wild import NAMES

from cineclr.config.cmr import VIEWS, SeriesViews
from cineclr.demo.cmr.series import DISTRACTORS
from cineclr.demo.cmr.series import NAMES as SYNTHETIC
from cineclr.views.series_names import BARE, FAINT, SURE, excludes, plain_words, view_of_name

SAMPLE = Path(__file__).resolve().parents[4] / "shared" / "samples" / "cmr_series_descriptions.csv"
ENOUGH = SeriesViews().min_confidence


def tell(name: str) -> str:
    """Return the view that is taken from a name alone; "" for none."""
    view, confidence = view_of_name(name)
    return view if view and confidence >= ENOUGH else ""


@pytest.mark.parametrize("view", NAMES)
def test_wild_names_tell_their_view_or_none(view):
    assert {name: tell(name) for name in NAMES[view] if tell(name) != view} == {}


def test_names_of_the_synthetic_hospital():
    expected = {
        name: view for vendor in SYNTHETIC.values() for view, names in vendor.items() for name in names
    }
    # Single-shot or cine: these need the geometry, see test_series_mapping.
    faint = {name for name in expected if view_of_name(name)[1] == FAINT}
    assert faint == {"LVOT_3ch_trufi", "SA_stack_trufi"}
    assert {name for name, view in expected.items() if view_of_name(name)[0] != view} == set()
    assert {name for name in DISTRACTORS if view_of_name(name)[0]} == set()


@pytest.mark.skipif(not SAMPLE.is_file(), reason="the sample of real names is not at hand")
def test_rates_on_real_names():
    names = pd.read_csv(SAMPLE, keep_default_na=False)
    found = names["series_description"].map(tell)
    shown = names["view"] != ""
    right = names.loc[shown & (found == names["view"]), "count"].sum() / names.loc[shown, "count"].sum()
    false = names.loc[~shown & (found != ""), "count"].sum() / names.loc[~shown, "count"].sum()
    wrong = shown & (found != "") & (found != names["view"])
    print(f"right {right:.4f}, false {false:.4f}")
    assert right >= 0.95
    assert false <= 0.01
    assert not wrong.any()


@pytest.mark.parametrize(
    ("name", "confidence"),
    [
        ("CINE_SAX", SURE),
        ("4CH_FIESTA_BH", SURE),
        ("SAX_b1", BARE),
        ("4-chamber", BARE),
        ("trufi_sax", FAINT),
    ],
)
def test_confidence_falls_with_what_the_name_leaves_open(name, confidence):
    assert view_of_name(name)[1] == confidence


def test_a_name_of_two_views_tells_none():
    assert view_of_name("cine 2CH 4CH") == (None, 0.0)
    assert view_of_name("CINE SAX and 4CH") == (None, 0.0)


def test_a_stack_of_long_axis_slices_holds_more_than_the_view():
    assert view_of_name("CINE_4CH_STACK")[1] == FAINT
    assert view_of_name("CINE_SAX_STACK")[1] == SURE


def test_words_are_parted_alike_however_they_are_written():
    assert plain_words("Ciné__SA-B1 (10 sl.)") == "cine sa b1 10 sl"
    assert plain_words("DefineLongaxis") == "define longaxis"
    assert excludes("4CH_FIESTA_BH_#2")


@given(
    st.sampled_from([name for view in VIEWS for name in NAMES[view]]),
    st.sampled_from(["_", " ", "-", "  ", "."]),
)
def test_case_and_separators_do_not_matter(name, separator):
    written = separator.join(plain_words(name).split(" "))
    assert tell(written) == tell(written.upper()) == tell(name)


@given(st.sampled_from(NAMES["SAX"]), st.sampled_from(["LGE", "scout", "T1 map", "perfusion", "RV", "flow"]))
def test_a_word_of_something_else_wins(name, word):
    assert tell(f"{name} {word}") == tell(f"{word}_{name}") == ""


@given(st.text(max_size=64))
def test_any_text_is_read_and_none_means_no_confidence(text):
    view, confidence = view_of_name(text)
    assert (view is None) == (confidence == 0)
    assert view is None or view in VIEWS
