"""Sets of grey images, read from stacks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaxial.io.errors import SynaxialError
from synaxial.io.images import ImageSet, as_grey, groups_of
from synaxial.io.stacks import images_of, read_stack


def read_set(stacks: Sequence[Path], count: int) -> ImageSet:
    """Return the first `count` images of some stacks, in the given order, as grey images.

    Masks among the pages are left out. Images of the same person form a group. An image whose
    page names no person, such as a generated one, is a group of its own.

    Raises
    ------
    SynaxialError
        A stack cannot be read, the stacks have fewer images, or the images differ in size.
    """
    parts: list[NDArray[np.uint8]] = []
    descriptions: list[dict[str, Any]] = []
    for path in stacks:
        missing = count - len(descriptions)
        if missing <= 0:
            break
        stack = images_of(read_stack(path), path)
        parts.append(as_grey(stack.pages[:missing]))
        if parts[-1].shape[1:] != parts[0].shape[1:]:
            raise SynaxialError(
                path,
                f"its images have the shape {parts[-1].shape[1:]}",
                f"{parts[0].shape[1:]}, as in {stacks[0]}",
            )
        descriptions += stack.descriptions[:missing]
    if len(descriptions) < count:
        names = ", ".join(str(path) for path in stacks)
        raise SynaxialError(names, f"hold {len(descriptions)} images", f"{count} or more")
    if any("subject" in page and "person" not in page for page in descriptions):
        raise SynaxialError(
            stacks[0], "names a subject but no person", "stacks of this version", "make them again"
        )
    groups = [page.get("person", number) for number, page in enumerate(descriptions)]
    return ImageSet(np.concatenate(parts), groups_of(groups))
