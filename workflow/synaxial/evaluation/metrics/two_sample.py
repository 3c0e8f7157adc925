"""A classifier two-sample test: whether features tell real and generated images apart."""

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from synaxial.compute import parallel
from synaxial.evaluation.metrics.common import Features, Numbers, Statistic, Weights, checked

NAME = "two_sample"
TITLE = "two-sample test"
EXPLANATION = (
    "A classifier (logistic regression on at most 64 principal components of the features) learns "
    "to tell real from generated images and is tested on other images: other generated images, and "
    "real images of subjects that it has not seen. This is done for ten random divisions of the "
    "subjects and images, and the values are means: with few subjects, one division decides much. "
    "AUC is how often the classifier gives the generated image of a pair the higher score. "
    "Accuracy is how often it is right about one image, with equal weight for both classes. 0.5 is "
    "the best value: the classifier can only guess. 1 means that it is always right. The test "
    "finds any single difference that the features show, even an invisible one, and does not say "
    "how serious it is. It does not see copies of training images, warped or not: read it beside "
    "the memorisation. The classifier may tell apart two real sets of few subjects too."
)
SOURCE = "Lopez-Paz and Oquab, Revisiting Classifier Two-Sample Tests, ICLR 2017, arXiv 1610.06545"

FOLDS = 5
#: How many times the subjects are dealt out to the folds. With ten subjects of each set, the AUC of
#: one deal has a standard deviation of 0.01 to 0.06 from deal to deal.
DEALS = 10
#: The largest number of principal components, and the fewest training images for each of them.
COMPONENTS = 64
IMAGES_A_COMPONENT = 4
SEED = 2017

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]


def prepare(
    generated: Features, reference: Features, generated_groups: Integers, reference_groups: Integers
) -> Statistic:
    """Return {"auc", "accuracy"} of two sets as a function of the images' weights.

    The classifiers are trained once, without weights: an image with weight 2 must not be in both
    the training and the test images. The values are means over the deals. Those of a deal are means
    over the folds that have images of both sets. If no fold has, as can be with two or three
    groups, all images form one fold.
    """
    labels = np.repeat([1, 0], [len(generated), len(reference)])
    sets = generated, reference, generated_groups, reference_groups
    deals = [held_out_scores(*sets, deal) for deal in range(DEALS)]

    def auc_and_accuracy(p: Weights, q: Weights) -> Numbers:
        p = np.ones(len(generated)) if p is None else p
        q = np.ones(len(reference)) if q is None else q
        weights = np.concatenate([p, q])
        values = [of_deal(scores, fold_of, labels, weights) for scores, fold_of in deals]
        auc, accuracy = np.mean(values, axis=0)
        return {"auc": float(auc), "accuracy": float(accuracy)}

    return auc_and_accuracy


def of_deal(
    scores: Vector, fold_of: Integers, labels: Integers, weights: Vector
) -> tuple[float, float]:
    """Return AUC and accuracy of one deal."""
    there = weights > 0
    folds = [there & (fold_of == fold) for fold in np.unique(fold_of)]
    with_both = [fold for fold in folds if len(np.unique(labels[fold])) == 2]
    chosen = [(scores[at], labels[at], weights[at]) for at in with_both or [there]]
    aucs, accuracies = ([measure(*f) for f in chosen] for measure in (area_under_curve, _accuracy))
    return float(np.mean(aucs)), float(np.mean(accuracies))


def held_out_scores(
    generated: Features,
    reference: Features,
    generated_groups: Integers,
    reference_groups: Integers,
    deal: int,
) -> tuple[Vector, Integers]:
    """Train a classifier for each fold; return the score and the fold of each image, (N + M,).

    Generated images come first. A score is above 0 for images taken as generated. Scores of
    different folds are not comparable. Which groups are in a fold depends on the number `deal`.
    """
    x, y = checked(generated, reference, least=2)
    both = generated_groups, reference_groups
    folds = min(FOLDS, *(len(np.unique(groups)) for groups in both))
    if folds < 2:
        raise ValueError("one group of images, expected at least two of each set")
    generator = np.random.Generator(np.random.PCG64([SEED, deal]))
    fold_of = np.concatenate([folds_of(groups, folds, generator) for groups in both])
    labels = np.repeat([1, 0], [len(x), len(y)])
    features = np.concatenate([x, y])
    scores = np.empty(len(features))

    def train_and_score(fold: int) -> None:
        tested = fold_of == fold
        classifier = make_classifier(int((~tested).sum()), features.shape[1])
        # Where all features are equal, the components have no variance to take shares of.
        with np.errstate(invalid="ignore"):
            classifier.fit(features[~tested], labels[~tested])
        scores[tested] = classifier.decision_function(features[tested])

    parallel.for_each(train_and_score, range(folds))
    return scores, fold_of


def folds_of(groups: Integers, folds: int, generator: np.random.Generator) -> Integers:
    """Deal the groups of a set out to the folds; return the fold of each image, int64 (N,)."""
    names, index = np.unique(groups, return_inverse=True)
    dealt = generator.permutation(np.arange(len(names)) % folds)
    return np.asarray(dealt[index], np.int64)


def make_classifier(images: int, dimensions: int) -> Pipeline:
    """Return a classifier for this many training images with this many features each.

    The components are standardised, not the features. Where the sets differ greatly in a few
    features, that difference is then the first component and is not lost among the others.
    """
    components = max(1, min(COMPONENTS, dimensions, images // IMAGES_A_COMPONENT))
    # Both solvers give the same components; each is faster for one shape of the matrix.
    solver = "full" if images < dimensions // 2 else "covariance_eigh"
    return make_pipeline(
        PCA(components, svd_solver=solver),
        StandardScaler(),
        LogisticRegression(class_weight="balanced", max_iter=1000),
    )


def area_under_curve(scores: Vector, labels: Integers, weights: Vector) -> float:
    """Return how often an image of label 1 has a higher score than one of label 0, by weight.

    A tie counts one half. The value is that of `roc_auc_score` of scikit-learn, which is far
    slower for a few hundred images.
    """
    values, place = np.unique(scores, return_inverse=True)
    below, above = (
        np.bincount(place, weights * (labels == label), len(values)) for label in (0, 1)
    )
    wins = above @ (np.cumsum(below) - below / 2)
    return float(wins / (below.sum() * above.sum()))


def _accuracy(scores: Vector, labels: Integers, weights: Vector) -> float:
    """Return the weighted share of right answers, as the mean over both classes."""
    right = (scores > 0) == (labels == 1)
    each = [np.average(right[labels == k], weights=weights[labels == k]) for k in (0, 1)]
    return float(np.mean(each))
