"""Which subjects are the same person at another time."""

import itertools
import re
from collections.abc import Iterable, Mapping

from synaxial.io.errors import SynaxialError

#: The names of subjects in each known data set. The group `person` leaves the visit out. In BraTS
#: 2020 and 2021 and MSD nobody has two names, as far as is known.
NAMES = {
    "brats2017": r"(?P<person>[Bb]ra[Tt][Ss]1[789]_[A-Za-z0-9]+_[A-Za-z0-9]+)_\d+",
    "brats2020": r"(?P<person>BraTS20_[A-Za-z]+_\d+)",
    "brats2021": r"(?P<person>BraTS2021_\d+)",
    "brats2023": r"(?P<person>BraTS-[A-Za-z]+-\d+)(?:-\d+)?",
    "msd": r"(?P<person>BRATS_\d+)",
    "upenn-gbm": r"(?P<person>UPENN-GBM-\d+)_\d+",
    "ucsf-pdgm": r"(?P<person>UCSF-PDGM-\d+)(?:_FU\d+d)?",
    "bids": r"(?P<person>sub-[A-Za-z0-9]+)(?:_(?!desc-)[a-z]+-[A-Za-z0-9]+)*",
}


def tell_people(subjects: Mapping[str, str | None], rule: str | None, where: str) -> dict[str, str]:
    """Return the person of each subject.

    Parameters
    ----------
    subjects
        The names of all subjects of a source, with the person where the paths of the files tell.
    rule
        `acquire.person`. It counts more than the paths, and those more than names of a known form.
    where
        The name of the source in messages.

    Raises
    ------
    SynaxialError
        A name does not fit the rule, or two names may be one person and nothing tells.
    """
    if rule is not None:
        return {name: _person_by(rule, name) for name in subjects}
    people = {name: person or person_in(name) for name, person in subjects.items()}
    pair = find_doubtful(subjects) if None in people.values() else None
    if pair is not None:
        raise SynaxialError(
            where,
            f"has {pair[0]} and {pair[1]}: two people, or one person at two times",
            "acquire.person, which says it",
            'set it to "{person}" if each name is a person, or to the part that names the person, '
            'such as "{person}_*"',
        )
    return {name: person or name for name, person in people.items()}


def find_doubtful(names: Iterable[str]) -> tuple[str, str] | None:
    """Return two names that may be one person at two times, or None.

    The parts of a name are its numbers and its words. Two names are doubtful if one goes on after
    the other, or if they differ in one part while other names differ in other parts too. So
    `case_1` and `case_2` are two people, but beside `control_1` they may be two visits of one.
    """
    by_parts = {tuple(re.findall(r"\d+|[A-Za-z]+", name)): name for name in names}
    for parts, name in by_parts.items():
        for length in range(1, len(parts)):
            if parts[:length] in by_parts:
                return by_parts[parts[:length]], name
    # Names of other lengths tell too: beside `pat02`, the number varies in `pat01_pre` as well.
    columns = itertools.zip_longest(*by_parts)
    differing = [at for at, column in enumerate(columns) if len({*column} - {None}) > 1]
    for length in {len(parts) for parts in by_parts}:
        alike = [parts for parts in by_parts if len(parts) == length]
        varying = [at for at in differing if at < length]
        # From the last: a visit mostly follows the person.
        for at in reversed(varying if len(varying) > 1 else []):
            without: dict[tuple[str, ...], str] = {}
            for parts in alike:
                rest = parts[:at] + parts[at + 1 :]
                if rest in without:
                    return without[rest], by_parts[parts]
                without[rest] = by_parts[parts]
    return None


def _person_by(rule: str, name: str) -> str:
    match = compile_pattern(rule).fullmatch(name)
    if match is None:
        raise SynaxialError(
            "acquire.person", f"{rule!r} does not fit the subject {name}", "a pattern of all names"
        )
    return match["person"]


def person_in(name: str) -> str | None:
    """Return the part of a subject's name that names the person; None for unknown names."""
    for pattern in NAMES.values():
        if (match := re.fullmatch(pattern, name)) is not None:
            return match["person"]
    return None


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Turn a text with `{subject}`, `{person}` and `*` into a regular expression."""
    # A person's name is as long as it can be: in `{person}_*` the last part is left out.
    expressions = {"subject": "[^/]+?", "person": "[^/]+"}
    expression, named = "", set()
    for part in re.split(r"(\{subject\}|\{person\}|\*)", pattern):
        group = part.strip("{}")
        if part == "*":
            expression += "[^/]*"
        elif group == part or group not in expressions:
            expression += re.escape(part)
        else:
            named_before = group in named
            named.add(group)
            expression += f"(?P={group})" if named_before else f"(?P<{group}>{expressions[group]})"
    return re.compile(expression)
