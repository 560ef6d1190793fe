"""Contact sheets: pages for a browser that hold their pictures in themselves, for the private side only."""

import base64
import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cineclr.private import write_private

PER_PAGE = 200  # clips: a page of some 20 MB
QUALITY = 90  # of the JPEG pictures on the page

STYLE = (
    "body{font:14px sans-serif;margin:1.5em;background:#fff;color:#222}"
    "figure{margin:0 0 1.5em;border-top:1px solid #bbb;padding-top:.6em}"
    "img{max-width:100%;background:#000}figcaption{font-family:monospace;margin-bottom:.3em}"
)


@dataclass(frozen=True)
class Card:
    """One clip on a sheet: what stands above it, and its picture, uint8 (H, W) or BGR (H, W, 3)."""

    caption: str
    picture: np.ndarray


def write_sheet(folder: Path, name: str, title: str, note: str, cards: Iterator[Card], count: int) -> None:
    """Write `count` cards as <name>_1.html, <name>_2.html ..., and remove the pages of an earlier sheet."""
    for old in folder.glob(f"{name}_*.html"):
        old.unlink()
    pages = max(1, -(-count // PER_PAGE))
    for page in range(1, pages + 1):
        own = [card for card, _ in zip(cards, range(PER_PAGE), strict=False)]
        heading = f"{title}, page {page} of {pages}"
        write_private(folder / f"{name}_{page}.html", _page(heading, note, own))


def _page(title: str, note: str, cards: Sequence[Card]) -> str:
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{STYLE}</style>'
    figures = "\n".join(_figure(card) for card in cards)
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n'
        f"<h1>{html.escape(title)}</h1>\n<p>{html.escape(note)}</p>\n{figures}\n</body></html>\n"
    )


def _figure(card: Card) -> str:
    done, stream = cv2.imencode(".jpg", card.picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise OSError("a picture could not be encoded")
    data = base64.b64encode(stream.tobytes()).decode()
    caption = html.escape(card.caption)
    return (
        f'<figure><figcaption>{caption}</figcaption><img alt="" src="data:image/jpeg;base64,{data}"></figure>'
    )
