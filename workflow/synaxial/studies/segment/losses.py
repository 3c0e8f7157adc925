"""What the U-Net minimises: binary cross-entropy and the soft Dice loss, added up.

Sources: Milletari, Navab and Ahmadi, V-Net, 3DV 2016 (the soft Dice loss); Isensee et al., nnU-Net,
Nature Methods 18, 2021 (the sum of both, with plain sums in Dice's denominator, and over the whole
batch, since an image without a tumour has no Dice of its own).
"""

from typing import Any

from synaxial.compute.chainer_compatibility import chainer

F = chainer.functions

#: Added to both sides of the fraction: a batch without a tumour, and none found, is no loss.
SMOOTHING = 1.0


def cross_entropy(logits: Any, masks: Any) -> Any:
    """Return the mean over all pixels of -t log p - (1 - t) log (1 - p), where p = sigmoid(z).

    Computed as log(1 + exp(z)) - t z, which is the same and does not overflow.

    Parameters
    ----------
    logits
        float32 (N, 1, S, S): z.
    masks
        float32 of the same shape: t, 0 or 1.
    """
    return F.mean(F.softplus(logits) - masks * logits)


def soft_dice_loss(logits: Any, masks: Any) -> Any:
    """Return 1 - (2 sum p t + 1) / (sum p + sum t + 1), with sums over all pixels of the batch.

    Parameters
    ----------
    logits, masks
        As for `cross_entropy`.
    """
    p = F.sigmoid(logits)
    overlap = F.sum(p * masks)
    total = F.sum(p) + masks.sum()
    return 1 - (2 * overlap + SMOOTHING) / (total + SMOOTHING)


def segmentation_loss(logits: Any, masks: Any) -> Any:
    """Return the sum of both."""
    return cross_entropy(logits, masks) + soft_dice_loss(logits, masks)
