"""Order of slices and frames, as the scanners of real hospitals leave it to be found."""

from dataclasses import replace

import numpy as np
import pytest
from cmr_files import (
    GAP,
    LAX,
    PHASES,
    SAX,
    STEP,
    Cine,
    CmrArchive,
    change,
    decode_in_process,
    draw_frame,
    make_enhanced,
    rising,
)
from pydicom.uid import generate_uid

from cineclr.intake.cmr.slices import TO_APEX
from cineclr.ledger import PASSED


@pytest.fixture
def archive(tmp_path, monkeypatch):
    decode_in_process(monkeypatch)
    return CmrArchive(tmp_path)


def all_passed(codes):
    return set(codes) == {PASSED}


def test_a_stack_is_stored_with_its_places_and_times(archive):
    stack = Cine(slices=4)
    archive.add_cine(stack)
    assert all_passed(archive.run())
    pixels, attributes = archive.view()
    assert archive.order() == rising(4)
    assert pixels.shape == (4, PHASES, 32, 32)
    assert pixels.dtype == np.uint8
    np.testing.assert_allclose(attributes["position_mm"], [stack.position(n) for n in range(4)], atol=1e-3)
    np.testing.assert_allclose(attributes["frame_time_ms"], STEP)
    np.testing.assert_allclose(attributes["pixel_spacing_mm"], 1.5)
    assert attributes["order"] == "base_to_apex"
    assert pixels[2, 3, 12, 12] == 20 + 10 * 2  # grey for grey: the frames hold 0 and 255


@pytest.mark.parametrize("numbering", ["phase by phase", "random"])
@pytest.mark.parametrize("location", [True, False])
def test_instance_numbers_and_slice_location_do_not_matter(archive, numbering, location):
    stack = Cine(slices=3)
    numbers = np.random.default_rng(0).permutation(3 * PHASES) + 1
    for number, phase, dataset in stack.files():
        at = phase * 3 + number + 1 if numbering == "phase by phase" else numbers[number * PHASES + phase]
        change(dataset, InstanceNumber=int(at), **({"SliceLocation": "17"} if location else {}))
        archive.add(f"IM{at:03d}", dataset)
    assert all_passed(archive.run())
    assert archive.order() == rising(3)


def test_a_stack_from_apex_to_base_is_turned_around(archive):
    """The sign of the normal, and the order of numbers, are those of a stack prescribed from the apex."""
    row, column = SAX
    archive.add_cine(Cine(slices=4, plane=(column, row)))  # its normal is from apex to base
    archive.run()
    assert [frames[0][0] for frames in archive.order()] == [3, 2, 1, 0]
    attributes = archive.view()[1]
    assert attributes["order"] == "base_to_apex"
    np.testing.assert_allclose(np.diff(attributes["position_mm"]), -GAP, atol=1e-3)


def test_numbers_decide_where_trigger_times_are_absent(archive):
    archive.add_cine(Cine(slices=3), TriggerTime=None)
    archive.run()
    assert archive.order() == rising(3)
    assert np.isnan(archive.view()[1]["frame_time_ms"]).all()


def test_numbers_decide_where_trigger_times_are_all_the_same(archive):
    archive.add_cine(Cine(slices=3), TriggerTime="0")
    archive.run()
    assert archive.order() == rising(3)


def test_temporal_positions_stand_in_for_trigger_times(archive):
    for number, phase, dataset in Cine(slices=2).files():
        change(dataset, TriggerTime=None, TemporalPositionIdentifier=phase + 1, InstanceNumber=50 - phase)
        archive.add(f"{number}_{phase}", dataset)
    archive.run()
    assert archive.order() == rising(2)
    assert np.isnan(archive.view()[1]["frame_time_ms"]).all()  # numbers of phases are no milliseconds


def test_a_trigger_time_that_occurs_twice_parts_nothing(archive):
    """Retrospective gating rounds times: two neighbours may share one."""
    for number, phase, dataset in Cine(slices=2).files():
        archive.add(f"{number}_{phase}", change(dataset, TriggerTime=f"{STEP * (phase - (phase == 4)):g}"))
    archive.run()
    assert archive.order() == rising(2)


def test_a_run_that_begins_in_mid_beat_is_one_slice(archive):
    for number, phase, dataset in Cine(slices=2).files():
        at = (phase + PHASES // 2) % PHASES
        archive.add(f"{number}_{phase}", change(dataset, InstanceNumber=number * PHASES + at + 1))
    archive.run()
    assert archive.order() == rising(2)


@pytest.mark.parametrize("longer", [0.0, 3.0])
def test_two_acquisitions_of_a_slice_in_one_series_are_not_mixed(archive, longer):
    """In the second, later one (told as slices 2 and 3) the heart may beat a little slower."""
    twice = Cine(slices=2)
    for again in (0, 1):
        for number, phase, dataset in twice.files():
            dataset.InstanceNumber += 100 * again
            dataset.TriggerTime = f"{phase * (STEP + longer * again):g}"
            if again:
                dataset.PixelData = draw_frame(number + 2, phase).tobytes()
            archive.add(f"{again}_{number}_{phase}", change(dataset, SOPInstanceUID=generate_uid()))
    codes = archive.run()
    assert archive.order() == rising(4)[2:]
    assert set(codes[codes.index.str.startswith("0")]) == {"repeated"}
    assert set(codes[codes.index.str.startswith("1")]) == {PASSED}


def test_beats_of_a_real_time_series_are_not_mixed(archive):
    """Trigger times start again with each beat; the last beat is cut off."""
    for beat, phases in enumerate((PHASES, PHASES, 4)):
        for _, phase, dataset in Cine(slices=1, phases=phases).files():
            change(dataset, InstanceNumber=beat * PHASES + phase + 1, SeriesInstanceUID="1.2.3")
            if beat == 1:
                dataset.PixelData = draw_frame(1, phase).tobytes()
            archive.add(f"{beat}_{phase}", dataset)
    codes = archive.run()
    assert archive.order() == rising(2)[1:]
    assert codes.value_counts().to_dict() == {"repeated": PHASES, PASSED: PHASES, "duplicate_pixels": 4}


def test_a_repeated_series_replaces_the_earlier_one(archive):
    first, second = Cine(slices=2, number=9), Cine(slices=2, number=4, gap=GAP)
    archive.add_cine(first, AcquisitionTime="101500")
    for number, phase, dataset in second.files():  # later, though its number is lower
        change(dataset, AcquisitionTime="102000.5", TriggerTime=f"{phase * STEP + 1:g}")
        archive.add(f"4/{number}_{phase}", dataset)
    codes = archive.run()
    assert codes.groupby(codes.index.str[0]).agg(set).to_dict() == {"4": {PASSED}, "9": {"repeated"}}


def test_the_earlier_acquisition_stays_where_the_later_cannot_be_decoded(archive):
    archive.add_cine(Cine(slices=1, number=1))
    for _, phase, dataset in Cine(slices=1, number=2).files():
        dataset.TriggerTime, dataset.SamplesPerPixel = f"{phase * STEP + 1:g}", 3
        dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
        dataset.PixelData = dataset.PixelData * 3
        archive.add(f"2/{phase}", dataset)
    codes = archive.run()
    assert codes.groupby(codes.index.str[0]).agg(set).to_dict() == {"1": {PASSED}, "2": {"decode_failed"}}
    assert archive.order() == rising(1)


def test_a_stack_split_over_series_is_one(archive):
    """A series for each slice, or a second series after a pause; a gap where a slice is missing."""
    for number, start in enumerate((20, 0, 50)):
        archive.add_cine(Cine(slices=1 if number else 2, number=number + 1, start=start, name="SA cine"))
    assert all_passed(archive.run())
    places = archive.view()[1]["position_mm"]
    np.testing.assert_allclose(np.diff(places), [20, 10, 20], atol=1e-3)
    assert len(set(archive.view()[1]["series"])) == 3


def test_rounded_orientations_do_not_part_a_slice(archive):
    for number, phase, dataset in Cine(slices=2).files():
        values = np.array([float(value) for value in dataset.ImageOrientationPatient])
        values[0] += 4e-5 * (phase % 2)
        dataset.ImageOrientationPatient = [f"{value:.6f}" for value in values]
        archive.add(f"{number}_{phase}", dataset)
    assert all_passed(archive.run())
    assert archive.order() == rising(2)


def test_planes_of_other_directions_are_slices_of_their_own(archive):
    """A radial series: planes that share a point, and their distance from the origin."""
    for number in range(3):
        turned = np.cos(0.4 * number) * LAX[1] + np.sin(0.4 * number) * np.cross(TO_APEX, LAX[1])
        plane = Cine(slices=1, name="4CH cine", plane=(TO_APEX, turned))
        for _, phase, dataset in plane.files():
            dataset.SeriesInstanceUID = "1.2.3"
            dataset.ImagePositionPatient = ["0", "0", "0"]
            dataset.InstanceNumber += number * PHASES
            dataset.PixelData = draw_frame(number, phase).tobytes()
            archive.add(f"{number}_{phase}", dataset)
    assert all_passed(archive.run())
    assert sorted(archive.order("4CH")) == rising(3)


def test_times_that_start_again_part_slices_without_positions(archive):
    archive.add_cine(Cine(slices=3), ImagePositionPatient=None, CardiacNumberOfImages=None)
    assert all_passed(archive.run())
    assert archive.order() == rising(3)
    assert archive.view()[1]["order"] == "instance"


def test_phase_by_phase_numbers_without_positions(archive):
    for number, phase, dataset in Cine(slices=3).files():
        change(dataset, ImagePositionPatient=None, InstanceNumber=phase * 3 + number + 1)
        archive.add(f"{number}_{phase}", dataset)
    archive.run()
    assert archive.order() == rising(3)


def test_number_of_phases_parts_slices_without_positions_and_times(archive):
    archive.add_cine(Cine(slices=3), ImagePositionPatient=None, TriggerTime=None)
    archive.run()
    assert archive.order() == rising(3)


def test_slice_location_stands_in_for_the_position(archive):
    for number, phase, dataset in Cine(slices=3).files():
        change(dataset, ImagePositionPatient=None, SliceLocation=f"{(2 - number) * 8:g}")
        archive.add(f"{number}_{phase}", dataset)
    archive.run()
    assert archive.order() == rising(3)[::-1]
    np.testing.assert_allclose(archive.view()[1]["position_mm"], [0, 8, 16])


@pytest.mark.parametrize("times", [True, False])
@pytest.mark.parametrize("order", ["slice by slice", "phase by phase", "random"])
def test_an_enhanced_object_holds_all_slices(archive, order, times):
    """Case 21: a 4-D stack in one object, in the order of either dimension."""
    frames = [(number, phase) for number in range(3) for phase in range(PHASES)]
    if order == "phase by phase":
        frames.sort(key=lambda one: one[::-1])
    if order == "random":
        frames = [frames[at] for at in np.random.default_rng(1).permutation(len(frames))]
    archive.add("stack", make_enhanced(Cine(), frames, times))
    assert all_passed(archive.run())
    assert archive.order() == rising(3)
    attributes = archive.view()[1]
    np.testing.assert_allclose(attributes["intensity_high"], 2 * 255)  # the slope of all frames
    np.testing.assert_allclose(attributes["pixel_spacing_mm"], 1.5)


def test_a_file_that_holds_a_cine_and_a_still_has_passed(archive):
    first, second, third = rising(3)
    archive.add("stack", make_enhanced(Cine(), [*first[:2], *second, *third]))
    assert all_passed(archive.run())
    assert archive.order() == [second, third]


def test_files_of_a_study_lie_in_several_folders_and_shards(archive):
    for number, phase, dataset in Cine().files():
        archive.add(f"disk {phase % 3}/{number}_{phase}", dataset)
    archive.run(shards=3)
    assert archive.order() == rising(3)


def test_slices_of_few_and_of_too_many_frames_are_set_aside(archive):
    archive.add_cine(Cine(slices=2))
    archive.add_cine(replace(Cine(slices=1, number=2, phases=5), start=500))
    archive.add_cine(replace(Cine(slices=1, number=3, phases=12), start=700))
    codes = archive.run(max_frames=PHASES)
    by_series = codes.groupby(codes.index.str[0]).agg(set).to_dict()
    assert by_series == {"1": {PASSED}, "2": {"no_view"}, "3": {"implausible_size"}}
    assert archive.order() == rising(2)
