"""Private words of a header, and texts without them.

Scanners and people spell a name in several ways: with its umlauts and accents, or without them.
"""

import re
import unicodedata
from functools import cache
from typing import Any

from pydicom import Dataset
from pydicom.multival import MultiValue

#: Elements that may name a patient or tell the time of the examination.
PRIVATE = (
    *("PatientName", "PatientID", "PatientBirthDate", "OtherPatientIDs", "OtherPatientNames"),
    *("PatientBirthName", "PatientMotherBirthName", "PatientAddress", "ResponsiblePerson"),
    *("AccessionNumber", "ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName"),
    *("RequestingPhysician", "PhysiciansOfRecord", "NameOfPhysiciansReadingStudy"),
    *("ConsultingPhysicianName", "ScheduledPerformingPhysicianName"),
    *("InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName", "StationName"),
    *("StudyDate", "StudyTime", "SeriesDate", "AcquisitionDate", "ContentDate"),
)

#: What takes the place of a private word.
HIDDEN = "…"

#: A shorter part of a private value is hidden only where it is a word of its own.
SHORTEST_PART = 3

#: Letters that are no letter with an accent, as they are written without them.
LETTERS = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d"})


def private_parts(dataset: Dataset) -> frozenset[str]:
    """Return the private values of a header, and the words in them."""
    values = [value for keyword in PRIVATE for value in words_of(dataset.get(keyword))]
    # An accent that is a character of its own would end a word.
    values = [unicodedata.normalize("NFC", value) for value in values]
    words = [word for value in values for word in re.split(r"[\W_]+", value)]
    return frozenset(filter(None, (*values, *words)))


def words_of(value: Any) -> list[str]:
    """Return the values of an element with one value, several or none."""
    if value is None or value == "":
        return []
    return [str(part) for part in value] if isinstance(value, MultiValue) else [str(value)]


def is_name(word: str) -> bool:
    """Tell whether a private word may be a name: a longer word with a letter."""
    return len(word) >= SHORTEST_PART and any(map(str.isalpha, word))


@cache
def hide(text: str, private: frozenset[str]) -> str:
    """Return a text without private words in any spelling, dates and other long numbers."""
    for part in sorted(private, key=len, reverse=True):
        # The place in the text of each folded letter.
        letters = [(letter, at) for at, each in enumerate(text) for letter in fold(each)]
        places = [*(at for _, at in letters), len(text)]
        found = spellings_of(part).finditer("".join(letter for letter, _ in letters))
        for first, end in reversed([(places[one.start()], places[one.end()]) for one in found]):
            text = text[:first] + HIDDEN + text[end:]
    text = re.sub(r"\d[\d./-]{4,}\d", HIDDEN, text)
    return " ".join("".join(filter(str.isprintable, text)).split())


@cache
def fold(text: str) -> str:
    """Return a text in small letters without accents: `a` for `Ä`, `ss` for `ß`."""
    letters = unicodedata.normalize("NFD", text.casefold().translate(LETTERS))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


@cache
def spellings_of(part: str) -> re.Pattern[str]:
    """Return an expression for a private word in a folded text: `ü`, `ue` and `u` are one."""
    folded = fold(part)
    if not folded:
        return re.compile("(?!)")
    shortest = re.sub("([aou])e", r"\1", folded)
    spelled = re.sub("[aou]", r"\g<0>e?", re.escape(shortest))
    if len(shortest) >= SHORTEST_PART:
        return re.compile(spelled)
    word = rf"(?<![^\W_]){spelled}(?![^\W_])"
    return re.compile(f"{word}|{re.escape(folded)}" if len(folded) >= SHORTEST_PART else word)
