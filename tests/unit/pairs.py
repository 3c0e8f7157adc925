"""Stacks whose images have masks."""

import numpy as np

from synaxial.io.stacks import read_stack, write_stack


def mask_of(page):
    """A mask that depends on the image: 255 where it is bright, in all channels."""
    grey = page if page.ndim == 2 else page[..., 0]
    inside = np.where(grey > 128, 255, 0).astype(np.uint8)
    return inside if page.ndim == 2 else np.repeat(inside[..., None], 3, axis=2)


def add_masks(path, target=None):
    """Write a stack's images again, each followed by its mask."""
    stack = read_stack(path)
    pages, descriptions = [], []
    for page, description in zip(stack.pages, stack.descriptions, strict=True):
        pages += [page, mask_of(page)]
        descriptions += [{**description, "channel": channel} for channel in ("image", "mask")]
    write_stack(target or path, pages, descriptions)
    return target or path
