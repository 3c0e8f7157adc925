"""Which subjects of a source the study wants."""

import re
from collections import defaultdict
from collections.abc import Iterable

from synaxial.config.model import Acquire
from synaxial.io.errors import SynaxialError

#: A range of subject numbers beyond this is a slip of the pen; no data set comes near it.
LARGEST_RANGE = 100_000

#: Halves of two subjects each: no set can be drawn anew from one.
FEWEST_HELD_OUT = 4

#: How many names an error message lists before it says "and N more".
NAMES_IN_MESSAGE = 8

#: What a name may be: it becomes a file name, and a word of a command line.
USABLE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


def select_subjects(wanted: str | list[str], available: Iterable[str], where: str) -> list[str]:
    """Return the names that the study wants, in natural order and each once.

    Parameters
    ----------
    wanted
        `acquire.subjects`: `all`, or names, numbers and ranges of numbers (a list, or one text
        with commas). A number means every name that it identifies: all timepoints of a subject.
    available
        The names that the source has.
    where
        What an error message calls the source.

    Raises
    ------
    SynaxialError
        A wanted subject is not there, a number could mean several people, a range is not one, or
        a name cannot be a file name.
    """
    names = sorted(set(available), key=natural_key)
    chosen = set(names) if wanted == "all" else _look_up(_items(wanted), names, where)
    if not chosen:
        raise SynaxialError(where, "has no subject", "at least one")
    for name in chosen:
        if not USABLE_NAME.fullmatch(name):
            raise SynaxialError(
                where,
                f"has a subject named {name!r}",
                "a name of letters, digits, '.', '_', '+' and '-', since files are named after it",
            )
    return [name for name in names if name in chosen]


def split_subjects(
    subjects: list[str], settings: Acquire, where: str
) -> tuple[list[str], list[str]]:
    """Return the subjects that train the networks, and those that are held out.

    Parameters
    ----------
    subjects
        All of the study's, by name.
    settings
        The section `acquire`.
    where
        What an error message calls the source.

    Raises
    ------
    SynaxialError
        A subject is in both lists, too few are held out, or none is left to train with.
    """
    held_out = select_subjects(settings.held_out, subjects, where) if settings.held_out else []
    training = [name for name in subjects if name not in held_out]
    if settings.subjects != "all":
        training = select_subjects(settings.subjects, subjects, where)
    people = {person_of(name) for name in held_out}
    if settings.subjects == "all":
        training = [name for name in training if person_of(name) not in people]
    both = [name for name in training if person_of(name) in people]
    _refuse_bad_split(both, len(people))
    if not training:
        raise SynaxialError("acquire.held_out", "names every subject", "some to train with")
    return training, held_out


def check_lists(settings: Acquire) -> None:
    """Find those mistakes in the two lists of subjects that need no look at the source.

    Whether two different ways to name a subject mean the same one, only its names can say. What
    looks like a range is taken for one.

    Raises
    ------
    SynaxialError
        A range is none, the same subject is in both lists, or too few are held out.
    """
    training = {} if settings.subjects == "all" else _people_meant(settings.subjects)
    held_out = _people_meant(settings.held_out)
    both = [name for person, name in held_out.items() if person in training]
    _refuse_bad_split(sorted(both, key=natural_key), len(held_out))


def _people_meant(wanted: str | list[str]) -> dict[str, str]:
    """Return the name or number of each person in a list, by what tells people apart in it.

    Somebody who is there by name and by number is there twice.
    """
    people: dict[str, str] = {}
    for item in _items(wanted):
        numbers = parse_numbers(item)
        if numbers is None:
            people[person_of(item)] = item
        else:
            people |= {str(number): f"{number:03d}" for number in numbers}
    return people


def _refuse_bad_split(both: list[str], people: int) -> None:
    """Refuse subjects in both lists, and too few people held out."""
    if both:
        raise SynaxialError(
            "acquire.held_out",
            f"names {_shortened(both)}, or another timepoint, which acquire.subjects names too",
            "subjects that no network is trained with",
        )
    if 0 < people < FEWEST_HELD_OUT:
        raise SynaxialError(
            "acquire.held_out",
            f"names {people} subjects",
            f"none or at least {FEWEST_HELD_OUT}: half of them stand for all, the others show how "
            "far apart real subjects are",
        )


def parse_numbers(item: str) -> range | None:
    """Return the numbers that `7`, `007` or `001-015` mean, or None if it is no number.

    Raises
    ------
    SynaxialError
        A range that falls, or one beyond any data set.
    """
    match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", item)
    if match is None:
        return None
    first = int(match[1])
    last = int(match[2]) if match[2] is not None else first
    if last < first or last - first >= LARGEST_RANGE:
        raise SynaxialError(
            "acquire.subjects or held_out",
            f"holds {item!r}",
            "a range that rises, such as 001-015",
        )
    return range(first, last + 1)


def identify(name: str) -> tuple[str, int] | None:
    """Return the series that a subject belongs to and its number there, or None without one.

    The number is the one that stands for the person, not for a timepoint, session or run:
    3 for `BraTS20_Training_003`, `BraTS-GLI-00003-001` and `sub-003_ses-02_run-1`.
    """
    for pattern in (
        r"(?P<series>sub-[^_]*?)(?P<number>\d+)(?P<rest>[A-Za-z]*)(?:_.*)?",
        r"(?P<series>BraTS-[A-Za-z]+-)(?P<number>\d+)(?P<rest>)-\d+",
        r"(?P<series>.*?)(?P<number>\d+)(?P<rest>\D*)",
    ):
        match = re.fullmatch(pattern, name)
        if match is not None:
            return f"{match['series']}#{match['rest']}", int(match["number"])
    return None


def person_of(name: str) -> str:
    """Return what a person's names have in common: without timepoint, session and run."""
    identity = identify(name)
    return name if identity is None else f"{identity[0]}{identity[1]}"


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Return the key that sorts `case2` before `case10`."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part)
        for part in re.split(r"(\d+)", name)
        if part
    ] + [(-1, 0, name)]


def _items(wanted: str | list[str]) -> list[str]:
    texts = wanted.split(",") if isinstance(wanted, str) else wanted
    return [text.strip() for text in texts if text.strip()]


def _look_up(items: list[str], names: list[str], where: str) -> set[str]:
    """Return the names that the items mean."""
    known = set(names)
    by_number: dict[int, list[str]] = defaultdict(list)
    for name in names:
        identity = identify(name)
        if identity is not None:
            by_number[identity[1]].append(name)
    chosen: set[str] = set()
    missing: list[str] = []
    for item in items:
        numbers = parse_numbers(item)
        if item in known:
            chosen.add(item)
        elif numbers is None:
            missing.append(item)
        else:
            for number in numbers:
                matches = _of_one_series(number, by_number.get(number, []), where)
                chosen.update(matches)
                if not matches:
                    missing.append(f"{number:03d}")
    if missing:
        raise SynaxialError(
            where,
            f"has no subject {_shortened(missing)}",
            f"subjects among its {len(names)}, {names[0]} to {names[-1]}" if names else "",
            "see acquire.subjects and acquire.held_out",
        )
    return chosen


def _of_one_series(number: int, matches: list[str], where: str) -> list[str]:
    """Return those of the names with a number that are one person's.

    Training and validation sets count from 1 each, and lie side by side in Kaggle's copy: there a
    number means the training subject, which has a segmentation.
    """
    series = {identity[0] for name in matches if (identity := identify(name)) is not None}
    if len(series) > 1:
        series = {text for text in series if "train" in text.lower()}
        if len(series) != 1:
            raise SynaxialError(
                where,
                f"has several subjects of number {number}: {_shortened(matches)}",
                "one",
                "name the subjects in acquire.subjects",
            )
    return [
        name
        for name in matches
        if (identity := identify(name)) is not None and identity[0] in series
    ]


def _shortened(names: list[str]) -> str:
    listed = ", ".join(names[:NAMES_IN_MESSAGE])
    left = len(names) - NAMES_IN_MESSAGE
    return f"{listed} and {left} more" if left > 0 else listed
