"""Rows of small pictures of binary images.

They are enlarged and framed as arrays, and drawn as one image. A panel of matplotlib for
each would take twenty times as long, and would not show all pixels equally large.
"""

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from pipeline.pixels.images import SIDE

UNKNOWN = 2  # the value of a pixel that is hidden
COLOURS = np.array([(255, 255, 255), (0, 0, 0), (243, 217, 164)], np.uint8)
EDGE, FRAME = (153, 153, 153), (204, 51, 17)
ZOOMED = SIDE // 2  # pixels on a side of the surroundings that a zoomed picture shows


class Picture(NamedTuple):
    """A binary image in raster order, and how it is shown."""

    image: np.ndarray
    title: str = ""
    framed: np.ndarray = np.array([], int)  # raster indices of pixels to draw a line around
    zoomed: bool = False  # only the surroundings of the framed pixels
    grey: bool = False  # 0 to 255 instead of binary


class Grid(NamedTuple):
    """Where pictures are, in dots: their side, and the room between them and around."""

    size: int = 3 * SIDE
    columns: int = 12
    rows: int = 8
    left: int = 8
    top: int = 24

    def extent(self, rows: list[list[Picture]]) -> tuple[int, int]:
        """Width and height of all rows with the margins."""
        width = self.left + len(rows[0]) * (self.size + self.columns)
        return width, self.top + len(rows) * (self.size + self.rows) - self.rows + 8


def mosaic(
    rows: list[list[Picture]], labels: Sequence[str], grid: Grid, heads: Sequence[str] = ()
) -> Figure:
    """A figure of rows of pictures: titles above, heads above those of the first row, labels."""
    for column, (picture, head) in enumerate(zip(rows[0], heads)):
        rows[0][column] = picture._replace(title=f"{head}\n{picture.title}".rstrip())
    dots = matplotlib.rcParams["figure.dpi"]
    figure = Figure(tuple(side / dots for side in grid.extent(rows)))
    paste(figure, rows, labels, grid)
    return figure


def paste(
    figure: Figure, rows: list[list[Picture]], labels: Sequence[str], grid: Grid, offset: int = 0
) -> None:
    """Draw rows of pictures at the top of a figure, `offset` dots from its left side."""
    width, height = grid.extent(rows)
    canvas = np.full((height, width, 3), 255, np.uint8)
    whole_width, whole_height = figure.bbox.size

    def write(x: float, y: float, text: str, across: str, along: str) -> None:
        place = (offset + x) / whole_width, 1 - y / whole_height
        figure.text(*place, text, ha=across, va=along, size=9)

    for number, row in enumerate(rows):
        y = grid.top + number * (grid.size + grid.rows)
        for column, picture in enumerate(row):
            x = grid.left + column * (grid.size + grid.columns)
            canvas[y : y + grid.size, x : x + grid.size] = enlarge(picture, grid.size)
            if picture.title:
                write(x + grid.size / 2, y - 3, picture.title, "center", "bottom")
        if labels:
            write(grid.left - 6, y + grid.size / 2, labels[number], "right", "center")
    figure.figimage(canvas, offset, round(whole_height) - height)


def enlarge(picture: Picture, size: int) -> np.ndarray:
    """The picture as RGB (size, size, 3), framed, with a thin line around it."""
    image = picture.image.reshape(SIDE, SIDE)
    rgb = 255 - image[..., None].repeat(3, -1) if picture.grey else COLOURS[image]
    missing = np.stack(np.divmod(picture.framed, SIDE), axis=1)  # rows and columns
    if picture.zoomed:
        corner = missing.mean(axis=0).round().astype(int) - ZOOMED // 2
        top, left = corner = corner.clip(0, SIDE - ZOOMED)
        rgb = rgb[top : top + ZOOMED, left : left + ZOOMED]
        missing = missing - corner
    scale = size // len(rgb)
    rgb = rgb.repeat(scale, axis=0).repeat(scale, axis=1)
    if len(missing):
        # One pixel away from the missing ones.
        top, left = (scale * (missing.min(axis=0) - 1)).clip(0)
        bottom, right = scale * (missing.max(axis=0) + 2)
        frame = rgb[top:bottom, left:right]
        frame[:2] = frame[-2:] = frame[:, :2] = frame[:, -2:] = FRAME
    rgb[[0, -1]] = rgb[:, [0, -1]] = EDGE
    return rgb
