"""What readers said, as arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synaxial.studies.turing.files import REASONS, Answer, Answers, Key

#: The scores of an answer: "real" with confidence 5 to 1, "generated" with confidence 1 to 5.
SCORES = (-5, -4, -3, -2, -1, 1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Judgements:
    """The answers of R readers to N images, each image's first showing; a repeat is none of them.

    Attributes
    ----------
    truth
        bool (N,): generated.
    scores
        float64 (R, N): confidence, negative for "real"; NaN where not answered.
    repeated
        Of each reader, pairs of scores: of an image's first showing and of its second.
    """

    truth: NDArray[np.bool_]
    scores: NDArray[np.float64]
    repeated: list[NDArray[np.float64]]

    @property
    def calls(self) -> NDArray[np.float64]:
        """float64 (R, N): 1 generated, 0 real, NaN not answered."""
        return np.where(np.isnan(self.scores), np.nan, self.scores > 0)

    def of(self, reader: int) -> "Judgements":
        """Return one reader's alone."""
        return Judgements(
            self.truth, self.scores[reader : reader + 1], self.repeated[reader : reader + 1]
        )


def judgements_of(key: Key, everyone: list[Answers]) -> Judgements:
    """Return readers' answers as arrays, in the order of the key's images."""
    firsts = [image for image in key.images if image.repeat_of is None]
    said = [{answer.image: score_of(answer) for answer in one.answers} for one in everyone]
    return Judgements(
        np.array([image.truth == "generated" for image in firsts]),
        np.array([[mine.get(image.image, np.nan) for image in firsts] for mine in said], float),
        [
            np.array(
                [
                    (mine[image.repeat_of], mine[image.image])
                    for image in key.images
                    if image.repeat_of in mine and image.image in mine
                ],
                float,
            ).reshape(-1, 2)
            for mine in said
        ],
    )


def score_of(answer: Answer) -> int:
    """Return an answer's confidence, negative for "real"."""
    return answer.confidence if answer.answer == "generated" else -answer.confidence


def reasons_by_truth(key: Key, everyone: list[Answers]) -> dict[str, dict[str, dict[str, int]]]:
    """Count the reasons by what the image was and what the reader said; repeats do not count."""
    truth = {image.image: image.truth for image in key.images if image.repeat_of is None}
    kinds = ("real", "generated")
    counts = {kind: {said: dict.fromkeys(REASONS, 0) for said in kinds} for kind in kinds}
    for one in everyone:
        for answer in one.answers:
            if answer.image in truth:
                for reason in set(answer.reasons):
                    counts[truth[answer.image]][answer.answer][reason] += 1
    return counts
