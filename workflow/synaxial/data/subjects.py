"""The subjects of a study: which names it selects, and which of them are held out."""

import re
from collections import defaultdict
from collections.abc import Mapping

from synaxial.config.model import Acquire
from synaxial.data.people import person_in
from synaxial.io.errors import SynaxialError, shortened

#: A longer range of subject numbers is a typing error.
LARGEST_RANGE = 100_000

#: Fewest people that may be held out: they are split in halves, and no statistic of a half can be
#: resampled from one person.
FEWEST_HELD_OUT = 4

#: How many names an error message lists.
NAMES_IN_MESSAGE = 8

#: A usable name of a subject: it becomes a file name and a word of a command line.
USABLE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")

#: The name of a person with a number.
NUMBERED = re.compile(r"(?P<series>.*?)(?P<number>\d+)(?P<rest>\D*)")


def select_subjects(wanted: str | list[str], people: Mapping[str, str], where: str) -> list[str]:
    """Return the wanted names, each once, in natural order.

    Parameters
    ----------
    wanted
        `acquire.subjects`: `all`, or names, numbers and ranges of numbers (a list, or a text with
        commas). A number means all timepoints of that person.
    people
        The person of each subject that the source has.
    where
        The name of the source in messages.

    Raises
    ------
    SynaxialError
        A wanted subject is missing, a number fits several people, a range is wrong, or a name
        cannot be a file name.
    """
    names = sorted(people, key=natural_key)
    chosen = set(names) if wanted == "all" else _look_up(split_items(wanted), people, where)
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
    people: Mapping[str, str], settings: Acquire, where: str
) -> tuple[list[str], list[str]]:
    """Return the names of the subjects that train the networks, and those that are held out.

    Parameters
    ----------
    people
        The person of each subject, in natural order of the subjects.
    settings
        The section `acquire`.
    where
        The name of the study in messages.

    Raises
    ------
    SynaxialError
        A person is in both lists, too few people are held out, or nobody is left to train with.
    """
    held_out = select_subjects(settings.held_out, people, where) if settings.held_out else []
    unseen = {people[name] for name in held_out}
    if settings.subjects == "all":
        training = [name for name in people if people[name] not in unseen]
    else:
        training = select_subjects(settings.subjects, people, where)
    _check_split([name for name in training if people[name] in unseen], len(unseen))
    if not training:
        raise SynaxialError("acquire.held_out", "names every subject", "some to train on")
    return training, held_out


def check_lists(settings: Acquire) -> None:
    """Find the mistakes in `subjects` and `held_out` that show without the source.

    Only the names of the source tell whether a name and a number mean the same person.

    Raises
    ------
    SynaxialError
        A range is wrong, a subject is in both lists, or too few are held out.
    """
    training = {} if settings.subjects == "all" else _people_meant(settings.subjects)
    held_out = _people_meant(settings.held_out)
    both = [name for person, name in held_out.items() if person in training]
    _check_split(sorted(both, key=natural_key), len(held_out))


def split_items(wanted: str | list[str]) -> list[str]:
    """Return the names, numbers and ranges of a list, or of a text with commas."""
    texts = wanted.split(",") if isinstance(wanted, str) else wanted
    return [text.strip() for text in texts if text.strip()]


def parse_numbers(item: str) -> range | None:
    """Return the numbers that `7`, `007` or `001-015` mean, or None for a name.

    Raises
    ------
    SynaxialError
        A range falls, or is too long.
    """
    match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", item)
    if match is None:
        return None
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first or last - first >= LARGEST_RANGE:
        raise SynaxialError(
            "acquire.subjects or held_out",
            f"holds {item!r}",
            "an ascending range, such as 001-015",
        )
    return range(first, last + 1)


def identify(person: str) -> tuple[str, int] | None:
    """Return the series of a person and the number in it (the last), or None without one."""
    match = NUMBERED.fullmatch(person)
    return None if match is None else (f"{match['series']}#{match['rest']}", int(match["number"]))


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Return the key that sorts `case2` before `case10`."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part)
        for part in re.split(r"(\d+)", name)
        if part
    ] + [(-1, 0, name)]


def _people_meant(wanted: str | list[str]) -> dict[str, str]:
    """Return the name or number of each person in a list, by what tells people apart in it."""
    people: dict[str, str] = {}
    for item in split_items(wanted):
        numbers = parse_numbers(item)
        if numbers is None:
            people[person_in(item) or item] = item
        else:
            people |= {str(number): f"{number:03d}" for number in numbers}
    return people


def _check_split(both: list[str], people: int) -> None:
    """Refuse subjects in both lists, and too few people held out."""
    if both:
        raise SynaxialError(
            "acquire.held_out",
            f"names {shortened(both, NAMES_IN_MESSAGE)}, or another timepoint, which "
            "acquire.subjects names too",
            "subjects that no network is trained on",
        )
    if 0 < people < FEWEST_HELD_OUT:
        raise SynaxialError(
            "acquire.held_out",
            f"names {people} people",
            f"none or at least {FEWEST_HELD_OUT}, because one half is compared with the other half",
        )


def _look_up(items: list[str], people: Mapping[str, str], where: str) -> set[str]:
    """Return the names that the items mean."""
    names = sorted(people, key=natural_key)
    of_number: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for name in names:
        if (identity := identify(people[name])) is not None:
            of_number[identity[1]].append((identity[0], name))
    known, chosen, missing = set(names), set(), []
    for item in items:
        numbers = parse_numbers(item)
        if item in known:
            chosen.add(item)
        elif numbers is None:
            missing.append(item)
        else:
            for number in numbers:
                found = _of_one_series(number, of_number.get(number, []), where)
                chosen |= found
                missing += [] if found else [f"{number:03d}"]
    if missing:
        raise SynaxialError(
            where,
            f"has no subject {shortened(missing, NAMES_IN_MESSAGE)}",
            f"subjects among its {len(names)}, {names[0]} to {names[-1]}" if names else "",
            "see acquire.subjects and acquire.held_out",
        )
    return chosen


def _of_one_series(number: int, found: list[tuple[str, str]], where: str) -> set[str]:
    """Return the names of one person among (series, name) with the same number.

    Where a training and a validation set lie side by side, as in the copy on Kaggle, a number means
    the training subject, which has a segmentation.
    """
    series = {series for series, _ in found}
    if len(series) > 1:
        series = {name for name in series if "train" in name.lower()}
        if len(series) != 1:
            names = shortened([name for _, name in found], NAMES_IN_MESSAGE)
            raise SynaxialError(
                where,
                f"has several subjects with the number {number}: {names}",
                "one",
                "name the subjects in acquire.subjects",
            )
    return {name for own, name in found if own in series}
