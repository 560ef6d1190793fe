"""Series mapped to views: name, geometry and the user's sheet together."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cineclr.config import DemoCmr
from cineclr.config.cmr import VIEWS, SeriesViews
from cineclr.demo.cmr.patients import draw_studies
from cineclr.demo.cmr.series import plan_series
from cineclr.errors import InputError
from cineclr.intake.cmr.slices import TO_APEX
from cineclr.views.series import AGREED, CONTRADICTED, LIKELY, STILL, across_apex, map_one, map_series

ENOUGH = SeriesViews().min_confidence
UNKNOWN = "[]"


def plane_with_normal(cosine: float) -> str:
    """Return a plane whose normal makes this cosine with the usual direction from base to apex."""
    beside = np.array([1.0, 1.0, 0.0]) / np.sqrt(2)  # at a right angle to that direction
    normal = cosine * TO_APEX + np.sqrt(1 - cosine**2) * beside
    row = np.cross(normal, [0.3, 0.5, 0.8])
    row /= np.linalg.norm(row)
    return json.dumps([*row, *np.cross(normal, row)])


ACROSS, ALONG = plane_with_normal(0.97), plane_with_normal(0.1)


def make_series(description: str, **changes: object) -> dict[str, object]:
    """Return a row as index-cmr describes a series: a short-axis stack of cines."""
    known = {"description": description, "orientation": ACROSS, "phases": 25, "slices": 10}
    return known | {"parallel": True, "derived": False} | changes


def map_name(
    description: str, sheet: dict[str, str] | None = None, **changes: object
) -> tuple[str, float, str]:
    return tuple(map_one(make_series(description, **changes), sheet or {}))


def test_name_and_geometry_agree():
    assert map_name("CINE_SAX") == ("SAX", AGREED, "both")
    assert map_name("FIESTA 4CH", orientation=ALONG, slices=1) == ("4CH", AGREED, "both")


def test_geometry_makes_up_for_a_faint_name():
    assert map_name("SAX_trufi") == ("SAX", LIKELY, "both")
    assert map_name("SAX_trufi", orientation=UNKNOWN)[1] < ENOUGH
    assert LIKELY >= ENOUGH


def test_without_geometry_the_name_decides():
    assert map_name("CINE_SAX", orientation=UNKNOWN) == ("SAX", 0.8, "name")


def test_a_contradiction_is_too_little():
    assert map_name("CINE_SAX", orientation=ALONG) == ("SAX", CONTRADICTED, "name")
    assert map_name("CINE_4CH", orientation=ACROSS) == ("4CH", CONTRADICTED, "name")
    assert CONTRADICTED < ENOUGH


@pytest.mark.parametrize("changes", [{"phases": 1}, {"phases": 7}, {"derived": True}])
def test_what_does_not_move_is_no_cine_whatever_its_name(changes):
    view, confidence, _ = map_name("CINE_SAX", **changes)
    assert (view, confidence) == ("SAX", STILL)
    assert map_name("series 7", **changes) == ("", 0.0, "none")


def test_a_stack_across_the_heart_is_a_short_axis_whatever_its_name():
    view, confidence, by = map_name("series 7")
    assert (view, by) == ("SAX", "geometry")
    assert confidence >= ENOUGH


@pytest.mark.parametrize(
    "changes",
    [
        *({"slices": 4}, {"parallel": False}),
        *({"orientation": plane} for plane in (ALONG, UNKNOWN, plane_with_normal(0.7))),
    ],
)
def test_geometry_alone_must_be_unmistakable(changes):
    assert map_name("series 7", **changes) == ("", 0.0, "none")


@pytest.mark.parametrize("name", ["Perfusion", "T1 map", "RV stack", "axial cine"])
def test_geometry_does_not_overrule_a_name_of_something_else(name):
    assert map_name(name) == ("", 0.0, "none")


def test_the_users_sheet_wins_over_everything():
    sheet = {"ventrikel lang": "2CH", "cine_sax": "none"}
    assert map_name("Ventrikel LANG", sheet, orientation=ACROSS, phases=1) == ("2CH", 1.0, "sheet")
    assert map_name("CINE_SAX", sheet) == ("", 0.0, "sheet")
    assert map_name("CINE_SAX 2", sheet) == ("SAX", AGREED, "both")  # names are compared as a whole


@given(st.floats(0, 1))
def test_the_cosine_of_a_plane_ignores_its_side(cosine):
    plane = np.array(json.loads(plane_with_normal(cosine)))
    turned = json.dumps([*plane[3:], *plane[:3]])
    assert across_apex(json.dumps(plane.tolist())) == pytest.approx(cosine, abs=1e-6)
    assert across_apex(turned) == pytest.approx(cosine, abs=1e-6)


def test_series_of_synthetic_examinations_are_mapped_rightly():
    settings = DemoCmr(patients=120)
    rng = np.random.default_rng(5)
    right, false, with_view, without = 0, 0, 0, 0
    for study in draw_studies(settings, seed=5):
        for series in plan_series(study, settings, rng):
            plane = series.planes[0]
            orientation = json.dumps([*plane.row.tolist(), *plane.column.tolist()])
            row = make_series(
                series.name,
                orientation=orientation,
                phases=series.frames,
                slices=len(series.planes),
                parallel="PL_" not in series.name and "SURVEY" not in series.name,
            )
            view, confidence, _ = map_one(row, {})
            found = view if confidence >= ENOUGH else ""
            with_view += series.view is not None
            without += series.view is None
            right += series.view is not None and found == series.view
            false += series.view is None and found != ""
    assert with_view > 500
    assert without > 200
    assert right / with_view >= 0.98
    assert false / without <= 0.01


class Wing:
    """A private side with the series of a few studies, and the user's sheet."""

    def __init__(self, folder, sheet: str | None = None) -> None:
        self.folder = folder
        cmr = {"dicom": [str(folder)], "sheet": "sheet.csv", "reports": "reports.csv"}
        if sheet is not None:
            (folder / "views.csv").write_text(sheet)
            cmr["series_views"] = str(folder / "views.csv")
        (folder / "sources.yaml").write_text(yaml.safe_dump({"cmr": cmr}))
        names = ["CINE_SAX", "FIESTA 4CH", "Ventrikel lang", "Ventrikel lang", "T1 map", "SAX_trufi"]
        planes = [ACROSS, ALONG, ALONG, ALONG, ACROSS, UNKNOWN]
        slices = [10, 1, 1, 1, 3, 10]
        rows = [
            make_series(name, orientation=plane, slices=count)
            | {"cine": f"C{n}", "study": "S1", "study_shard": 0}
            for n, (name, plane, count) in enumerate(zip(names, planes, slices, strict=True))
        ]
        pd.DataFrame(rows).to_parquet(folder / "series.parquet")

    def run(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        output, unmapped = self.folder / "views.parquet", self.folder / "unmapped.csv"
        map_series(self.folder, self.folder / "series.parquet", SeriesViews(), [output], unmapped)
        return pd.read_parquet(output), pd.read_csv(unmapped, keep_default_na=False)


def test_every_series_gets_a_row_and_the_unsure_are_counted_by_name(tmp_path):
    views, unmapped = Wing(tmp_path).run()
    assert views["cine"].tolist() == [f"C{n}" for n in range(6)]
    assert views["view"].tolist() == ["SAX", "4CH", "", "", "", "SAX"]
    assert unmapped["series_description"].tolist() == ["Ventrikel lang", "SAX_trufi", "T1 map"]
    assert unmapped["series"].tolist() == [2, 1, 1]
    assert unmapped["guess"].tolist() == ["", "SAX", ""]
    assert set(unmapped["view"]) == {""}


def test_the_filled_list_of_names_is_the_sheet(tmp_path):
    _, unmapped = Wing(tmp_path).run()
    unmapped["view"] = ["2ch", "none", ""]
    views, rest = Wing(tmp_path, unmapped.to_csv(index=False)).run()
    assert views["view"].tolist() == ["SAX", "4CH", "2CH", "2CH", "", ""]
    assert views["by"].tolist() == ["both", "both", "sheet", "sheet", "none", "sheet"]
    assert views.loc[2, "confidence"] == 1
    assert "Ventrikel lang" not in set(rest["series_description"])


def test_mistakes_in_the_sheet_are_named_by_row_and_not_quoted(tmp_path):
    with pytest.raises(InputError, match="series_views, row 3: column view must be one of 4CH") as caught:
        Wing(tmp_path, "series_description,view\nx,SAX\nSMITH cine,5CH\n").run()
    assert "SMITH" not in str(caught.value)
    with pytest.raises(InputError, match="no column 'view'"):
        Wing(tmp_path, "series_description,name\nx,SAX\n").run()


def test_all_views_are_reachable():
    long = {"orientation": ALONG, "slices": 1}
    assert [map_name(f"cine {view}", **({} if view == "SAX" else long))[0] for view in VIEWS] == list(VIEWS)
