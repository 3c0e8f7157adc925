"""A classifier two-sample test: whether features tell real and generated images apart."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from synaxial.compute import parallel
from synaxial.evaluation.features.rows import Features, Statistic, checked
from synaxial.evaluation.metrics.images import Weights

NAME = "two_sample"
TITLE = "two-sample test"
EXPLANATION = (
    "A classifier (logistic regression on at most 64 principal components of the features) learns "
    "to tell real from generated images, and is asked about others: other generated images, and "
    "real ones of subjects that it has not seen. AUC is how often it gives the generated one of "
    "two images the higher score, accuracy how often it is right about one (both classes count "
    "the same): 0.5 is the best, it can only guess; 1 is always told apart. It finds any single "
    "difference that the features show, even one that no eye sees, and does not say how grave it "
    "is. It sees no copies of training images. A few subjects are no sample of all: two real sets "
    "of few subjects may also be told apart."
)
SOURCE = "Lopez-Paz and Oquab, Revisiting Classifier Two-Sample Tests, ICLR 2017, arXiv 1610.06545"

FOLDS = 5
#: The most principal components …
COMPONENTS = 64
#: … and the fewest images to learn from for each of them.
IMAGES_A_COMPONENT = 4
SEED = 2017

Vector = NDArray[np.float64]


def compare(
    generated: Features,
    reference: Features,
    generated_weights: Weights = None,
    reference_weights: Weights = None,
    *,
    generated_groups: NDArray[np.int64],
    reference_groups: NDArray[np.int64],
) -> dict[str, float]:
    """Return {"auc", "accuracy"}.

    Parameters
    ----------
    generated, reference
        (N, D) and (M, D).
    generated_weights, reference_weights
        (N,) and (M,): how often an image is asked about. The classifier learns without them: a
        copy that it learned from would give the other away.
    generated_groups, reference_groups
        int64 (N,) and (M,): the images of a group are never learned from and asked about at once.

    Raises
    ------
    ValueError
        A set has fewer than two groups, or the features are different ones.
    """
    statistic = prepare(generated, reference, generated_groups, reference_groups)
    return statistic(generated_weights, reference_weights)


def prepare(
    generated: Features,
    reference: Features,
    generated_groups: NDArray[np.int64],
    reference_groups: NDArray[np.int64],
) -> Statistic:
    """Let classifiers learn, and ask each about the images it has not seen.

    What it returns is called by `bootstrap_intervals`; the interval is that of the images asked
    about, for these classifiers.

    Raises
    ------
    ValueError
        A set has fewer than two groups, or the features are different ones.
    """
    x, y = checked(generated, reference, least=2)
    both = generated_groups, reference_groups
    folds = min(FOLDS, *(len(np.unique(groups)) for groups in both))
    if folds < 2:
        raise ValueError("one group of images, expected at least two of each set")
    generator = np.random.Generator(np.random.PCG64(SEED))
    fold_of = np.concatenate([folds_of(groups, folds, generator) for groups in both])
    labels = np.repeat([1, 0], [len(x), len(y)])
    features = np.concatenate([x, y])
    scores = np.empty(len(features))

    def learn_and_ask(fold: int) -> None:
        ask = fold_of == fold
        classifier = make_classifier(int((~ask).sum()), features.shape[1])
        # Where all features are the same, the components' shares of no variance are no numbers.
        with np.errstate(invalid="ignore"):
            classifier.fit(features[~ask], labels[~ask])
        scores[ask] = classifier.decision_function(features[ask])

    parallel.for_each(learn_and_ask, range(folds))
    return _Answers(scores, fold_of, labels)


def folds_of(
    groups: NDArray[np.int64], folds: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Deal a set's groups out to the folds; return each image's, int64 (N,)."""
    names, index = np.unique(groups, return_inverse=True)
    dealt = generator.permutation(np.arange(len(names)) % folds)
    return np.asarray(dealt[index], np.int64)


def make_classifier(images: int, dimensions: int) -> Pipeline:
    """Return the classifier, for so many images to learn from, with so many features each.

    Components are standardised, not features: where the sets differ greatly in a few features,
    that is then the first component, and is not lost among the others.
    """
    components = max(1, min(COMPONENTS, dimensions, images // IMAGES_A_COMPONENT))
    # The same components, whichever of the two matrices is the smaller one.
    solver = "full" if images < dimensions // 2 else "covariance_eigh"
    return make_pipeline(
        PCA(components, svd_solver=solver),
        StandardScaler(),
        LogisticRegression(class_weight="balanced", max_iter=1000),
    )


@dataclass(frozen=True)
class _Answers:
    """What was said of each image.

    Attributes
    ----------
    scores
        float64 (N + M,): above 0 for `generated`.
    folds
        int64 (N + M,): which classifier said so. Scores of one are not compared with another's.
    labels
        int64 (N + M,): 1 for generated images, which come first, and 0.
    """

    scores: Vector
    folds: NDArray[np.int64]
    labels: NDArray[np.int64]

    def __call__(self, generated_weights: Weights, reference_weights: Weights) -> dict[str, float]:
        """Return the means over the folds that have images of both sets left.

        If there is none, as can be with two or three groups, all images are one fold.
        """
        counts = np.bincount(1 - self.labels)
        weights = np.concatenate(
            [
                np.ones(count) if given is None else given
                for count, given in zip(counts, (generated_weights, reference_weights), strict=True)
            ]
        )
        there = weights > 0
        folds = [there & (self.folds == fold) for fold in np.unique(self.folds)]
        with_both = [asked for asked in folds if len(np.unique(self.labels[asked])) == 2]
        values = [self.of_fold(asked, weights) for asked in with_both or [there]]
        auc, accuracy = np.mean(values, axis=0)
        return {"auc": float(auc), "accuracy": float(accuracy)}

    def of_fold(self, asked: NDArray[np.bool_], weights: Vector) -> tuple[float, float]:
        """Return AUC and accuracy of what one classifier said of images of both sets."""
        labels, scores, counts = self.labels[asked], self.scores[asked], weights[asked]
        right = (scores > 0) == (labels == 1)
        each = [
            np.average(right[labels == label], weights=counts[labels == label]) for label in (0, 1)
        ]
        return area_under_curve(scores, labels, counts), float(np.mean(each))


def area_under_curve(scores: Vector, labels: NDArray[np.int64], weights: Vector) -> float:
    """Return how often an image of label 1 has a higher score than one of label 0, by weight.

    Equal scores are half a time. scikit-learn's `roc_auc_score` says the same, and takes far
    longer for a few hundred images.
    """
    values, place = np.unique(scores, return_inverse=True)
    below, above = (
        np.bincount(place, weights * (labels == label), len(values)) for label in (0, 1)
    )
    wins = above @ (np.cumsum(below) - below / 2)
    return float(wins / (below.sum() * above.sum()))
