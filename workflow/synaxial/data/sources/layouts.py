"""File layouts of the known data sets, as patterns over paths.

Nothing here reads the disk: the paths are those of a folder or of the members of an archive.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from synaxial.data.people import NAMES, compile_pattern
from synaxial.data.sources.nnunet import read_description
from synaxial.io.errors import SynaxialError

#: The most bytes that are read of a file that describes a data set.
LARGEST_DESCRIPTION = 10_000_000

_ABOVE = r"(?:.*/)?"
_NIFTI = r"\.nii(?:\.gz)?"

#: Labels of BraTS since 2023. The resection cavity (4, since 2024) is no tumour. Children's tumours
#: of 2024 have enhancing, other, cyst, oedema; those of 2023 have another order, but the same
#: tumour as a whole.
_ADULTS = {0: 0, 1: 1, 2: 2, 3: 4, 4: 0}
_CHILDREN = {0: 0, 1: 4, 2: 1, 3: 1, 4: 2}


@dataclass(frozen=True)
class Layout:
    """The paths of the files in a data set."""

    #: Matches the path of a FLAIR volume (or of a 4-D file with it), with a group `subject`. A
    #: group `person` is the part of the path that a person's subjects share.
    flair: re.Pattern[str]
    #: The same for segmentations: the first pattern that matches is taken.
    segmentations: tuple[re.Pattern[str], ...] = ()
    #: The label of BraTS 2020 for each label (1 necrotic or non-enhancing core, 2 oedema,
    #: 4 enhancing tumour, 0 none of them), by how the names of the subjects begin. Other subjects
    #: have these labels already, or unknown ones.
    labels: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    #: The FLAIR channel of 4-D files; None if files are 3-D, or if it is not known.
    channel: int | None = None

    def labels_of(self, subject: str) -> Mapping[int, int] | None:
        """Return the label of BraTS 2020 for each label of a subject; None if they are the same."""
        return next((new for start, new in self.labels.items() if subject.startswith(start)), None)


def _layout(
    name: str,
    flair: str,
    *segmentations: str,
    labels: Mapping[str, Mapping[int, int]] | None = None,
    channel: int | None = None,
) -> Layout:
    """Return the layout of paths below any folder; `{subject}` is a name that `name` matches."""

    def compile_path(path: str) -> re.Pattern[str]:
        begin, *others = path.split("{subject}")
        end = "(?P=subject)".join(others)
        return re.compile(f"{_ABOVE}{begin}(?P<subject>{name}){end}{_NIFTI}")

    compiled = tuple(map(compile_path, segmentations))
    return Layout(compile_path(flair), compiled, labels or {}, channel)


#: The known layouts.
LAYOUTS: dict[str, Layout] = {
    # BraTS 2017, 2018 and 2019: a folder for each subject, with or without HGG/ and LGG/ above.
    "brats2017": _layout(
        NAMES["brats2017"], "{subject}/{subject}_flair", "{subject}/{subject}_seg"
    ),
    # A folder for each subject, in MICCAI_BraTS2020_TrainingData/ (on Kaggle below a second such
    # folder), beside CSV tables. The segmentation of subject 355 has its original file name; a copy
    # may hold a second, properly named one.
    "brats2020": _layout(
        NAMES["brats2020"],
        "{subject}/{subject}_flair",
        "{subject}/{subject}_seg",
        r"{subject}/W39_1998\.09\.19_Segm",
    ),
    "brats2021": _layout(
        NAMES["brats2021"], "{subject}/{subject}_flair", "{subject}/{subject}_seg"
    ),
    # BraTS 2023, 2024 and 2025. FLAIR is called t2f.
    "brats2023": _layout(
        NAMES["brats2023"],
        "{subject}/{subject}-t2f",
        "{subject}/{subject}-seg",
        labels={"BraTS-PED-": _CHILDREN, "": _ADULTS},
    ),
    # Medical Segmentation Decathlon, Task01: 4-D files, and labels in another order.
    "msd": _layout(
        NAMES["msd"],
        "images(?:Tr|Ts)/{subject}",
        "labelsTr/{subject}",
        labels={"": {0: 0, 1: 2, 2: 1, 3: 4}},
        channel=0,
    ),
    # The skull-stripped volumes; a segmentation that a person corrected comes first.
    "upenn-gbm": _layout(
        NAMES["upenn-gbm"], "{subject}_FLAIR", "{subject}_segm", "{subject}_automated_approx_segm"
    ),
    "ucsf-pdgm": _layout(NAMES["ucsf-pdgm"], "{subject}_FLAIR", "{subject}_tumor_segmentation"),
    # nnU-Net's raw data; dataset.json tells which channel FLAIR is (see `choose_layout`).
    "nnunet": _layout("[^/]+?", r"images(?:Tr|Ts)/{subject}_\d{4}"),
    # The name of a subject has all its entities (session, run, …), so that two runs differ.
    # A segmentation (`_dseg`) lies beside the image or in a derivative. An image in a derivative
    # is a processed copy and is not used.
    "bids": Layout(
        re.compile(
            rf"(?!(?:.*/)?(?:derivatives|sourcedata)/){_ABOVE}"
            rf"(?P<subject>{NAMES['bids']})_FLAIR{_NIFTI}"
        ),
        (re.compile(rf"{_ABOVE}(?P<subject>{NAMES['bids']})(?:_desc-[A-Za-z0-9]+)?_dseg{_NIFTI}"),),
    ),
}


def layout_of_pattern(flair: str, segmentation: str | None) -> Layout:
    """Return the layout of two path patterns.

    `{subject}` is the name, `{person}` what the names of a person share, `*` any part of a name.
    """
    paths = [flair] if segmentation is None else [flair, segmentation]
    compiled = [compile_pattern(path.removeprefix("./")) for path in paths]
    return Layout(compiled[0], tuple(compiled[1:]))


def choose_layout(
    name: str, paths: Iterable[str], where: str, read: Callable[[str], bytes]
) -> tuple[str, Layout]:
    """Return the layout of this name, or for `auto` the one that matches a path.

    Parameters
    ----------
    name
        As in the configuration.
    paths
        All files.
    where
        The name of the source in messages.
    read
        Returns the first `LARGEST_DESCRIPTION` bytes of a file, by its path.

    Raises
    ------
    SynaxialError
        `auto`, and no layout matches, or several do.
    """
    kept = [path for path in paths if not is_noise(path)]
    matching = [name]
    if name == "auto":
        matching = [
            candidate
            for candidate, layout in LAYOUTS.items()
            if any(layout.flair.fullmatch(path) for path in kept)
        ]
    if not matching:
        raise SynaxialError(
            where,
            f"holds {len(kept)} files, none of them a FLAIR volume of a known layout",
            f"one of {', '.join(LAYOUTS)}",
            "for another layout use the directory source with a pattern",
        )
    if len(matching) > 1:
        raise SynaxialError(
            where,
            f"holds FLAIR volumes of the layouts {', '.join(matching)}",
            "one of them",
            "set acquire.directory.layout (or archive.layout)",
        )
    chosen = matching[0]
    return chosen, _layout_of_nnunet(kept, where, read) if chosen == "nnunet" else LAYOUTS[chosen]


def _layout_of_nnunet(paths: list[str], where: str, read: Callable[[str], bytes]) -> Layout:
    """Return the layout of nnU-Net's raw data, as dataset.json describes it."""
    folders = {
        str(PurePosixPath(path).parent.parent)
        for path in paths
        if LAYOUTS["nnunet"].flair.fullmatch(path)
    }
    described = [
        path
        for path in paths
        if PurePosixPath(path).name == "dataset.json" and str(PurePosixPath(path).parent) in folders
    ]
    if len(described) != 1:
        raise SynaxialError(
            where,
            f"holds {len(described)} files dataset.json beside folders imagesTr of nnU-Net",
            "one",
            "point the source at the folder of one data set, or use a pattern",
        )
    channel, outside = read_description(read(described[0]), f"{where}: {described[0]}")
    return _layout(
        "[^/]+?",
        rf"images(?:Tr|Ts)/{{subject}}_{channel:04d}",
        "labels(?:Tr|Ts)/{subject}",
        labels={"": {at: 0 if at in outside else at for at in range(256)}} if outside else None,
    )


def find_volumes(paths: Iterable[str], layout: Layout) -> dict[str, list[str]]:
    """Return the paths of the FLAIR volumes of each subject: one, unless there are copies."""
    return _matches([path for path in paths if not is_noise(path)], layout.flair)


def find_people(volumes: Mapping[str, list[str]], layout: Layout) -> dict[str, str | None]:
    """Return the person of each subject; None where the paths do not tell."""
    people = {}
    for subject, paths in volumes.items():
        match = layout.flair.fullmatch(paths[0])
        people[subject] = None if match is None else match.groupdict().get("person")
    return people


def find_files(
    paths: Iterable[str], layout: Layout, subjects: Iterable[str], where: str
) -> dict[str, list[str]]:
    """Return the FLAIR file of each subject, and its segmentations.

    There is one at most, unless nothing tells which of several is right. Of a `.nii` and a
    `.nii.gz` of one name the `.nii.gz` is taken, because it has a checksum.

    Raises
    ------
    SynaxialError
        A subject has several volumes in different places.
    """
    kept = [path for path in paths if not is_noise(path)]
    volumes = _matches(kept, layout.flair)
    segmentations = [_matches(kept, pattern) for pattern in layout.segmentations]
    found = {}
    for subject in subjects:
        flair = _the_only(volumes[subject], f"{where}: {subject}")
        beside = next((each[subject] for each in segmentations if subject in each), [])
        # A derivative may have a second segmentation; the one beside the image comes first.
        folder = PurePosixPath(flair).parent
        near = [path for path in beside if PurePosixPath(path).parent == folder] or beside
        found[subject] = [flair, *_with_checksum(near)]
    return found


def is_noise(path: str) -> bool:
    """Tell whether a path is hidden (such as `._*`) or below the folder `__MACOSX` of macOS."""
    return any(
        (part.startswith(".") and part not in {".", ".."}) or part == "__MACOSX"
        for part in PurePosixPath(path).parts
    )


def _matches(paths: list[str], pattern: re.Pattern[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        match = pattern.fullmatch(path)
        if match is not None:
            found[_name_of(match)].append(path)
    return dict(found)


def _name_of(match: re.Match[str]) -> str:
    """Return the name of a subject: it begins with the person's in a user's pattern."""
    person, subject = match.groupdict().get("person"), match["subject"]
    # In a known layout the person is a part of the name, or all of it.
    if person is None or match.start("person") == match.start("subject"):
        return subject
    # Visit 20190501 does not begin with the person 2.
    begins = re.match(rf"{re.escape(person)}(?![A-Za-z0-9])", subject)
    return subject if begins else f"{person}_{subject}"


def _with_checksum(paths: list[str]) -> list[str]:
    """Return the paths, sorted, without a `.nii` that is there as `.nii.gz` too."""
    return sorted(path for path in paths if f"{path}.gz" not in paths)


def _the_only(paths: list[str], where: str) -> str:
    kept = _with_checksum(paths)
    if len(kept) > 1:
        raise SynaxialError(
            where,
            f"has {len(kept)} files: {', '.join(kept[:3])}",
            "one",
            "point the source at the folder that holds the right one",
        )
    return kept[0]
