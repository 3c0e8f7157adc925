"""Whether the ranks can share a batch; without Chainer, so that the workflow can ask."""

from synaxial.config.model import Training
from synaxial.io.errors import SynaxialError


def check_shares(training: Training, ranks: int) -> None:
    """Check that the batch can be shared among the ranks.

    Raises
    ------
    SynaxialError
        It does not divide, or a rank would have a single image to normalise over by itself, where
        batch normalisation makes the same of every single value, whatever it is; or a single one
        whose difference from the others is to be told.
    """
    share, rest = divmod(training.batch_size, ranks)
    if rest:
        raise SynaxialError(
            "batch_size",
            f"{training.batch_size} images do not divide among {ranks} ranks",
            "a multiple of the number of ranks",
        )
    normalised = (
        training.generator.batch_normalization or training.discriminator.batch_normalization
    )
    alone = training.batch_normalization_statistics == "local" or ranks == 1
    if share == 1 and normalised and alone:
        raise SynaxialError(
            "batch_size",
            f"{training.batch_size} images over {ranks} ranks are one image a rank",
            "at least two images a rank with batch_normalization",
            "use fewer ranks, a larger batch_size, or with several ranks "
            "batch_normalization_statistics: synchronised",
        )
    if share == 1 and training.discriminator.minibatch_deviation:
        raise SynaxialError(
            "batch_size",
            f"{training.batch_size} images over {ranks} ranks are one image a rank",
            "at least two images a rank with discriminator.minibatch_deviation, for one image "
            "alone differs from none",
            "use fewer ranks or a larger batch_size",
        )
