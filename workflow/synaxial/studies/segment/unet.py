"""A small U-Net: from images to the logits of the tumour mask.

Source: Ronneberger, Fischer and Brox, U-Net: Convolutional Networks for Biomedical Image
Segmentation, MICCAI 2015: a contracting path, an expanding path, and a skip connection at each
level. It differs from theirs in four points. Convolutions are padded, so that masks are as large as
images. A strided 4 x 4 convolution halves the width (nnU-Net, Isensee et al., 2021, also uses
strided convolutions). Nearest-neighbour up-sampling with a 3 x 3 convolution doubles it. All layers
but the last have batch normalisation. The two resampling layers are those that this package
computes fast.
"""

import itertools
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.networks.layers import BatchNormalization, Convolution, hidden
from synaxial.gan.ops.upsampling import nearest_convolution

F = chainer.functions


class Layer(chainer.Chain):
    """A convolution, batch normalisation and ReLU.

    The kind `same` is 3 x 3. `down` is 4 x 4 with stride 2, which halves the width. `up` is 3 x 3
    after nearest-neighbour up-sampling, which doubles it. The initial weights are those of He et
    al., 2015.
    """

    def __init__(
        self, before: int, after: int, random: np.random.RandomState, kind: str = "same"
    ) -> None:
        super().__init__()
        width, stride = (4, 2) if kind == "down" else (3, 1)
        self.up = kind == "up"
        # The normalisation would remove a bias.
        options = {"nobias": True, "initialW": chainer.initializers.HeNormal(rng=random)}
        with self.init_scope():
            self.convolution = Convolution(before, after, width, stride, 1, **options)
            self.normalization = BatchNormalization(after)

    def forward(self, x: Any) -> Any:
        """Compute (N, after, …) from (N, before, …)."""
        y = nearest_convolution(x, self.convolution.W, None) if self.up else self.convolution(x)
        return hidden(y, self.normalization, "relu", 0.0)


class UNet(chainer.Chain):
    """The network, with the number of channels of each level, the finest first.

    Each level halves the width.
    """

    def __init__(self, channels: list[int], seed: int) -> None:
        super().__init__()
        random = np.random.RandomState(np.random.MT19937(seed))
        finer = list(itertools.pairwise(channels))
        with self.init_scope():
            self.begin = chainer.ChainList(
                Layer(1, channels[0], random), Layer(channels[0], channels[0], random)
            )
            self.down = chainer.ChainList(
                *(
                    chainer.Sequential(Layer(a, b, random, "down"), Layer(b, b, random))
                    for a, b in finer
                )
            )
            self.up = chainer.ChainList(*(Layer(b, a, random, "up") for a, b in finer))
            self.join = chainer.ChainList(*(Layer(2 * a, a, random) for a, _ in finer))
            self.end = Convolution(
                channels[0], 1, 1, initialW=chainer.initializers.HeNormal(rng=random)
            )

    def forward(self, images: Any) -> Any:
        """Return the logits of the tumour mask, a Variable, float32 (N, 1, S, S).

        Images have the same shape and values from -1 to 1; S is divisible by 2 ** (levels - 1).
        """
        x = images
        for layer in self.begin:
            x = layer(x)
        levels = [x]
        for layer in self.down:
            levels.append(layer(levels[-1]))
        x = levels.pop()
        for up, join in zip(reversed(list(self.up)), reversed(list(self.join)), strict=True):
            x = join(F.concat((levels.pop(), up(x))))
        return self.end(x)
