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
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    title: str = "",
) -> Image.Image:
    """Lay out images row by row, pixel for pixel, with labels; in mode L for grey, RGB for colour.

    Without labels and title the sheet is `columns * W + (columns - 1) * gap` pixels wide.

    Parameters
    ----------
    images
        uint8, (N, H, W) for grey or (N, H, W, 3) for RGB, at least one. The end of the last row may
        stay blank.
    columns, gap
        Images in a row, and pixels between images.
    row_labels, column_labels
        A label at the left of each row and above each column.
    title
        A text above everything, broken into lines if it is wider than the sheet.
    """
    height, width = images.shape[1:3]
    font = _font_for(height, width, column_labels)
    left = max((_text_size(text, font)[0] for text in row_labels), default=0)
    left += 2 * MARGIN if row_labels else 0
    whole_width = max(left + columns * (width + gap) - gap, NARROWEST_TITLE if title else 0)
    caption = _broken(title, font, whole_width - 2 * MARGIN)
    caption_height = _text_size(caption, font)[1] + 2 * MARGIN if caption else 0
    top = caption_height + (_text_size("0", font)[1] + MARGIN if column_labels else 0)

    sheet = _lay_out(images, columns, gap, (left, top), whole_width)
    draw = ImageDraw.Draw(sheet)
    ink = INK if sheet.mode == "L" else (INK,) * 3
    if caption:
        draw.multiline_text((MARGIN, MARGIN), caption, fill=ink, font=font)
    for column, text in enumerate(column_labels):
        middle = left + column * (width + gap) + width // 2
        label_width, _ = _text_size(text, font)
        draw.text((middle - label_width // 2, caption_height), text, fill=ink, font=font)
    for row, text in enumerate(row_labels):
        middle = top + row * (height + gap) + height // 2
        _, text_height = _text_size(text, font)
        draw.multiline_text((MARGIN, middle - text_height // 2), text, fill=ink, font=font)
    return sheet


def _lay_out(
    images: NDArray[np.uint8], columns: int, gap: int, corner: tuple[int, int], width: int
) -> Image.Image:
    """Return a sheet of this width with the images; the first is at the corner (left, top)."""
    left, top = corner
    down, right = images.shape[1] + gap, images.shape[2] + gap
    size = (width, top + math.ceil(len(images) / columns) * down - gap)
    grey = images.ndim == 3
    sheet = Image.new("L" if grey else "RGB", size, PAPER if grey else (PAPER,) * 3)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        sheet.paste(Image.fromarray(image), (left + column * right, top + row * down))
    return sheet


def _font_for(height: int, width: int, column_labels: Sequence[str]) -> Font:
    """Return Pillow's own font, sized for the images and so that column labels stay apart."""
    size = min(max(height // LETTERS_PER_IMAGE, SMALLEST_LETTERS), LARGEST_LETTERS)
    while True:
        font = ImageFont.load_default(size)
        fits = all(_text_size(text, font)[0] <= width for text in column_labels)
        if fits or size <= SMALLEST_LETTERS:
            return font
        size -= 1


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
