"""Sheets of images in rows and columns with labels: overviews, samples, previews."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

#: The grey level between images: unlike the black background of a brain, and dark enough not to
#: disturb their contrast.
PAPER = 48

#: The grey level of labels.
INK = 230

#: Pixels around a label.
MARGIN = 6

#: The height of letters in pixels: this fraction of the height of an image, between two bounds.
LETTERS_PER_IMAGE = 9
SMALLEST_LETTERS, LARGEST_LETTERS = 9, 32

#: The smallest width of a sheet with a title, in pixels.
NARROWEST_TITLE = 320

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def make_sheet(
    images: NDArray[np.uint8],
    columns: int,
    gap: int = 2,
    *,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    title: str | None = None,
) -> Image.Image:
    """Lay out images row by row, pixel for pixel, with labels.

    Without labels and title the sheet is `columns * W + (columns - 1) * gap` pixels wide.

    Parameters
    ----------
    images
        uint8, (N, H, W) for grey or (N, H, W, 3) for RGB, at least one. The end of the last row may
        stay blank.
    columns
        Images in a row.
    gap
        Pixels between images.
    row_labels
        A label at the left of each row.
    column_labels
        A label above each column.
    title
        A text above everything, broken into lines if it is wider than the sheet.

    Returns
    -------
    Image.Image
        In mode L for grey and RGB for RGB images.

    Raises
    ------
    ValueError
        There is no image, the images have another type or shape, or a label is missing.
    """
    _check(images, columns, row_labels, column_labels)
    rows = math.ceil(len(images) / columns)
    height, width = images.shape[1:3]
    font = _font_for(height, width, column_labels)

    left = max((_text_size(text, font)[0] for text in row_labels or ()), default=0)
    left += 2 * MARGIN if row_labels else 0
    grid_width = columns * (width + gap) - gap
    sheet_width = max(left + grid_width, NARROWEST_TITLE if title else 0)
    caption = _broken(title, font, sheet_width - 2 * MARGIN) if title else ""
    caption_height = _text_size(caption, font)[1] + 2 * MARGIN if caption else 0
    label_height = _text_size("0", font)[1] + MARGIN if column_labels else 0
    top = caption_height + label_height

    grey = images.ndim == 3
    sheet = Image.new(
        "L" if grey else "RGB",
        (sheet_width, top + rows * (height + gap) - gap),
        PAPER if grey else (PAPER,) * 3,
    )
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        sheet.paste(
            Image.fromarray(image), (left + column * (width + gap), top + row * (height + gap))
        )

    draw = ImageDraw.Draw(sheet)
    ink = INK if grey else (INK,) * 3
    if caption:
        draw.multiline_text((MARGIN, MARGIN), caption, fill=ink, font=font)
    for column, text in enumerate(column_labels or ()):
        middle = left + column * (width + gap) + width // 2
        label_width, _ = _text_size(text, font)
        draw.text((middle - label_width // 2, caption_height), text, fill=ink, font=font)
    for row, text in enumerate(row_labels or ()):
        middle = top + row * (height + gap) + height // 2
        _, text_height = _text_size(text, font)
        draw.multiline_text((MARGIN, middle - text_height // 2), text, fill=ink, font=font)
    return sheet


def _check(
    images: NDArray[np.uint8],
    columns: int,
    row_labels: Sequence[str] | None,
    column_labels: Sequence[str] | None,
) -> None:
    """Refuse what cannot be laid out."""
    shaped = images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)
    if images.dtype != np.uint8 or not shaped or images.size == 0:
        raise ValueError(
            f"images are {images.dtype} {images.shape}, expected uint8 (N, H, W) or (N, H, W, 3)"
        )
    if columns < 1:
        raise ValueError(f"{columns} columns")
    rows = math.ceil(len(images) / columns)
    if row_labels is not None and len(row_labels) != rows:
        raise ValueError(f"{len(row_labels)} row labels for {rows} rows")
    if column_labels is not None and len(column_labels) != columns:
        raise ValueError(f"{len(column_labels)} column labels for {columns} columns")


def _font_for(height: int, width: int, column_labels: Sequence[str] | None) -> Font:
    """Return Pillow's own font, sized for the images and so that column labels stay apart."""
    size = min(max(height // LETTERS_PER_IMAGE, SMALLEST_LETTERS), LARGEST_LETTERS)
    font = ImageFont.load_default(size)
    while size > SMALLEST_LETTERS and any(
        _text_size(text, font)[0] > width for text in column_labels or ()
    ):
        size -= 1
        font = ImageFont.load_default(size)
    return font


def _text_size(text: str, font: Font) -> tuple[int, int]:
    """Return the width and height in pixels that a text takes, from its corner at (0, 0)."""
    draw = ImageDraw.Draw(Image.new("L", (1, 1)))
    _, _, right, bottom = draw.multiline_textbbox((0, 0), text, font=font)
    return math.ceil(right), math.ceil(bottom)


def _broken(text: str, font: Font, width: int) -> str:
    """Return the text with line breaks between words, so that its lines fit into the width."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}".strip()
            if line and _text_size(longer, font)[0] > width:
                lines.append(line)
                line = word
            else:
                line = longer
        lines.append(line)
    return "\n".join(lines)
