"""What is known of each image of a data set."""

from typing import Any

from synaxial.data.dataset.members import Member
from synaxial.io.errors import SynaxialError

#: The columns of `index.csv`: the image's number from 0, its subject, its axial slice in the
#: volume, and the tumour's voxels in that slice at native size, empty where unknown.
COLUMNS = ["image", "subject", "slice", "tumour_voxels"]


def index_rows(
    member: Member, descriptions: list[dict[str, Any]], first: int
) -> list[dict[str, Any]]:
    """Return a row of `index.csv` for each page of a subject's stack.

    Parameters
    ----------
    member
        The subject.
    descriptions
        Of its pages, with the keys `subject` and `slice`.
    first
        The number of its first image in the data set.

    Raises
    ------
    SynaxialError
        The pages are another subject's, or the record knows no such slice.
    """
    rows = []
    for number, description in enumerate(descriptions):
        subject, index = description.get("subject"), description.get("slice")
        if subject != member.subject:
            raise SynaxialError(
                member.images,
                f"page {number} is of subject {subject}",
                f"{member.subject} as in {member.record_path}",
                "give stacks and records in the same order",
            )
        if type(index) is not int or index < 0:
            raise SynaxialError(member.images, f"page {number} does not say which slice it is")
        rows.append(
            {
                "image": first + number,
                "subject": subject,
                "slice": index,
                "tumour_voxels": _tumour_voxels(member, index),
            }
        )
    return rows


def _tumour_voxels(member: Member, index: int) -> int | str:
    """Return the tumour's voxels in a slice, or an empty text."""
    if member.tumour_voxels is None:
        return ""
    if index >= len(member.tumour_voxels):
        raise SynaxialError(
            member.record_path,
            f"counts tumour in {len(member.tumour_voxels)} slices, but there is a slice {index}",
            "a count for each slice",
        )
    return member.tumour_voxels[index]
