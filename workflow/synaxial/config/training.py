"""The sections about training: an experiment, its optimizer, and what it writes while it runs."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from synaxial.config.networks import (
    Augmentation,
    Coarse,
    Discriminator,
    Generator,
    Latent,
    Variation,
)
from synaxial.config.sections import (
    COMMON,
    DISTINCT,
    Count,
    FractionOrZero,
    NotNegative,
    Positive,
    Section,
    Seed,
)
from synaxial.config.upsampler import Upsampler


class Optimizer(Section):
    """How gradients change the weights. Both networks share all keys except the learning rate."""

    name: Literal["adam", "sgd"] = "adam"
    """Adam, or stochastic gradient descent (the paper's comparison)."""

    learning_rate: Annotated[Positive, COMMON] = 0.0002
    """Learning rate (the paper: 0.0002; compared with 0.001 and 0.005)."""

    discriminator_learning_rate: Positive | None = None
    """A separate learning rate for the discriminator (Heusel et al., 2017). Null means the same."""

    beta1: FractionOrZero = 0.5
    """Adam's decay of the first moment (the paper: 0.5)."""

    beta2: FractionOrZero = 0.999
    """Adam's decay of the second moment."""

    weight_decay: NotNegative = 0.001
    """Weight decay: this number times the weight is added to its gradient (the paper: 0.001)."""


class Training(Section):
    """The networks, the loss, the optimizer and the length of a training.

    The section `training` has the values that all experiments share. Each of the `experiments` can
    override any of them. The defaults are the paper's.
    """

    seeds: Annotated[list[Seed], Field(min_length=1), DISTINCT, COMMON] = [1]
    """One training for each seed. The seed decides the initial weights, the order of the images,
    the latents, the noise and the dropout. Several seeds show which differences between experiments
    are due to chance."""

    epochs: Annotated[Count, COMMON] = 100
    """Passes over the training images. Open in the paper, which only finds 150 too many."""

    batch_size: Annotated[Count, COMMON] = 8
    """Images in one update, over all ranks together (the paper: 8; compared with 16 and 64)."""

    preset: Literal["paper", "modern"] = "paper"
    """A named set of values for an experiment. `modern` overrides `training`, and the experiment's
    own keys override `modern`. Its values are at the end of docs/configuration.md. `paper` leaves
    `training` unchanged."""

    loss: Annotated[Literal["wasserstein", "mse", "hinge", "non_saturating"], COMMON] = (
        "wasserstein"
    )
    """Loss function: wasserstein (the paper), mse, hinge or non_saturating. `wasserstein`: the
    score of real images times -1 and of generated images times +1, with no constraint unless a key
    below sets one. `mse`: squared distance of the scores to 1 and 0 (the paper's comparison).
    `hinge`: Lim and Ye, 2017. `non_saturating`: Goodfellow et al., 2014."""

    discriminator_steps: Count = 1
    """Updates of the discriminator for each update of the generator (the paper: 1; Gulrajani et
    al., 2017: 5)."""

    gradient_penalty: NotNegative = 0.0
    """Weight of the penalty that keeps the norm of the score's gradient close to 1 between real and
    generated images (WGAN-GP; Gulrajani et al., 2017: 10). 0 means no penalty (the paper). This key
    and `r1` need `discriminator.batch_normalization: false`."""

    r1: NotNegative = 0.0
    """Weight (gamma) of the R1 penalty: gamma / 2 times the squared norm of the score's gradient at
    real images (Mescheder et al., 2018). 0 means no penalty (the paper)."""

    r1_interval: Count = 16
    """Iterations from one R1 penalty to the next. The penalty is multiplied by this number to
    compensate (Karras et al., 2020)."""

    clipping: NotNegative = 0.0
    """Clip the discriminator's weights to plus and minus this value (WGAN; Arjovsky et al., 2017:
    0.01). 0 means no clipping (the paper)."""

    batch_normalization_statistics: Literal["local", "synchronised"] = "local"
    """With several ranks: the images from which batch normalisation computes its statistics.
    `local`: each rank uses its own share of the batch. `synchronised`: all ranks use the whole
    batch, as one rank does, which costs one message for each layer. With one rank both are the same
    (the paper)."""

    keep: Literal["last", "best"] = "last"
    """Which generator to keep: that of the last epoch (the paper), or the one whose images were
    closest to those of the held-out subjects. The distance is the sliced Wasserstein distance to
    the half of these subjects that the evaluation calls `real`. The evaluation uses the other half
    as its reference."""

    validation_epochs: Count = 5
    """Epochs between measurements of the distance that `keep: best` and `patience` use."""

    patience: Annotated[int, Field(ge=0)] = 0
    """End the training after this many measurements without a smaller distance. 0 trains all
    epochs."""

    masks: bool = False
    """Generate a tumour mask too, as a second channel: 255 inside, 0 outside. All training
    subjects need a segmentation, and `generator.channels` (of a DCGAN) must end in 2. See
    docs/masks.md. Not in the paper."""

    conditions: Annotated[list[Literal["level", "tumour"]], DISTINCT] = []
    """What can be asked of the generator. `level`: the level of the slice in mm. `tumour`: whether
    there is a tumour, its side and its size, which needs a segmentation of every training subject.
    Both need `architecture: coarse_to_fine`. See docs/conditions.md. Not in the paper."""

    initial_deviation: Positive = 0.02
    """Standard deviation of the initial weights, whose mean is 0 (the paper: 0.02)."""

    moving_average_images: NotNegative = 0.0
    """Half-life, in training images, of a moving average of the generator's weights. Sampling uses
    the average. 0 uses the weights themselves (the paper)."""

    architecture: Literal["dcgan", "coarse_to_fine"] = "dcgan"
    """`dcgan`: one generator makes the whole image (the paper). `coarse_to_fine`: a coarse
    generator, `coarse`, makes a small image, and an up-sampler, which is trained on real slices and
    their reductions, enlarges it. The keys of `generator` and `discriminator` then have no
    effect."""

    latent: Latent = Latent()
    generator: Generator = Generator()
    discriminator: Discriminator = Discriminator()
    coarse: Coarse = Coarse()
    upsampler: Upsampler = Upsampler()
    variation: Variation = Variation()
    augmentation: Augmentation = Augmentation()
    optimizer: Optimizer = Optimizer()

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        penalties = {"gradient_penalty": self.gradient_penalty > 0, "r1": self.r1 > 0}
        spectral = {
            "discriminator.spectral_normalization": self.discriminator.spectral_normalization
        }
        # Minibatch deviation, too, lets scores depend on other images, but by one number only. Its
        # authors use it together with these penalties.
        for key, used in penalties.items():
            plain = self.architecture == "dcgan"
            if used and plain and self.discriminator.batch_normalization:
                raise ValueError(
                    f"{key} needs scores that do not depend on other images; set "
                    "discriminator.batch_normalization to false"
                )
        for key, used in {**penalties, **spectral}.items():
            if used and self.clipping > 0:
                raise ValueError(
                    f"clipping and {key} both constrain the discriminator and work against each "
                    "other; choose one"
                )
        if self.conditions and self.architecture == "dcgan":
            raise ValueError("conditions need architecture: coarse_to_fine")
        if self.augmentation.target is not None and self.loss not in {"hinge", "non_saturating"}:
            raise ValueError(
                "augmentation.target needs a loss whose scores have opposite signs for real and "
                f"generated images: hinge or non_saturating; found {self.loss}"
            )
        return self

    @property
    def is_coarse_to_fine(self) -> bool:
        """Whether a coarse generator and an up-sampler make an image."""
        return self.architecture == "coarse_to_fine"

    @property
    def image_width(self) -> int:
        """The width of a generated image in pixels."""
        if self.is_coarse_to_fine:
            return self.coarse.width * self.upsampler.factor
        return int(4 * 2 ** (len(self.generator.channels) - 1))

    @property
    def image_channels(self) -> int:
        """The number of channels of a generated image."""
        if self.is_coarse_to_fine:
            return 2 if self.masks else 1
        return self.generator.channels[-1]

    @property
    def normalises_batches(self) -> bool:
        """Whether an image of a batch changes the others by batch normalisation."""
        return not self.is_coarse_to_fine and (
            self.generator.batch_normalization or self.discriminator.batch_normalization
        )

    @property
    def compares_batches(self) -> bool:
        """Whether the discriminator sees the deviation of a batch."""
        return self.is_coarse_to_fine or self.discriminator.minibatch_deviation

    @property
    def validated(self) -> bool:
        """Whether the training looks at held-out subjects."""
        return self.keep == "best" or self.patience > 0

    @property
    def seed(self) -> int:
        """The seed of this training; see `with_seed`."""
        if len(self.seeds) != 1:
            raise ValueError(f"found {len(self.seeds)} seeds; a training has one")
        return self.seeds[0]

    def with_seed(self, seed: int) -> Self:
        """Return the settings of the one training that has this seed."""
        return self.model_copy(update={"seeds": [seed]})


class Monitoring(Section):
    """What a training writes while it runs. Nothing here changes the result."""

    checkpoint_minutes: Positive = 10.0
    """Minutes between checkpoints. The training writes one more when it ends or stops early."""

    checkpoints_kept: Count = 3
    """Number of checkpoints to keep, the newest ones."""

    preview_epochs: Annotated[Count, COMMON] = 5
    """Epochs between preview sheets, which always use the same latents."""

    tensorboard: bool = False
    """Write the curves and previews as event files for TensorBoard too, beside the checkpoints."""
