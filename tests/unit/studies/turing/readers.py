"""Readers of known skill: what they would say to a page."""

import numpy as np

from synaxial.studies.turing.judgements import Judgements

#: Judgements that are a page's default.
IMAGES = 230


def truth_of(images=IMAGES, generated=0.5):
    return np.arange(images) < round(images * generated)


def simulate(truth, skills, seed, confidence=None, difficulty=0.0):
    """Return the answers of readers who are right with these probabilities.

    Parameters
    ----------
    truth
        bool (N,).
    skills
        Of R readers.
    seed
        Of the draws.
    confidence
        Called with the generator and whether each answer is right; None is 1 to 5 at random.
    difficulty
        Standard deviation of what an image takes from all readers' skill.
    """
    generator = np.random.default_rng(seed)
    easier = generator.normal(0, difficulty, len(truth)) if difficulty else 0.0
    chance = np.clip(np.asarray(skills)[:, None] + easier, 0, 1)
    right = generator.random((len(skills), len(truth))) < chance
    sure = (
        generator.integers(1, 6, right.shape)
        if confidence is None
        else confidence(generator, right)
    )
    scores = np.where(right == truth, sure, -sure).astype(float)
    return Judgements(truth, scores, [np.empty((0, 2)) for _ in skills])
