"""How much the images of a batch differ, as one more channel of each (Karras et al., 2018)."""

from typing import Any

from synaxial.compute.chainer_compatibility import chainer

F = chainer.functions

#: Images that are held against each other (Karras et al., 2018 and 2020).
GROUP = 4

#: Added to the variance, so that the root has a gradient where all images are the same.
EPSILON = 1e-8


def with_deviation(x: Any) -> Any:
    """Append a channel of the standard deviation over the batch, the mean of all values' ones.

    A batch that 4 divides is taken in groups of four images, of which each has a number of its own
    (images i, i + N / 4, … are a group, as in StyleGAN2); any other batch is one group. An image
    alone has no deviation: 0. On several ranks, each rank's share is a batch of its own.

    Of Chainer's own functions, on any device: the last convolution's input is small.

    Parameters
    ----------
    x
        (N, C, H, W).

    Returns
    -------
    Variable
        (N, C + 1, H, W).
    """
    images, _, height, width = x.shape
    if images == 1:
        xp = chainer.backend.get_array_module(x)
        return F.concat([x, xp.zeros((1, 1, height, width), x.dtype)], axis=1)
    size = GROUP if images % GROUP == 0 else images
    groups = images // size
    members = F.reshape(x, (size, groups, -1))
    centred = members - F.broadcast_to(F.mean(members, axis=0, keepdims=True), members.shape)
    variance = F.mean(centred * centred, axis=0)
    of_groups = F.mean(F.sqrt(variance + EPSILON), axis=1)
    of_images = F.reshape(F.tile(of_groups, size), (images, 1, 1, 1))
    return F.concat([x, F.broadcast_to(of_images, (images, 1, height, width))], axis=1)
