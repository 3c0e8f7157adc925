"""File layouts of the known data sets, as patterns over paths.

Nothing here reads the disk: the paths are those of a folder or of the members of an archive.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from synaxial.io.errors import SynaxialError

_ABOVE = r"(?:.*/)?"
_NIFTI = r"\.nii(?:\.gz)?"


@dataclass(frozen=True)
class Layout:
    """The paths of the files in a data set."""

    #: Matches the path of a FLAIR volume (or of a 4-D file with it), with a group `subject`.
    flair: re.Pattern[str]
    #: The same for a segmentation; None if there is none.
    segmentation: re.Pattern[str] | None
    #: The label of BraTS 2020 for each label (1 necrotic or non-enhancing core, 2 oedema,
    #: 4 enhancing tumour); None if the labels are these already, or are not known.
    labels: Mapping[int, int] | None = None
    #: The FLAIR channel of 4-D files; None if files are 3-D, or if it is not known.
    channel: int | None = None


#: The known layouts, in the order in which `auto` tries them.
LAYOUTS: dict[str, Layout] = {
    # A folder for each subject, in MICCAI_BraTS2020_TrainingData/ (on Kaggle below a second such
    # folder), beside CSV tables. The segmentation of subject 355 has its original file name.
    "brats2020": Layout(
        re.compile(rf"{_ABOVE}(?P<subject>BraTS20_[A-Za-z]+_\d+)/(?P=subject)_flair{_NIFTI}"),
        re.compile(
            rf"{_ABOVE}(?P<subject>BraTS20_[A-Za-z]+_\d+)/"
            rf"(?:(?P=subject)_seg|W39_1998\.09\.19_Segm){_NIFTI}"
        ),
    ),
    "brats2021": Layout(
        re.compile(rf"{_ABOVE}(?P<subject>BraTS2021_\d+)/(?P=subject)_flair{_NIFTI}"),
        re.compile(rf"{_ABOVE}(?P<subject>BraTS2021_\d+)/(?P=subject)_seg{_NIFTI}"),
    ),
    # A subject is a person at a timepoint: BraTS-GLI-00003-001. FLAIR is called t2f.
    "brats2023": Layout(
        re.compile(rf"{_ABOVE}(?P<subject>BraTS-[A-Za-z]+-\d+-\d+)/(?P=subject)-t2f{_NIFTI}"),
        re.compile(rf"{_ABOVE}(?P<subject>BraTS-[A-Za-z]+-\d+-\d+)/(?P=subject)-seg{_NIFTI}"),
        {0: 0, 1: 1, 2: 2, 3: 4},
    ),
    # Medical Segmentation Decathlon, Task01: 4-D files, and labels in another order.
    "msd": Layout(
        re.compile(rf"{_ABOVE}images(?:Tr|Ts)/(?P<subject>BRATS_\d+){_NIFTI}"),
        re.compile(rf"{_ABOVE}labelsTr/(?P<subject>BRATS_\d+){_NIFTI}"),
        {0: 0, 1: 2, 2: 1, 3: 4},
        channel=0,
    ),
    # The name of a subject has all its entities (session, run, …), so that two runs differ.
    # A segmentation (`_dseg`) lies beside the image or in a derivative. An image in a derivative
    # is a processed copy and is not used.
    "bids": Layout(
        re.compile(
            rf"(?!(?:.*/)?(?:derivatives|sourcedata)/){_ABOVE}"
            rf"(?P<subject>sub-[A-Za-z0-9]+(?:_[a-z]+-[A-Za-z0-9]+)*)_FLAIR{_NIFTI}"
        ),
        re.compile(
            rf"{_ABOVE}(?P<subject>sub-[A-Za-z0-9]+(?:_(?!desc-)[a-z]+-[A-Za-z0-9]+)*)"
            rf"(?:_desc-[A-Za-z0-9]+)?_dseg{_NIFTI}"
        ),
    ),
}


def layout_of_pattern(flair: str, segmentation: str | None) -> Layout:
    """Return the layout of two path patterns: `{subject}` is the name, `*` any part of a name."""
    return Layout(_compile(flair), None if segmentation is None else _compile(segmentation))


def choose_layout(name: str, paths: Iterable[str], where: str) -> tuple[str, Layout]:
    """Return the layout of this name, or for `auto` the first that matches a path.

    Raises
    ------
    SynaxialError
        `auto`, and no layout matches.
    """
    if name != "auto":
        return name, LAYOUTS[name]
    kept = [path for path in paths if not is_noise(path)]
    for candidate, layout in LAYOUTS.items():
        if any(layout.flair.fullmatch(path) for path in kept):
            return candidate, layout
    raise SynaxialError(
        where,
        f"holds {len(kept)} files, none of them a FLAIR volume of a known layout",
        f"one of {', '.join(LAYOUTS)}",
        "for another layout use the directory source with a pattern",
    )


def find_volumes(paths: Iterable[str], layout: Layout) -> dict[str, list[str]]:
    """Return the paths of the FLAIR volumes of each subject: one, unless there are copies."""
    return _matches([path for path in paths if not is_noise(path)], layout.flair)


def find_files(
    paths: Iterable[str], layout: Layout, subjects: Iterable[str], where: str
) -> dict[str, list[str]]:
    """Return the FLAIR file of each subject and, if there is one, its segmentation.

    Of a `.nii` and a `.nii.gz` of one name the `.nii.gz` is taken, because it has a checksum.

    Raises
    ------
    SynaxialError
        A subject has several volumes or segmentations in different places.
    """
    kept = [path for path in paths if not is_noise(path)]
    volumes = _matches(kept, layout.flair)
    segmentations = {} if layout.segmentation is None else _matches(kept, layout.segmentation)
    found = {}
    for subject in subjects:
        flair = _the_only(volumes[subject], f"{where}: {subject}")
        beside = segmentations.get(subject, [])
        # A derivative may have a second segmentation; the one beside the image comes first.
        folder = PurePosixPath(flair).parent
        near = [path for path in beside if PurePosixPath(path).parent == folder] or beside
        # A copy may hold a second, properly named segmentation of subject 355.
        named = [path for path in near if subject in PurePosixPath(path).name] or near
        found[subject] = [flair]
        if named:
            found[subject].append(_the_only(named, f"{where}: {subject}"))
    return found


def is_noise(path: str) -> bool:
    """Tell whether a path is hidden (such as `._*`) or below the folder `__MACOSX` of macOS."""
    return any(
        (part.startswith(".") and part not in {".", ".."}) or part == "__MACOSX"
        for part in PurePosixPath(path).parts
    )


def _compile(pattern: str) -> re.Pattern[str]:
    """Turn a path with `{subject}` and `*` into a regular expression."""
    expression, named = "", False
    for part in re.split(r"(\{subject\}|\*)", pattern.removeprefix("./")):
        if part == "{subject}":
            expression += "(?P=subject)" if named else "(?P<subject>[^/]+?)"
            named = True
        else:
            expression += "[^/]*" if part == "*" else re.escape(part)
    return re.compile(expression)


def _matches(paths: list[str], pattern: re.Pattern[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        match = pattern.fullmatch(path)
        if match is not None:
            found[match["subject"]].append(path)
    return dict(found)


def _the_only(paths: list[str], where: str) -> str:
    compressed = {path for path in paths if path.endswith(".gz")}
    kept = [path for path in paths if f"{path}.gz" not in compressed]
    if len(kept) > 1:
        raise SynaxialError(
            where,
            f"has {len(kept)} files: {', '.join(sorted(kept)[:3])}",
            "one",
            "point the source at the folder that holds the right one",
        )
    return kept[0]
