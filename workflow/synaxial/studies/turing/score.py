"""`synaxial study turing score`: the numbers of each reader, and of all readers together."""

import logging
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from synaxial.evaluation.metrics.intervals import Interval
from synaxial.io.files import write_json, write_text
from synaxial.studies.turing import statistics
from synaxial.studies.turing.files import Answers, Key, read_key, read_readers
from synaxial.studies.turing.judgements import (
    Judgements,
    draws_of,
    interval_of,
    interval_of_such,
    judgements_of,
    numbers_of,
    reasons_by_truth,
)
from synaxial.studies.turing.result_page import make_result_page, of_all, of_reader
from synaxial.studies.turing.sample_size import MARGIN, detectable_accuracy, detectable_margin

#: Raise it when the results of this stage change.
VERSION = 2

#: Two one-sided tests at 5 % correspond to a 90 % interval within the margin.
LEVEL_OF_EQUIVALENCE = 0.9

logger = logging.getLogger(__name__)


def run(
    answers: Annotated[
        list[Path], typer.Argument(help="Files that the page saved (.json), one for each reader.")
    ],
    key: Annotated[Path, typer.Option(help="The key of `synaxial study turing build` (.json).")],
    output: Annotated[Path, typer.Option(help="The numbers to write (.json).")],
    page: Annotated[Path, typer.Option(help="The page that explains them to write (.html).")],
    margin: Annotated[
        float,
        typer.Option(
            min=0.01,
            max=0.4,
            help="An accuracy within this distance of 0.5 counts as chance. Choose it in advance.",
        ),
    ] = MARGIN,
) -> None:
    """Evaluate whether readers can tell generated images from real ones, from their answers.

    \b
    Example:
      synaxial study turing score answers_ada.json answers_bob.json --key key.json
        --output result.json --page result.html
    """
    truth = read_key(key)
    everyone = read_readers(answers, truth)
    for one in everyone:
        missing = len(truth.images) - len(one.answers)
        if missing:
            logger.warning("reader %s: %d images are not answered", one.reader.name, missing)
    found = score(truth, everyone, margin)
    write_json(output, found)
    write_text(page, make_result_page(found))
    logger.info("%s: %d reader%s", output, len(everyone), "s" * (len(everyone) > 1))


def score(key: Key, everyone: list[Answers], margin: float) -> dict[str, Any]:
    """Return all numbers of a reading, ready for JSON; `margin` is that of equivalence."""
    judgements = judgements_of(key, everyone)
    readers = []
    for number, one in enumerate(everyone):
        person = {
            **one.reader.model_dump(),
            "shown": len(key.images),
            "answered": len(one.answers),
            "median_seconds": float(np.median([answer.seconds for answer in one.answers])),
        }
        readers.append(person | score_reader(judgements.of(number), margin))
    calls = judgements.calls
    return {
        "page": key.page,
        "margin": margin,
        "images": {
            "generated": int(judgements.truth.sum()),
            "real": int((~judgements.truth).sum()),
            "shown_twice": len(key.images) - len(judgements.truth),
        },
        "readers": readers,
        "all_readers": score_all(judgements, margin) if len(everyone) > 1 else None,
        "agreement": {
            "images_of_all": int((~np.isnan(calls)).all(axis=0).sum()),
            "fleiss_kappa": statistics.fleiss_kappa(calls),
            "krippendorff_alpha": statistics.krippendorff_alpha(calls),
        },
        "reasons": reasons_by_truth(key, everyone),
    }


def score_reader(judgements: Judgements, margin: float) -> dict[str, Any]:
    """Return one reader's numbers, and what they show in words.

    Intervals have the level 0.95: Wilson's for shares, and the bootstrap over images for the
    balanced accuracy and the area under the ROC curve. Sensitivity is for generated images,
    specificity for real ones.
    """
    calls = judgements.calls[0]
    judged = ~np.isnan(calls)
    calls, truth = calls[judged], judgements.truth[judged]
    right = calls == truth
    hits, count = int(right.sum()), len(right)
    values, draws = numbers_of(judgements), draws_of(judgements, readers_too=False)

    def drawn(name: str, level: float = 0.95) -> dict[str, float | None]:
        return _number(values[name], interval_of(draws[name], level))

    pairs = judgements.repeated[0] > 0
    numbers: dict[str, Any] = {
        "judged": count,
        "right": hits,
        "generated": float(truth.mean()),
        "says_generated": float(calls.mean()),
        "accuracy": _share(hits, count),
        "sensitivity": _share(int(right[truth].sum()), int(truth.sum())),
        "specificity": _share(int(right[~truth].sum()), int((~truth).sum())),
        "balanced_accuracy": drawn("balanced_accuracy"),
        "balanced_accuracy_90": drawn("balanced_accuracy", LEVEL_OF_EQUIVALENCE),
        "auc": drawn("auc"),
        "binomial_p": statistics.binomial_test(hits, count),
        "fisher_p": statistics.association_test(calls, truth),
        "equivalence_p": statistics.equivalence_test(hits, count, margin),
        "repeats": {
            "pairs": len(pairs),
            "same": float((pairs[:, 0] == pairs[:, 1]).mean()) if len(pairs) else None,
            "kappa": statistics.cohen_kappa(pairs[:, 0].astype(float), pairs[:, 1].astype(float)),
        },
        "detectable_accuracy": detectable_accuracy(count),
        "detectable_margin": detectable_margin(count),
    }
    return numbers | {"conclusion": of_reader(numbers, margin)}


def score_all(judgements: Judgements, margin: float) -> dict[str, Any]:
    """Return the numbers of several readers together, and what they show in words.

    Each number has two intervals: for these readers, with drawn images, and for readers like these,
    with drawn readers and images. Both also exist with the level 0.9, for equivalence.
    """
    values = numbers_of(judgements)
    of_these = draws_of(judgements, readers_too=False)
    of_such = draws_of(judgements, readers_too=True)
    readers = len(judgements.scores)

    def both(name: str, level: float) -> dict[str, Any]:
        return {
            "value": values[name],
            "these_readers": interval_of(of_these[name], level),
            "readers_like_these": interval_of_such(values[name], of_such[name], readers, level),
        }

    numbers: dict[str, Any] = {
        "judged": int((~np.isnan(judgements.scores)).sum()),
        "readers": readers,
        **{name: both(name, 0.95) for name in values},
        "balanced_accuracy_90": both("balanced_accuracy", LEVEL_OF_EQUIVALENCE),
    }
    return numbers | {"conclusion": of_all(numbers, margin)}


def _share(hits: int, count: int) -> dict[str, float | None]:
    """Return a share with Wilson's interval; both None without judgements."""
    return _number(hits / count, statistics.wilson(hits, count)) if count else _number(None, None)


def _number(value: float | None, interval: Interval | None) -> dict[str, float | None]:
    low, high = (None, None) if interval is None else interval
    return {"value": value, "low": low, "high": high}
