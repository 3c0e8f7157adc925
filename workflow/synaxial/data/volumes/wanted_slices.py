"""Whether a subject's volume holds the slices that the study wants; light to import."""

from collections.abc import Mapping
from typing import Any

from synaxial.io.errors import BadVolumeError


def check_wanted_slices(record: Mapping[str, Any], first: int, last: int) -> None:
    """Compare a used subject's volume with the slices that the study wants of it.

    Parameters
    ----------
    record
        As `make_record` returns it.
    first, last
        The wanted axial slices, from 0 at the most inferior one, the last included.

    Raises
    ------
    BadVolumeError
        A wanted slice lies beyond the volume, or holds no brain: it would be a black image.
    """
    counts = record["brain_voxels_per_slice"]
    where = f"{record['subject']} ({record['origin']})"
    if last >= len(counts):
        raise BadVolumeError(
            where, f"{len(counts)} axial slices", f"slices {first} to {last}", "see slice.last"
        )
    empty = [index for index in range(first, last + 1) if counts[index] == 0]
    if empty:
        held = [index for index, count in enumerate(counts) if count > 0]
        raise BadVolumeError(
            where,
            f"{len(empty)} of the slices {first} to {last} hold no brain, first slice {empty[0]}",
            f"brain in each (here it lies in slices {held[0]} to {held[-1]})",
            "see slice.first and slice.last",
        )
