"""Text burned into clips: what the mask removes, what the gate finds, how often it is wrong, what it costs.

    python benchmarks/text_gate.py             # 500 texts each: about 8 minutes on one core
    python benchmarks/text_gate.py --texts 50

The gate's rule (three letters or digits, text_score) was set on other texts than these: `burned_in` draws
from the seed, and the seeds below were not looked at before.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from pydicom.data import get_testdata_file
from pydicom.examples import get_path

from cineclr.config.echo import Deidentify
from cineclr.demo.burned_in import (
    Burned,
    burn_inside,
    burn_outside,
    draw_example,
    is_found,
    is_gone,
    share_left,
)
from cineclr.demo.plan import FULL_SCREENS, SCREENS
from cineclr.intake.echo.decode import Clip
from cineclr.intake.echo.mask import apply_mask, choose_region, find_sector
from cineclr.intake.residual_text.gate import TextGate
from cineclr.intake.residual_text.pictures import draw_pictures
from cineclr.intake.triage import examine

SETTINGS = Deidentify()
CONTRASTS = (15, 30, 60, 90, 130, 180)
FIRST_SEED = 100_000
PAPERS_VIDEOS = 447_653


def take(texts: int, make: Callable[[int], Burned]) -> Iterator[Burned]:
    """Yield clips until they hold so many texts."""
    seed = FIRST_SEED
    while texts > 0:
        burned = make(seed)
        seed, texts = seed + 1, texts - len(burned.texts)
        if burned.texts:
            yield burned


def masking(texts: int) -> None:
    gone, light, left = [], [], []
    for burned in take(texts, lambda seed: burn_outside(seed, only_sector=False)):
        mask = find_sector(burned.clip, SETTINGS)
        if mask is None:
            raise SystemExit("an example has no mask")
        for text in burned.texts:
            gone.append(is_gone(text, burned.sector, mask))
            light.append(text.is_light)
            left.append(share_left(text, mask))
    print(
        f"outside the sector, masked: {sum(gone)} of {len(gone)} gone ({sum(light)} light, the rest dark); "
        f"of {sum(share > 0.1 for share in left)} more than a tenth of the ink is left, most {max(left):.3f}",
        flush=True,
    )


def search(name: str, gate: TextGate, clips: Iterator[Burned]) -> None:
    found = []
    for burned in clips:
        hits = gate.find_text(draw_pictures(burned.clip, SETTINGS.text_frames))
        found += [is_found(text, hits) for text in burned.texts]
    print(f"{name}: {sum(found)} of {len(found)} found", flush=True)


def outside(texts: int, gate: TextGate) -> None:
    clips = take(texts, lambda seed: burn_outside(seed, only_sector=True))
    search("outside the sector, left unmasked", gate, clips)


def inside(texts: int, gate: TextGate) -> None:
    for contrast in CONTRASTS:
        make = partial(burn_inside, contrast=contrast)
        clips = take(texts // len(CONTRASTS) + 1, make)
        search(f"inside the sector, {contrast:3} grey levels from it", gate, clips)


def real_clips() -> Iterator[np.ndarray]:
    for path in (get_path("ybr_color"), get_testdata_file("color3d_jpeg_baseline.dcm", download=False)):
        header = examine(Path(str(path)), by_accession=False).header
        region = header and choose_region(header.regions, header.rows or 0, header.columns or 0)
        if not region:
            raise SystemExit("a real example has no region")
        box = np.s_[region.y0 : region.y1 + 1, region.x0 : region.x1 + 1]
        yield np.stack([frame[box] for frame in Clip(Path(str(path))).grey()])


def clean(clips: int, gate: TextGate) -> None:
    """Count false alarms on clips without text, and time the gate."""
    sources = {
        "real": real_clips(),
        "demo, full size": (draw_example(500 + k, FULL_SCREENS[k % 2])[0] for k in range(clips // 4)),
        "demo, small": (draw_example(700 + k, SCREENS[k % 4])[0] for k in range(clips)),
    }
    for name, source in sources.items():
        alarms, took = [], []
        for clip in source:
            mask = find_sector(clip, SETTINGS)
            if mask is None:
                continue
            masked = clip.copy()
            apply_mask(masked, mask)
            start = time.process_time()
            alarms.append(bool(gate.find_text(draw_pictures(masked, SETTINGS.text_frames))))
            took.append(time.process_time() - start)
        hours = np.median(took) * PAPERS_VIDEOS / 3600
        print(
            f"no text, {name}: {sum(alarms)} of {len(alarms)} false alarms; {np.median(took):.2f} CPU s "
            f"a clip, {PAPERS_VIDEOS:,} such clips: {hours:.0f} core-hours",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=500)
    texts = parser.parse_args().texts
    cv2.setNumThreads(1)
    gate = TextGate(SETTINGS.text_score)
    outside(texts, gate)
    inside(texts, gate)
    masking(texts)
    clean(max(texts // 5, 8), gate)


if __name__ == "__main__":
    main()
