"""The study: every configuration key, its type, its default and its meaning.

This is the only list of keys. `config.yaml` is checked against it, and the reference page
`docs/configuration.md` is generated from it.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

#: A length in mm.
Millimetres = Annotated[float, Field(gt=0)]

#: One percentage in [0, 100].
Percentage = Annotated[float, Field(ge=0, le=100)]

#: A positive whole number.
Count = Annotated[int, Field(gt=0)]

#: Where random numbers begin.
Seed = Annotated[int, Field(ge=0)]

Activation = Literal["relu", "leaky_relu", "elu"]
OutputActivation = Literal["tanh", "sigmoid"]
Upsampling = Literal["transposed", "nearest", "bilinear", "sub_pixel"]


class Section(BaseModel):
    """A part of the study: its keys are fixed, and an unknown one is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _an_empty_section_has_its_defaults(cls, content: object) -> object:
        """Take `generator:` with nothing below it as it looks, and not as null."""
        if not isinstance(content, dict):
            return content
        for name, field in cls.model_fields.items():
            # Without this, `clipping: yes` would be 1.0.
            if isinstance(content.get(name), bool) and field.annotation is not bool:
                raise ValueError(
                    f"{name}: found {content[name]}, which YAML also makes of yes, no, on and off; "
                    "expected no truth value"
                )
        sections = {
            name
            for name, field in cls.model_fields.items()
            if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
        }
        return {k: v for k, v in content.items() if v is not None or k not in sections}


class Phantom(Section):
    """The embedded source: pseudo-subjects in BraTS geometry from the MNI152 template."""

    seed: Seed = 2020
    """Seed of the set; a subject is a function of this seed and its number."""


Layout = Literal["auto", "brats2020", "brats2021", "brats2023", "msd", "bids"]


class Directory(Section):
    """An existing copy of a data set on this machine; it is only read."""

    path: Path | None = None
    """The folder that holds the subjects, or any folder above it."""

    layout: Layout = "auto"
    """How the files are laid out; `auto` takes the first layout that matches."""

    pattern: str | None = None
    """Instead of a layout: the path of a FLAIR volume below `path`, with `{subject}` in it."""

    segmentation_pattern: str | None = None
    """With `pattern`: the path of the segmentation, with the same `{subject}`."""

    @model_validator(mode="after")
    def _patterns_name_the_subject(self) -> Self:
        for key in ("pattern", "segmentation_pattern"):
            value = getattr(self, key)
            if value is not None and "{subject}" not in value:
                raise ValueError(f"{key} must contain {{subject}}, found {value!r}")
        if self.segmentation_pattern is not None and self.pattern is None:
            raise ValueError("segmentation_pattern needs pattern beside it")
        return self


class Archive(Section):
    """A zip or tar(.gz) file, on this machine or to be downloaded."""

    location: str = "https://msd-for-monai.s3-us-west-2.amazonaws.com/Task01_BrainTumour.tar"
    """A path, or an http(s) URL. The default is MSD Task01 (CC BY-SA 4.0, 7.1 GB)."""

    checksum: str | None = "md5:240a19d752f0d9e9101544901065d872"
    """`sha256:…` or `md5:…` of the file; required for a URL. The default is the default
    location's; another path without a checksum is not compared."""

    layout: Layout = "auto"
    """How the files inside are laid out; `auto` takes the first layout that matches."""

    maximum_gigabytes: Annotated[float, Field(gt=0)] = 64.0
    """The most that the wanted members may unpack to; an archive that holds more is refused."""

    @model_validator(mode="before")
    @classmethod
    def _the_default_checksum_is_the_default_locations(cls, content: Any) -> Any:
        """Another location without a checksum has none, rather than that of MSD Task01."""
        default = cls.model_fields["location"].default
        if isinstance(content, dict) and content.get("location", default) != default:
            return {"checksum": None, **content}
        return content

    @model_validator(mode="after")
    def _a_url_has_a_checksum(self) -> Self:
        if self.checksum is not None and not re.fullmatch(
            r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", self.checksum
        ):
            raise ValueError(
                f"checksum must be md5: and 32 or sha256: and 64 lower-case hexadecimal digits,"
                f" found {self.checksum!r}"
            )
        if re.match(r"https?://", self.location) and self.checksum is None:
            raise ValueError("a URL needs a checksum beside it (sha256:… or md5:…)")
        return self


class Kaggle(Section):
    """A data set on Kaggle, by kagglehub; needs the extra `kaggle` and a Kaggle token."""

    dataset: str = "awsaf49/brats20-dataset-training-validation"
    """The data set's handle, owner/name."""

    layout: Layout = "brats2020"
    """How the files are laid out."""


class VolumeCheck(Section):
    """What every acquired volume must be."""

    shape: tuple[Count, Count, Count] | None = (240, 240, 155)
    """Voxels along the axes left, posterior, superior; null accepts any."""

    spacing: tuple[Millimetres, Millimetres, Millimetres] | None = (1.0, 1.0, 1.0)
    """Voxel size in mm along the same axes, within 1 %; null accepts any."""

    channel: Annotated[int, Field(ge=0)] = 0
    """The channel to take from a 4-D file (0 is FLAIR in MSD Task01)."""


class Acquire(Section):
    """Where the volumes come from."""

    source: Literal["phantom", "directory", "archive", "kaggle"] = "phantom"
    """Which of the sources below to use."""

    subjects: str | list[str] = "001-015"
    """The subjects whose images train the networks: `all`, a range of subject numbers such as
    `001-015`, or a list of names or numbers. The paper's study is subjects 001 to 015."""

    held_out: str | list[str] = "016-035"
    """The subjects that no network sees, in the same form: generated images are held against them,
    and with `[]` are not evaluated. The default is the default subjects'; other `subjects` without
    `held_out` have none. Of `subjects: all`, these are taken away."""

    on_bad_volume: Literal["fail", "skip"] = "fail"
    """Whether a volume that fails its checks ends the run or is left out, and reported."""

    volume: VolumeCheck = VolumeCheck()
    phantom: Phantom = Phantom()
    directory: Directory = Directory()
    archive: Archive = Archive()
    kaggle: Kaggle = Kaggle()

    @model_validator(mode="before")
    @classmethod
    def _the_default_held_out_are_the_default_subjects(cls, content: Any) -> Any:
        """Other subjects than the default ones do not get the default's held-out ones."""
        default = cls.model_fields["subjects"].default
        if isinstance(content, dict) and content.get("subjects", default) != default:
            return {"held_out": [], **content}
        return content

    @field_validator("subjects", mode="before")
    @classmethod
    def _there_are_subjects(cls, value: object) -> object:
        if value == []:
            raise ValueError("an empty list; name at least one subject")
        return value

    @field_validator("held_out")
    @classmethod
    def _not_all_are_held_out(cls, value: str | list[str]) -> str | list[str]:
        if value == "all":
            raise ValueError("held_out must leave subjects to train with; name a range or a list")
        return value

    @field_validator("subjects", "held_out", mode="before")
    @classmethod
    def _numbers_are_quoted(cls, value: object) -> object:
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, int):
                raise ValueError(
                    f"found the number {item}; put subjects in quotes, for YAML reads 010 as 8"
                )
        return value

    @model_validator(mode="after")
    def _the_source_is_described(self) -> Self:
        if self.source == "directory" and self.directory.path is None:
            raise ValueError("source is directory, but directory.path is not set")
        if self.source == "phantom" and self.subjects == "all":
            raise ValueError("the phantom source has no end: give a range such as 001-015")
        return self

    @property
    def wanted(self) -> str | list[str]:
        """All subjects of the study, those held out included, in the form of `subjects`."""
        if self.subjects == "all" or not self.held_out:
            return self.subjects
        parts = [self.subjects, self.held_out]
        return [
            item for part in parts for item in (part.split(",") if isinstance(part, str) else part)
        ]


class Slice(Section):
    """Axial slices as 8-bit pages, anterior up and the patient's right at the left."""

    first: Annotated[int, Field(ge=0)] = 60
    """First axial slice, counted from 0 at the most inferior one (the paper: 60)."""

    last: Annotated[int, Field(ge=0)] = 107
    """Last axial slice, included (the paper: 107, 48 slices a subject)."""

    window: tuple[Percentage, Percentage] = (0.5, 99.5)
    """The percentiles of the volume's brain voxels that become 1 and 255. The background is 0.
    The paper leaves this open."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"last ({self.last}) lies before first ({self.first})")
        if self.window[1] <= self.window[0]:
            raise ValueError(f"window {list(self.window)} does not rise")
        return self


class Resize(Section):
    """From native slices to the size of the network's images."""

    size: Count = 256
    """Width and height of the images, in pixels (the paper: 256)."""

    mode: Literal["resize", "pad"] = "resize"
    """`resize` resamples (the paper); `pad` centres the slice on a black square, unresampled; where
    the square is smaller than the slice, only black may be cut off."""

    filter: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bicubic"
    """Pillow's resampling filter. The paper leaves this open."""


class Latent(Section):
    """The generator's input noise."""

    size: Count = 128
    """Its dimensions (the paper: 128; compared with 100 and 256)."""

    distribution: Literal["normal", "uniform"] = "normal"
    """Standard normal, or uniform in [-1, 1]. The paper leaves this open."""


class Generator(Section):
    """The network that makes images: a fully connected layer, then stages that double the width."""

    channels: list[Count] = [1024, 512, 256, 128, 64, 32, 3]
    """Channels after the fully connected layer (4 x 4 pixels) and after each stage, the last one
    being the image's. Seven make 256 x 256."""

    upsampling: Upsampling | Literal["nearest_then_bilinear"] | list[Upsampling] = "transposed"
    """How a stage doubles the width; one for all, or a list of one a stage. `transposed`: a 4 x 4
    transposed convolution of stride 2 (the paper). `nearest`, `bilinear`: resizing, then a 3 x 3
    convolution, which leaves no grid (Odena et al., 2016). `sub_pixel`: a 3 x 3 convolution to four
    times the channels, which become the pixels (Shi et al., 2016), begun as `nearest` (ICNR; Aitken
    et al., 2017). `nearest_then_bilinear`: `nearest` in the first half of the stages, where the
    coarse structure is made, `bilinear` in the others."""

    activation: Activation = "leaky_relu"
    """Of the hidden layers (the paper: Leaky ReLU; compared with ReLU)."""

    slope: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Leaky ReLU's slope for negative values (the paper: 0.2)."""

    output_activation: OutputActivation = "tanh"
    """Of the last layer (the paper: Tanh; compared with Sigmoid)."""

    batch_normalization: bool = True
    """After every layer but the last."""

    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Share of the activations dropped in every layer but the last. The ratio is open in the
    paper; 0 is its comparison without dropout."""

    last_layer: bool = True
    """The 3 x 3 transposed convolution of stride 1 at the end, against the grid pattern."""

    @field_validator("upsampling", mode="before")
    @classmethod
    def _upsampling_is_known(cls, value: object) -> object:
        known = get_args(Upsampling)
        if value == "nearest_then_bilinear":
            return value
        for name in value if isinstance(value, list) else [value]:
            if name not in known:
                raise ValueError(
                    f"found {name!r}; expected one of {', '.join(known)}, or a list of them, one a "
                    "stage, or nearest_then_bilinear"
                )
        return value

    @model_validator(mode="after")
    def _one_upsampling_a_stage(self) -> Self:
        stages = len(self.channels) - 1
        if isinstance(self.upsampling, list) and len(self.upsampling) != stages:
            raise ValueError(
                f"{len(self.upsampling)} upsampling but {stages} stages after the first of "
                "channels; name one for all, or one a stage"
            )
        return self

    @property
    def upsampling_of_stages(self) -> list[Upsampling]:
        """How each stage doubles the width, the coarsest first."""
        stages = len(self.channels) - 1
        if isinstance(self.upsampling, list):
            return self.upsampling
        if self.upsampling == "nearest_then_bilinear":
            return ["nearest" if 2 * stage + 1 < stages else "bilinear" for stage in range(stages)]
        return [self.upsampling] * stages


class Discriminator(Section):
    """The network that scores images: convolutions, then a fully connected layer."""

    channels: Annotated[list[Count], Field(min_length=1)] = [
        32,
        64,
        128,
        156,
        156,
        512,
        512,
        1024,
        1024,
    ]
    """Channels after each convolution. 156 is what the paper's table prints, twice; the doubling
    pattern suggests 256."""

    kernels: list[Literal[3, 4]] = [4, 4, 4, 4, 3, 4, 3, 4, 3]
    """Kernel width of each convolution: 4 has stride 2 and halves the image, 3 has stride 1."""

    activation: Activation = "relu"
    """Of all convolutions but the last (the paper: ReLU; compared with Leaky ReLU and ELU)."""

    slope: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Leaky ReLU's slope for negative values."""

    last_activation: OutputActivation | Activation = "sigmoid"
    """Of the last convolution (the paper: Sigmoid; compared with Tanh)."""

    batch_normalization: bool = True
    """After every convolution but the first."""

    spectral_normalization: bool = False
    """Divide each layer's weights by their largest singular value (Miyato et al., 2018). Not in
    the paper."""

    noise: Annotated[float, Field(ge=0)] = 0.2
    """Standard deviation of the Gaussian noise added to the input of every layer in training.
    Open in the paper; 0.2 is ChainerMN's DCGAN example."""

    blur: bool = False
    """Smooth the input of each convolution of stride 2, so that no pixel counts more than its
    neighbour (Zhang, 2019). Not in the paper."""

    minibatch_deviation: bool = False
    """Tell the last convolution how much the images of its batch differ, in one more channel, so
    that images all alike give themselves away (Karras et al., 2018). Several ranks tell each of its
    own share. Not in the paper."""

    @model_validator(mode="after")
    def _one_kernel_a_layer(self) -> Self:
        if len(self.channels) != len(self.kernels):
            raise ValueError(
                f"{len(self.channels)} channels but {len(self.kernels)} kernels; one each a layer"
            )
        return self


class Augmentation(Section):
    """What is done to all images before the discriminator sees them, real and generated alike.

    The generator learns through it and does not learn it, if it is not done to all (Zhao et al.,
    2020; Karras et al., 2020). Where the image has no pixel, there is background.
    """

    probability: Annotated[float, Field(ge=0, le=1)] = 0.0
    """With which each image undergoes each of `kinds`; 0 is none (the paper)."""

    target: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Move the probability, from the one above and between 0 and 1, so that the mean sign of the
    real images' scores is this (Karras et al., 2020: 0.6); null leaves it. For `hinge` and
    `non_saturating`."""

    adaptation_images: Count = 100000
    """In so many images seen, the probability moves by 1."""

    kinds: Annotated[
        list[Literal["translation", "cutout", "flip", "intensity"]], Field(min_length=1)
    ] = ["translation", "cutout", "flip", "intensity"]
    """Shifted; a square of it covered with background; left and right exchanged, of every other
    image that undergoes it; brightness and contrast of what is not background changed."""

    translation: Annotated[float, Field(gt=0, lt=1)] = 0.125
    """The farthest shift along each axis, as a share of the width (Zhao et al., 2020: 1/8)."""

    cutout: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """The square's side, as a share of the width (Zhao et al., 2020: 1/2)."""

    intensity: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """The largest change, as a share of the range for brightness, and of 1 for contrast."""

    @field_validator("kinds")
    @classmethod
    def _each_kind_once(cls, kinds: list[str]) -> list[str]:
        if len(set(kinds)) < len(kinds):
            raise ValueError(f"{kinds} names a kind twice")
        return kinds

    @property
    def used(self) -> bool:
        """Whether any image is ever augmented."""
        return self.probability > 0 or self.target is not None


class Optimizer(Section):
    """How the weights follow the gradients; the same for both networks, but for the rate."""

    name: Literal["adam", "sgd"] = "adam"
    """Adam, or stochastic gradient descent (the paper's comparison)."""

    learning_rate: Annotated[float, Field(gt=0)] = 0.0002
    """Learning rate (the paper: 0.0002; compared with 0.001 and 0.005)."""

    discriminator_learning_rate: Annotated[float, Field(gt=0)] | None = None
    """The discriminator's learning rate, if another (Heusel et al., 2017); null means the same."""

    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Adam's decay of the first moment (the paper: 0.5)."""

    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Adam's decay of the second moment."""

    weight_decay: Annotated[float, Field(ge=0)] = 0.001
    """Added to each gradient, times the weight (the paper: 0.001)."""


class Training(Section):
    """One experiment: networks, loss, optimizer and length. The defaults are the paper's."""

    seeds: Annotated[list[Seed], Field(min_length=1)] = [1]
    """Each seed is a training of its own, of the weights, the order of the images, the latents,
    noise and dropout. Only several show which differences between experiments are chance."""

    epochs: Count = 100
    """Passes over the images. Open in the paper, which finds 150 too many."""

    batch_size: Count = 8
    """Images of one update over all ranks together (the paper: 8; compared with 16 and 64)."""

    preset: Literal["paper", "modern"] = "paper"
    """In an experiment: settings by one name. `modern` is laid over those of `training`, and what
    the experiment says besides over both; `configuration/presets.py` has what it is. `paper` is
    `training` as it stands."""

    loss: Literal["wasserstein", "mse", "hinge", "non_saturating"] = "wasserstein"
    """`wasserstein`: the score of real images times -1, of generated ones times +1, with no
    constraint (the paper) but those below. `mse`: squared distance to 1 and 0 (the paper's
    comparison). `hinge`: Lim and Ye, 2017. `non_saturating`: Goodfellow et al., 2014."""

    discriminator_steps: Count = 1
    """The generator is updated in every so manieth iteration, the discriminator in each (the paper:
    1; Gulrajani et al., 2017: 5)."""

    gradient_penalty: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the penalty that holds the norm of the score's gradient at 1, between real and
    generated images (WGAN-GP; Gulrajani et al., 2017: 10); 0 is none (the paper). It and R1 need
    `discriminator.batch_normalization: false`."""

    r1: Annotated[float, Field(ge=0)] = 0.0
    """Weight, gamma, of the penalty on the squared norm of the score's gradient at real images, of
    which it is a half (R1; Mescheder et al., 2018); 0 is none (the paper)."""

    r1_interval: Count = 16
    """R1 is taken in every so manieth iteration, so many times as heavy (Karras et al., 2020)."""

    clipping: Annotated[float, Field(ge=0)] = 0.0
    """The discriminator's weights are held within plus and minus this (WGAN; Arjovsky et al., 2017:
    0.01); 0 leaves them (the paper)."""

    batch_normalization_statistics: Literal["local", "synchronised"] = "local"
    """What a training on several ranks normalises with: `local`, each rank its own share of the
    batch; `synchronised`, all ranks the statistics of the whole batch, as one rank has them, at the
    price of a message a layer. The same on one rank (the paper)."""

    keep: Literal["last", "best"] = "last"
    """Which generator is kept: the last epoch's (the paper), or the one whose images were nearest
    to those of held-out subjects, by the sliced Wasserstein distance to the half that the
    evaluation calls `real`. The other half, the reference, judges it."""

    validation_epochs: Count = 5
    """Epochs between looks at that distance, with `keep: best` or `patience`."""

    patience: Annotated[int, Field(ge=0)] = 0
    """So many looks in a row without a smaller distance end the training; 0 trains all epochs."""

    masks: bool = False
    """The tumour's mask is generated too, as a second channel: 255 inside, 0 outside. All subjects
    trained with need a segmentation, and `generator.channels` must end in 2. See docs/masks.md.
    Not in the paper."""

    initial_deviation: Annotated[float, Field(gt=0)] = 0.02
    """Standard deviation of the initial weights, of mean 0 (the paper: 0.02)."""

    moving_average_images: Annotated[float, Field(ge=0)] = 0.0
    """Half-life, in images seen, of the moving average of the generator's weights that is used
    for sampling; 0 uses the weights themselves (the paper)."""

    latent: Latent = Latent()
    generator: Generator = Generator()
    discriminator: Discriminator = Discriminator()
    augmentation: Augmentation = Augmentation()
    optimizer: Optimizer = Optimizer()

    # The deviation of a minibatch also makes scores depend on other images, by one number; those
    # who made it use it with these penalties.
    @model_validator(mode="after")
    def _a_penalty_is_of_each_image(self) -> Self:
        for key in ("gradient_penalty", "r1"):
            if getattr(self, key) > 0 and self.discriminator.batch_normalization:
                raise ValueError(
                    f"{key} is of each image by itself, but discriminator.batch_normalization makes"
                    " its score depend on the others; set that to false"
                )
        return self

    @model_validator(mode="after")
    def _one_way_to_bound_the_critic(self) -> Self:
        if self.clipping == 0:
            return self
        others = {
            "gradient_penalty": self.gradient_penalty > 0,
            "r1": self.r1 > 0,
            "discriminator.spectral_normalization": self.discriminator.spectral_normalization,
        }
        for key, used in others.items():
            if used:
                raise ValueError(
                    f"clipping and {key} are two ways to bound the discriminator, which undo each "
                    "other; choose one"
                )
        return self

    @model_validator(mode="after")
    def _the_target_is_of_a_signed_score(self) -> Self:
        if self.augmentation.target is not None and self.loss not in {"hinge", "non_saturating"}:
            raise ValueError(
                "augmentation.target needs a loss whose scores change sign between real and "
                f"generated images: hinge or non_saturating, found {self.loss}"
            )
        return self

    @field_validator("seeds")
    @classmethod
    def _each_seed_once(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"{seeds} names a seed twice")
        return seeds

    @property
    def validated(self) -> bool:
        """Whether the training looks at held-out subjects."""
        return self.keep == "best" or self.patience > 0

    @property
    def seed(self) -> int:
        """The seed of this training; see `with_seed`."""
        if len(self.seeds) != 1:
            raise ValueError(f"{len(self.seeds)} seeds are {len(self.seeds)} trainings")
        return self.seeds[0]

    def with_seed(self, seed: int) -> Self:
        """Return the settings of the one training that has this seed."""
        return self.model_copy(update={"seeds": [seed]})


class Monitoring(Section):
    """What a training writes on its way; none of it changes the result."""

    checkpoint_minutes: Annotated[float, Field(gt=0)] = 10.0
    """Minutes between checkpoints; one is also written at the end and on every early stop."""

    checkpoints_kept: Count = 3
    """How many of the newest checkpoints stay on disk."""

    preview_epochs: Count = 5
    """Epochs between preview sheets, always of the same latents."""


class Sample(Section):
    """Stacks of generated images."""

    seed: Seed = 7
    """Image i of stack k is a function of the generator, this seed, k and i (with
    `batch_normalization: batch`, of all images of the stack)."""

    stacks: Count = 3
    """How many stacks an experiment gets."""

    images: Count = 100
    """Images in a stack (the paper: 100)."""

    dropout: bool = False
    """Whether the generator's dropout stays on. Open in the paper; on, it shows as speckles."""

    batch_normalization: Literal["calibrated", "running", "batch"] = "calibrated"
    """What the generator's batch normalisation normalises with: `calibrated`, statistics of a fixed
    set of latents, taken without dropout at the training's end; `running`, those of the training,
    which dropout has made too wide for images without it, and which `calibrated` too means where
    `dropout` is on; `batch`, those of the stack. Open in the paper."""


#: The sets that generated images are read beside; no experiment is called as one of them.
CONTROLS = ("real", "copies", "blurred", "grid", "noise")


class Evaluate(Section):
    """How generated images are held against those of subjects that no network has seen."""

    images: Count = 1000
    """Each set that is compared has so many images, or fewer if one of them has not so many: the
    generated ones are the first of the stacks."""

    repeats: Annotated[int, Field(ge=10)] = 100
    """How often the sets are drawn anew for the intervals (bootstrap)."""

    seed: Seed = 11
    """Of what is drawn for the controls and the intervals."""

    blur: Annotated[float, Field(gt=0)] = 2.0
    """Of the control that is blurred: the Gaussian's standard deviation in pixels."""

    grid_amplitude: Annotated[float, Field(gt=0)] = 12.0
    """Of the control with a grid: grey levels of 255."""

    grid_period: Annotated[int, Field(ge=2)] = 4
    """Of the same: pixels from line to line."""


class Render(Section):
    """Pictures of the stacks."""

    columns: Count = 10
    """Images in a row of the sheet."""

    images: bool = False
    """Also every image as a PNG of its own."""

    nifti: bool = False
    """Also the stack as a NIfTI volume."""


class Turing(Section):
    """The page on which readers tell generated images from real ones (`snakemake turing`)."""

    images: Annotated[int, Field(ge=10)] = 230
    """Images, real and generated together. So many show with a power of 80 % that a reader who is
    right in 60 % does not guess, and that one who guesses is right in 50 %, give or take 10
    points; docs/studies/turing.md has other numbers."""

    repeats: Annotated[float, Field(ge=0, le=1 / 3)] = 0.1
    """So large a share of the images is shown a second time, for a reader's agreement with
    themselves."""

    seed: Seed = 13
    """Of which images are shown, how many of them are generated (40 to 60 %), and their order. Who
    knows it and has the images could tell: take another one for readers."""


class Catalogue(Section):
    """The database of all generated images and their numbers."""

    url: str | None = None
    """Where it is, as SQLAlchemy writes it (`sqlite:///study.sqlite`,
    `postgresql://user@host/name`); null means `catalogue.sqlite` in the folder of results. Give no
    password here, but in `~/.pgpass` or in what else the database's own library reads."""

    training_images: bool = True
    """Whether the nearest training images are kept in it too, and not only their names. A catalogue
    with them is as confidential as the data."""

    @field_validator("url")
    @classmethod
    def _names_no_password(cls, url: str | None) -> str | None:
        if url is not None and re.search(r"://[^/@]*:[^/@]*@", url):
            raise ValueError("has a password; leave it to ~/.pgpass or the like")
        if url is not None and not re.match(r"[a-z0-9_+]+://", url):
            raise ValueError(f"found {url!r}, expected an address such as sqlite:///study.sqlite")
        return url


class Scaling(Section):
    """How the training's speed grows with the ranks, measured by `snakemake scaling`."""

    experiment: str | None = None
    """The experiment whose networks and batch are trained; null means the base."""

    ranks: Annotated[list[Count], Field(min_length=1)] = [1, 2, 4]
    """The numbers of MPI ranks; 1 is what the others are held against."""

    steps: Annotated[int, Field(ge=3)] = 20
    """Timed iterations of each point."""

    warm_up: Annotated[int, Field(ge=1)] = 3
    """Iterations before, which do not count."""

    @field_validator("ranks")
    @classmethod
    def _one_rank_is_there(cls, ranks: list[int]) -> list[int]:
        if 1 not in ranks:
            raise ValueError(f"{ranks} has no 1, which the others are held against")
        if len(set(ranks)) < len(ranks):
            raise ValueError(f"{ranks} names a number twice")
        return sorted(ranks)


class Segment(Section):
    """What generated images and their masks are worth for segmentation (`snakemake segment`).

    A small U-Net is trained on real, on synthetic and on both slices, with the same number of
    updates, and judged on the subjects held out.
    """

    experiment: str | None = None
    """The experiment whose stacks are used; null means `base` if it has `masks`, else the first one
    of a run without a target, else of all, that has. Seed k of `seeds` takes the stacks of its
    training k, and begins again after the last."""

    subjects: Annotated[list[Literal["all", "quarter"] | Count], Field(min_length=1)] = [
        "all",
        "quarter",
    ]
    """How many people the real slices are of, drawn by the seed: each size is a comparison of its
    own. `all` or a `quarter` of those trained with (1 at least), or a number."""

    seeds: Annotated[list[Seed], Field(min_length=1)] = [1, 2, 3]
    """Each seed is a training of each kind: of the weights, the people and the order of the images.
    Only several show which differences are chance."""

    updates: Count = 1000
    """Updates of every U-Net, whatever it is trained with."""

    batch_size: Annotated[int, Field(ge=2, multiple_of=2)] = 16
    """Images of an update, an even number; with both kinds, half of them are real."""

    channels: Annotated[list[Count], Field(min_length=2)] = [8, 16, 32, 64, 128]
    """Of the U-Net's levels, the finest first; each level halves the width. (Ronneberger et al.,
    2015: 64 to 1024 in five levels; an eighth of that here, for CPUs.)"""

    learning_rate: Annotated[float, Field(gt=0)] = 0.001
    """Adam's learning rate at the beginning (Kingma and Ba, 2015: 0.001); it falls to 0 with the
    power 0.9 of the updates left (Isensee et al., 2021)."""

    @field_validator("subjects", "seeds")
    @classmethod
    def _each_once(cls, values: list[str | int]) -> list[str | int]:
        if len(set(values)) < len(values):
            raise ValueError(f"{values} names one twice")
        return values


class Study(Section):
    """All that a study computes."""

    results: Annotated[str, Field(pattern=r"^/?[A-Za-z0-9._+-]+(/[A-Za-z0-9._+-]+)*$")] = "results"
    """Folder of everything that is made: letters, digits, `.`, `_`, `+`, `-` and `/`, for it is in
    every shell command."""

    acquire: Acquire = Acquire()
    slice: Slice = Slice()
    resize: Resize = Resize()
    training: Training = Training()
    """What all experiments share."""

    experiments: dict[str, Training] = Field(default_factory=lambda: {"final": Training()})
    """The experiments by name, each given as its differences from `training`. The default is all
    that the paper compares, and `modern`; a study of your own has its own."""

    default_experiments: list[str] | None = None
    """The experiments that a run without a target trains; null means all, but where `experiments`
    is not given, `final` alone. `snakemake figures` trains all, and compares them."""

    base: str | None = None
    """The experiment that the others are shown beside in figures; null means the first."""

    monitoring: Monitoring = Monitoring()
    sample: Sample = Sample()
    render: Render = Render()
    evaluate: Evaluate = Evaluate()
    turing: Turing = Turing()
    catalogue: Catalogue = Catalogue()
    scaling: Scaling = Scaling()
    segment: Segment = Segment()

    @property
    def chosen_experiments(self) -> list[str]:
        """The experiments of a run without a target."""
        if self.default_experiments is None:
            return list(self.experiments)
        return self.default_experiments

    @property
    def base_experiment(self) -> str:
        """The experiment that the others are shown beside."""
        return next(iter(self.experiments)) if self.base is None else self.base

    @property
    def scaling_experiment(self) -> str:
        """The experiment whose speed is measured on several ranks."""
        return self.base_experiment if self.scaling.experiment is None else self.scaling.experiment

    @property
    def segment_experiment(self) -> str | None:
        """The experiment whose images and masks a segmentation model is trained with, if any."""
        if self.segment.experiment is not None:
            return self.segment.experiment
        nearest_first = [self.base_experiment, *self.chosen_experiments, *self.experiments]
        return next((name for name in nearest_first if self.experiments[name].masks), None)

    @model_validator(mode="after")
    def _a_preset_is_an_experiments(self) -> Self:
        if self.training.preset != "paper":
            raise ValueError(
                f"training.preset: the keys beside it would win over it; give it to an experiment, "
                f"for instance experiments: {{{self.training.preset}: "
                f"{{preset: {self.training.preset}}}}}"
            )
        return self

    @model_validator(mode="after")
    def _the_named_experiments_are_there(self) -> Self:
        named: dict[str, list[str | None]] = {
            "default_experiments": [*(self.default_experiments or [])],
            "base": [self.base],
            "scaling.experiment": [self.scaling.experiment],
            "segment.experiment": [self.segment.experiment],
        }
        for key, names in named.items():
            for name in names:
                if name is not None and name not in self.experiments:
                    raise ValueError(
                        f"{key}: {name!r} is not among the experiments "
                        f"({', '.join(self.experiments)})"
                    )
        return self

    @model_validator(mode="after")
    def _what_is_validated_has_subjects(self) -> Self:
        # A training's own study has no subjects: it says nothing of the source.
        if "held_out" in self.acquire.model_fields_set and not self.acquire.held_out:
            for name, training in self.experiments.items():
                if training.validated:
                    raise ValueError(
                        f"experiment {name!r}: keep: best and patience need acquire.held_out"
                    )
        return self

    @model_validator(mode="after")
    def _names_are_file_names(self) -> Self:
        if not self.experiments:
            raise ValueError("experiments is empty; name at least one")
        for name in self.experiments:
            if name in CONTROLS:
                raise ValueError(
                    f"experiment {name!r}: a control is called that ({', '.join(CONTROLS)})"
                )
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.]*", name):
                raise ValueError(
                    f"experiment {name!r}: a name has letters, digits, '_' and '.' only"
                )
        return self
