"""Checks that there are enough images and subjects for the settings.

This module must import fast, because the workflow uses it before it starts.
"""

from synaxial.io.errors import SynaxialError

#: The number of subjects of a training without real slices.
NONE = "none"


def check_size(size: int, channels: list[int], reduction: int = 1) -> None:
    """Raise a SynaxialError if images of this width cannot be reduced, or halved at every level."""
    if size % reduction:
        raise SynaxialError(
            "segment.reduction", f"is {reduction}", f"a divisor of the images' {size} pixels"
        )
    halvings, width = len(channels) - 1, size // reduction
    if width % 2**halvings or width == 2**halvings:
        raise SynaxialError(
            "segment.channels",
            f"{len(channels)} levels halve the width {halvings} times, which {width} pixels do not "
            "allow",
            "fewer levels",
        )


def people_wanted(asked: str, people: int) -> int:
    """Return how many of the people `all`, `quarter` or a number means; refuse other texts."""
    if asked == "all":
        return people
    if asked == "quarter":
        return max(1, round(people / 4))
    if not (asked.isascii() and asked.isdecimal()) or int(asked) == 0:
        raise SynaxialError("--subjects", f"found {asked!r}", f"all, quarter, a number or {NONE}")
    if int(asked) > people:
        raise SynaxialError(
            "segment.subjects", f"asks for {asked} subjects", f"at most the {people} trained on"
        )
    return int(asked)
