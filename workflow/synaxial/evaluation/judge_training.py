"""The training of the judge, with Chainer's own links: 600 updates take a minute on a core."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from synaxial.compute.chainer_compatibility import chainer
from synaxial.evaluation.features.judge import CHANNELS, SIDE, STRIDES, Array, Network, features_of
from synaxial.io.images import overlap

F, L = chainer.functions, chainer.links

#: Adam's largest step size: it rises over the first updates, then falls like a cosine to 0.
RATE, WARM_UP = 4e-3, 50
BATCH = 32
WEIGHT_DECAY = 1e-4
#: The weight of the tumour's cross-entropy beside the squared error of the level.
OF_TUMOUR = 0.5

#: Random changes of an image: it is mirrored or not, moved by up to so many of its 64 pixels along
#: both axes, and its brightness is multiplied by 1 plus or minus so much.
REACH = 4
BRIGHTNESS = 0.1


class Targets(NamedTuple):
    """What the judge must tell of each image: the level in mm, float32 (N,), and tumour or none.

    The second is bool (N,), or None if it is not known.
    """

    level: Array
    tumour: NDArray[np.bool_] | None


def train(images: Array, targets: Targets, updates: int, seed: int) -> Network:
    """Train a judge on images of `prepare`. The same seed gives the same judge."""
    generator = np.random.Generator(np.random.PCG64(seed))
    body, last = make_body(generator), L.Linear(CHANNELS[-1], 2, initialW=0)
    whole = chainer.Sequential(body, last)
    optimizer = chainer.optimizers.Adam()
    optimizer.setup(whole)
    optimizer.add_hook(chainer.optimizer_hooks.WeightDecay(WEIGHT_DECAY))
    middle, spread = targets.level.mean(), max(float(targets.level.std()), 1.0)
    level = ((targets.level - middle) / spread).astype(np.float32)
    for update in range(updates):
        fall = 0.5 + 0.5 * np.cos(np.pi * update / updates)
        optimizer.alpha = RATE * min(1.0, (update + 1) / WARM_UP) * fall
        chosen = generator.integers(0, len(images), BATCH)
        found = whole(changed(images[chosen], generator))
        loss = F.mean_squared_error(found[:, 0], level[chosen])
        if targets.tumour is not None:
            there = targets.tumour[chosen].astype(np.int32)
            loss += OF_TUMOUR * F.sigmoid_cross_entropy(found[:, 1], there)
        whole.cleargrads()
        loss.backward()
        optimizer.update()
    layers = folded(body)
    features = features_of(layers, images)
    scale = np.sqrt((features**2).mean(axis=0)) + np.float32(1e-6)
    # From standardised levels to mm.
    sizes = np.array([spread, 1], np.float32)
    weights = last.W.array * scale * sizes[:, None]
    bias = last.b.array * sizes + np.array([middle, 0], np.float32)
    return Network(layers, scale, weights, bias)


def make_body(generator: np.random.Generator) -> Any:
    """Return the network up to its features, with the initial weights of He et al."""
    links: list[Any] = []
    for before, after, stride in zip((1, *CHANNELS[:-1]), CHANNELS, STRIDES, strict=True):
        kernels = generator.standard_normal((after, before, 3, 3)) * np.sqrt(2 / (9 * before))
        kernels = kernels.astype(np.float32)
        links += [
            L.Convolution2D(before, after, 3, stride, 1, nobias=True, initialW=kernels),
            L.BatchNormalization(after),
            F.relu,
        ]
    return chainer.Sequential(*links, lambda x: F.mean(x, axis=(2, 3)))


def folded(body: Any) -> tuple[tuple[Array, Array], ...]:
    """Return the kernels and biases of the convolutions with their batch normalisation in them."""
    layers = []
    for convolution, normalisation in zip(body[0::3], body[1::3], strict=False):
        gain = normalisation.gamma.array / np.sqrt(normalisation.avg_var + normalisation.eps)
        kernels = convolution.W.array * gain[:, None, None, None]
        bias = normalisation.beta.array - normalisation.avg_mean * gain
        layers.append((kernels.astype(np.float32), bias.astype(np.float32)))
    return tuple(layers)


def changed(images: Array, generator: np.random.Generator) -> Array:
    """Return images (N, 1, 64, 64), each mirrored, moved and brightened at random."""
    mirrored = generator.random(len(images)) < 0.5
    moves = generator.integers(-REACH, REACH + 1, (len(images), 2))
    factors = generator.uniform(1 - BRIGHTNESS, 1 + BRIGHTNESS, len(images)).astype(np.float32)
    made = np.zeros_like(images)
    for image, target, mirror, (down, right), factor in zip(
        images[:, 0], made[:, 0], mirrored, moves.tolist(), factors, strict=True
    ):
        (rows, to_rows), (columns, to_columns) = (
            overlap(move, SIDE, SIDE) for move in (down, right)
        )
        oriented = image[:, ::-1] if mirror else image
        target[to_rows, to_columns] = factor * oriented[rows, columns]
    return made
