import cv2
import numpy as np
import pandas as pd
import pytest
from intake_files import (
    COLUMNS,
    FRAMES,
    ROWS,
    Archive,
    compress,
    draw_sector,
    make_file,
    make_region,
)
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames
from pydicom.examples import get_path

from cineclr.config.echo import Clips, Deidentify
from cineclr.files import write_parquet
from cineclr.intake.echo.decode import Clip
from cineclr.intake.echo.deidentify import deidentify_echo
from cineclr.video.avi import Video, read_avi
from cineclr.video.clips import preprocess_clips
from cineclr.video.store import ClipStore

CANARIES = (b"DOE", b"JANE", b"MRN1234567", b"20190507", b"2019-05", b"Vivid E95 of Dr Roe")


def flowing(seed):
    rgb = np.repeat(draw_sector(seed)[..., None], 3, axis=3)
    rgb[:, 80:92, 84:96], rgb[:, 80:92, 96:108] = (230, 40, 20), (20, 60, 220)
    return compress(make_file(rgb))


def damaged(seed):
    dataset = compress(make_file(draw_sector(seed)))
    frames = [bytearray(frame) for frame in generate_frames(dataset.PixelData, number_of_frames=FRAMES)]
    frames[9] = frames[9][:300]
    dataset.PixelData = encapsulate([bytes(frame) for frame in frames])
    return dataset


def huge():
    """Return a clip whose decoding asks for more than a gigabyte."""
    frame = cv2.imencode(".jpg", np.zeros((8000, 8000), np.uint8))[1].tobytes()
    dataset = make_file(draw_sector(0), Rows=8000, Columns=8000, NumberOfFrames=40)
    dataset.SequenceOfUltrasoundRegions = [make_region((0, 0, 7999, 7999))]
    dataset.PixelData = encapsulate([frame] * 40)
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.50"
    return dataset


def regions(*items):
    return {"SequenceOfUltrasoundRegions": list(items)}


CASES = {
    "a huge": (huge, "decode_failed"),
    "b damaged frame": (lambda: damaged(1), "decode_failed"),
    "c jpeg": (lambda: compress(make_file(draw_sector(2))), "passed"),
    "d no region": (lambda: make_file(draw_sector(3), SequenceOfUltrasoundRegions=None), "no_region"),
    "e spectral": (lambda: make_file(draw_sector(4), **regions(make_region(space=3))), "not_2d"),
    "f beside m-mode": (
        lambda: make_file(draw_sector(5), **regions(make_region((0, 0, 9, 9), space=2), make_region())),
        "passed",
    ),
    "g flow region": (lambda: make_file(draw_sector(6), **regions(make_region(kind=2))), "colour_doppler"),
    "h flow": (lambda: flowing(7), "colour_doppler"),
    "i no time": (lambda: make_file(draw_sector(8), FrameTime=None), "no_frame_time"),
    "j rate": (lambda: make_file(draw_sector(9), FrameTime=None, CineRate=40), "passed"),
    "k black": (lambda: make_file(np.zeros((FRAMES, ROWS, COLUMNS), np.uint8)), "mask_failed"),
    "l frozen": (lambda: make_file(np.repeat(draw_sector(10)[:1], 20, axis=0)), "mask_failed"),
    "m too few": (lambda: make_file(draw_sector(11, 8)), "passed"),
    "z last": (lambda: make_file(draw_sector(12), ManufacturerModelName="Vivid E95 of Dr Roe"), "passed"),
}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """One run on all cases; a gigabyte of memory must do."""
    archive = Archive(tmp_path_factory.mktemp("intake") / "DOE")
    for name, (make, _) in CASES.items():
        dataset = make()
        dataset.StudyInstanceUID = f"1.2.{ord(name[0]) % 3}"
        archive.add(f"MRN1234567/{name}", dataset)
    assert set(archive.scan()) == {"passed"}
    return archive, archive.deidentify(memory_gb=1, seconds=60)


@pytest.mark.parametrize("name", CASES)
def test_every_clip_ends_in_its_bucket(done, name):
    assert done[1][f"MRN1234567/{name}"] == CASES[name][1]


def test_the_folder_holds_the_videos_of_the_manifest_and_nothing_else(done):
    archive, _ = done
    manifest = pd.read_parquet(archive.manifest)
    passed = manifest[manifest["code"] == "passed"]
    found = sorted(
        str(path.relative_to(archive.videos)) for path in archive.videos.rglob("*") if path.is_file()
    )
    assert found == sorted(passed["path"])
    assert passed["path"].tolist() == [
        f"{s}/{v}.avi" for s, v in zip(passed["study"], passed["video"], strict=True)
    ]
    assert passed["kept_fraction"].between(0.3, 0.9).all()
    assert manifest.loc[manifest["code"] != "passed", "path"].isna().all()


def test_nothing_of_a_header_or_a_path_leaves(done):
    archive, _ = done
    files = [path for path in archive.results.rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        data = path.read_bytes()
        text = pd.read_parquet(path).to_csv().encode() if path.suffix == ".parquet" else b""
        assert not [
            canary for canary in CANARIES if canary in data + text or canary in bytes(path.name, "utf8")
        ]


def test_text_outside_the_sector_is_black(done):
    archive, _ = done
    manifest = pd.read_parquet(archive.manifest)
    for path in manifest["path"].dropna():
        clip = read_avi(archive.videos / path)
        assert clip.shape[1:] == (116, 152)  # the region
        assert clip[:, :38, :44].max() <= 2  # where the birth year is burned in
        assert clip[:, 60:100, 60:90].max() > 60


def test_the_same_inputs_give_the_same_bytes(done):
    archive, _ = done
    before = {path: path.read_bytes() for path in archive.results.rglob("*") if path.is_file()}
    archive.deidentify(memory_gb=1, seconds=60)
    assert {path: path.read_bytes() for path in archive.results.rglob("*") if path.is_file()} == before


def preprocess(archive, **settings):
    """Keep every video's view and pack it; return the store and the manifest of clips."""
    manifest = pd.read_parquet(archive.manifest)
    views = archive.results / "views.parquet"
    write_parquet(manifest.loc[manifest["code"] == "passed", ["file", "study", "video", "code"]], views)
    frames, output = archive.results / "clips.npy", archive.results / "clips.parquet"
    preprocess_clips(archive.manifest, archive.videos, views, Clips(**settings), frames, output)
    return ClipStore.open([output], [frames]), pd.read_parquet(output)


def test_videos_are_resized_into_the_store_and_short_ones_counted_out(done):
    archive, codes = done
    store, table = preprocess(archive, size=56)
    assert len(table) == (codes == "passed").sum()
    assert table["code"].value_counts().to_dict() == {"passed": len(store), "too_short": 1}
    assert list(table.columns) == [
        *("file", "study", "video", "code", "offset", "frames", "real_frames", "fps", "sha256")
    ]
    row = store.videos.iloc[0]
    video = read_avi(archive.videos / row["study"] / f"{row['video']}.avi")
    expected = [cv2.resize(frame, (56, 56), interpolation=cv2.INTER_AREA) for frame in video]
    np.testing.assert_array_equal(store.clip(0, 0, FRAMES), expected)


REAL = {"ybr_color": 30, "color3d_jpeg_baseline": 120}


def real_file(name):
    found = get_path(name) if name == "ybr_color" else get_testdata_file(f"{name}.dcm", download=False)
    if found is None:
        pytest.skip("pydicom-data is not installed")
    return found


@pytest.mark.parametrize("name", REAL)
def test_a_real_echo_goes_from_dicom_to_clips(name, archive, tmp_path):
    source = real_file(name)
    archive.add("IM0", open(source, "rb").read())  # noqa: PTH123, SIM115
    assert archive.scan().to_list() == ["passed"]
    assert archive.deidentify().to_list() == ["passed"]
    row = pd.read_parquet(archive.manifest).iloc[0]
    video = Video(archive.videos / row["path"])
    assert (len(video), row["frames"]) == (REAL[name], REAL[name])
    assert video.fps == pytest.approx(1000 / 33.333)
    capture = cv2.VideoCapture(str(archive.videos / row["path"]))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == REAL[name]
    after = np.stack(list(video.read()))
    before = np.stack(list(Clip(archive.dicom / "IM0").grey()))
    scale = before.shape[1] // 240
    before = before[:, 15 * scale + scale // 2 :, 42 * scale :][:, : after.shape[1], : after.shape[2]]
    bright = (before.max(axis=0) > 60) & (np.arange(after.shape[2]) < 240 * scale)
    bright[: 14 * scale, 140 * scale :] = bright[-14 * scale :] = False  # the orientation mark, the depth
    assert (after.max(axis=0)[bright] > 40).mean() > 0.995
    assert after[:, : 7 * scale, 146 * scale :].max() <= 2
    picture = tmp_path / f"{name}.png"
    cv2.imwrite(str(picture), np.hstack([before[0], after[0]]))
    assert picture.stat().st_size > 1000
    store, _ = preprocess(archive)
    assert store.clip(0, 0, REAL[name]).shape == (REAL[name], 112, 112)


def test_colour_is_kept_on_request_and_limits_are_kept(archive):
    archive.add("flow", flowing(1))
    archive.add("long", make_file(draw_sector(2, 40)))
    archive.scan()
    assert archive.deidentify(keep_colour_doppler=True, max_frames=20).to_dict() == {
        "flow": "passed",
        "long": "implausible_size",
    }
    assert archive.deidentify(seconds=0.001).to_dict() == {"flow": "decode_failed", "long": "decode_failed"}
    assert not list(archive.videos.rglob("*"))


def test_a_shard_without_studies_is_an_empty_folder(archive):
    archive.add("f", make_file(draw_sector(1)))
    archive.scan()
    deidentify_echo(
        archive.private,
        archive.private / "index.parquet",
        1,
        Deidentify(text_gate=False),
        archive.videos,
        archive.manifest,
    )
    assert archive.videos.is_dir()
    assert len(pd.read_parquet(archive.manifest)) == 0
    store, table = preprocess(archive)
    assert (len(store), len(table), store.size) == (0, 0, (112, 112))
