"""The sections about the networks: latents, generator, discriminator, and augmentation."""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from synaxial.config.sections import (
    DISTINCT,
    Count,
    Fraction,
    FractionOrZero,
    NotNegative,
    Section,
)

Activation = Literal["relu", "leaky_relu", "elu"]
OutputActivation = Literal["tanh", "sigmoid"]
Upsampling = Literal["transposed", "nearest", "bilinear", "sub_pixel"]
Channels = Annotated[list[Count], Field(min_length=1)]


class Latent(Section):
    """The generator's input, a vector of random numbers."""

    size: Count = 128
    """Length of the vector (the paper: 128; compared with 100 and 256)."""

    distribution: Literal["normal", "uniform"] = "normal"
    """Standard normal, or uniform in [-1, 1]. Open in the paper."""


class Generator(Section):
    """The network that makes images: a fully connected layer, then stages that double the width."""

    channels: list[Count] = [1024, 512, 256, 128, 64, 32, 3]
    """Channels after the fully connected layer (4 x 4 pixels) and after each stage. The last number
    is the image's channels. Seven numbers make 256 x 256 pixels. Each number fewer halves the
    width."""

    upsampling: Upsampling | Literal["nearest_then_bilinear"] | list[Upsampling] = "transposed"
    """How a stage doubles the width: one word for all stages, or a list with one for each.
    `transposed`: a 4 x 4 transposed convolution of stride 2 (the paper). `nearest`, `bilinear`:
    interpolation, then a 3 x 3 convolution, which leaves no grid pattern (Odena et al., 2016).
    `sub_pixel`: a 3 x 3 convolution to four times the channels, which are then rearranged as pixels
    (Shi et al., 2016), with initial weights that make it equal to `nearest` (ICNR; Aitken et al.,
    2017). `nearest_then_bilinear`: `nearest` in the first, coarse half of the stages, `bilinear` in
    the rest."""

    activation: Activation = "leaky_relu"
    """Activation of the hidden layers (the paper: Leaky ReLU; compared with ReLU)."""

    slope: FractionOrZero = 0.2
    """Leaky ReLU's slope for negative values (the paper: 0.2)."""

    output_activation: OutputActivation = "tanh"
    """Activation of the last layer (the paper: Tanh; compared with Sigmoid)."""

    batch_normalization: bool = True
    """Normalise after every layer except the last."""

    dropout: FractionOrZero = 0.5
    """Fraction of the activations to drop in every layer except the last. The paper uses dropout
    without giving the ratio, and compares it with no dropout (0)."""

    last_layer: bool = True
    """Add a 3 x 3 transposed convolution of stride 1 at the end, which weakens the grid pattern
    (the paper)."""

    @field_validator("upsampling", mode="before")
    @classmethod
    def _check_upsampling(cls, value: object) -> object:
        known = get_args(Upsampling)
        if value == "nearest_then_bilinear":
            return value
        for name in value if isinstance(value, list) else [value]:
            if name not in known:
                raise ValueError(
                    f"found {name!r}; expected one of {', '.join(known)}, or a list of them with "
                    "one for each stage, or nearest_then_bilinear"
                )
        return value

    @model_validator(mode="after")
    def _check_stages(self) -> Self:
        stages = len(self.channels) - 1
        if isinstance(self.upsampling, list) and len(self.upsampling) != stages:
            raise ValueError(
                f"upsampling: found a list of {len(self.upsampling)}; expected one word for all "
                f"stages, or a list of {stages}, as channels describes {stages} stages"
            )
        return self

    @property
    def upsampling_of_stages(self) -> list[Upsampling]:
        """How each stage doubles the width, the coarsest stage first."""
        stages = len(self.channels) - 1
        if isinstance(self.upsampling, list):
            return self.upsampling
        if self.upsampling == "nearest_then_bilinear":
            return ["nearest" if 2 * stage + 1 < stages else "bilinear" for stage in range(stages)]
        return [self.upsampling] * stages


class Discriminator(Section):
    """The network that scores images: convolutions, then a fully connected layer."""

    channels: Channels = [32, 64, 128, 156, 156, 512, 512, 1024, 1024]
    """Channels after each convolution. The paper's table has 156 twice; its pattern of doubling
    suggests 256."""

    kernels: list[Literal[3, 4]] = [4, 4, 4, 4, 3, 4, 3, 4, 3]
    """Kernel width of each convolution: 4 has stride 2 and halves the image, 3 has stride 1."""

    activation: Activation = "relu"
    """Activation of all convolutions except the last (the paper: ReLU; compared with Leaky ReLU
    and ELU)."""

    slope: FractionOrZero = 0.2
    """Leaky ReLU's slope for negative values."""

    last_activation: OutputActivation | Activation = "sigmoid"
    """Activation of the last convolution (the paper: Sigmoid; compared with Tanh)."""

    batch_normalization: bool = True
    """Normalise after every convolution except the first."""

    spectral_normalization: bool = False
    """Divide each layer's weights by their largest singular value (Miyato et al., 2018). Not in
    the paper."""

    noise: NotNegative = 0.2
    """Standard deviation of the Gaussian noise that training adds to the input of every layer.
    Open in the paper; ChainerMN's DCGAN example has 0.2."""

    blur: bool = False
    """Smooth the input of each convolution of stride 2, so that all pixels have the same influence
    (Zhang, 2019). Not in the paper."""

    minibatch_deviation: bool = False
    """Give the last convolution one more channel, which tells how much the images of the batch
    differ. Images that are all alike are then easy to recognise as generated (Karras et al., 2018).
    With several ranks, each uses its own share of the batch. Not in the paper."""

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if len(self.channels) != len(self.kernels):
            raise ValueError(
                f"found {len(self.channels)} channels but {len(self.kernels)} kernels; expected "
                "one of each for every convolution"
            )
        return self


class Coarse(Section):
    """The coarse networks of `architecture: coarse_to_fine`, and how they grow.

    Generator and critic are those of progressive growing (Karras et al., 2018): a stage has two
    3 x 3 convolutions with equalised learning rates; the generator normalises each pixel; the
    critic is residual (Karras et al., 2020).
    """

    channels: Annotated[list[Annotated[int, Field(ge=2)]], Field(min_length=2)] = [
        128,
        96,
        64,
        40,
        24,
    ]
    """Channels of both networks at 4 x 4 pixels and after each stage, which doubles the width. Five
    numbers make a coarse image of 64 x 64 pixels, which the up-sampler enlarges."""

    style: Count = 64
    """Length of the style, which two fully connected layers make of the latent. It modulates every
    3 x 3 convolution of the generator (StyleGAN2; Karras et al., 2020)."""

    noise: bool = True
    """Add noise to the pixels after each convolution of the generator, with a strength that is
    learned (StyleGAN; Karras et al., 2019)."""

    background: bool = True
    """Generate, beside the texture, the probability of brain at each pixel. An image is their
    product, so that the background is exactly black."""

    first_width: Count = 32
    """Width in pixels at which the training starts. It then doubles until the width of the coarse
    image is reached."""

    width_epochs: Count = 60
    """Epochs at each width except the last one, which has all that remain."""

    fading_epochs: Annotated[int, Field(ge=0)] = 45
    """Epochs in which a new stage is mixed in, from 0 to its full share."""

    @property
    def width(self) -> int:
        """Width of the coarse image in pixels."""
        return int(4 * 2 ** (len(self.channels) - 1))

    @property
    def epochs_of_growth(self) -> int:
        """The epochs until all stages have their full share."""
        stages = (self.width // self.first_width).bit_length() - 1
        return stages * self.width_epochs + self.fading_epochs if stages else 0

    @model_validator(mode="after")
    def _check_first_width(self) -> Self:
        # The critic halves an image twice at least.
        widths = [8 * 2**stage for stage in range(len(self.channels) - 1)]
        if self.first_width not in widths:
            raise ValueError(
                f"first_width: found {self.first_width}; expected one of "
                f"{', '.join(map(str, widths))}, the widths that channels describes"
            )
        if self.fading_epochs > self.width_epochs:
            raise ValueError(
                f"fading_epochs: found {self.fading_epochs}; expected at most width_epochs, "
                f"{self.width_epochs}"
            )
        return self


class Variation(Section):
    """Random changes of the training images, which the generator learns as a part of the data.

    They make a larger data set of a few subjects. All are 0 in the paper.
    """

    mirror: bool = False
    """Mirror an image left to right in half of the cases."""

    rotation: NotNegative = 0.0
    """Largest rotation in degrees."""

    scale: FractionOrZero = 0.0
    """Largest change of the height and of the width, each by its own factor."""

    shift: FractionOrZero = 0.0
    """Largest shift along each axis, as a share of the width."""

    warp: FractionOrZero = 0.0
    """Largest displacement of the nodes of a smooth deformation, as a share of the width."""

    tone: FractionOrZero = 0.0
    """Largest change of brightness and contrast: the logarithm of the factor and of the power."""

    @property
    def used(self) -> bool:
        """Whether any image is ever changed."""
        return self != Variation()


class Augmentation(Section):
    """Random changes of all images, real and generated, before the discriminator sees them.

    Because generated images are changed too, the generator does not learn to imitate the changes
    (Zhao et al., 2020; Karras et al., 2020). Background fills what a change leaves empty.
    """

    probability: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Probability of each of `kinds` for each image. 0 means no augmentation (the paper)."""

    target: Fraction | None = None
    """Adapt the probability during training, starting from `probability`, so that the mean sign of
    the scores of real images approaches this value (Karras et al., 2020: 0.6). Null keeps the
    probability fixed. A target needs the loss `hinge` or `non_saturating`."""

    adaptation_images: Count = 100000
    """With `target`: the number of training images over which the probability can change by 1."""

    kinds: Annotated[
        list[Literal["translation", "cutout", "flip", "intensity"]], Field(min_length=1), DISTINCT
    ] = ["translation", "cutout", "flip", "intensity"]
    """`translation` shifts the image. `cutout` covers a square with background. `flip` mirrors the
    image left to right in half of the cases. `intensity` changes brightness and contrast outside
    the background."""

    translation: Fraction = 0.125
    """Largest shift along each axis, as a share of the width (Zhao et al., 2020: 1/8)."""

    cutout: Fraction = 0.5
    """Side of the square, as a share of the width (Zhao et al., 2020: 1/2)."""

    intensity: Fraction = 0.1
    """Largest change of brightness, as a share of the grey range, and of contrast, as a factor."""

    @property
    def used(self) -> bool:
        """Whether any image is ever augmented."""
        return self.probability > 0 or self.target is not None
