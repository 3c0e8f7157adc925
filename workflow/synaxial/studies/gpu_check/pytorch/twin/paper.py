"""The paper's networks and losses in PyTorch (see `training.py`)."""

import itertools
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (its usual name)

from .randomness import Randomness

#: Chainer's defaults of batch normalisation.
EPSILON, MOMENTUM = 2e-5, 0.1
FIRST_WIDTH = 4
Settings = dict[str, Any]


def activate(x: torch.Tensor, name: str, slope: float) -> torch.Tensor:
    """Apply an activation, in place where PyTorch can."""
    if name == "leaky_relu":
        return F.leaky_relu(x, slope, inplace=True)
    if name == "relu":
        return F.relu(x, inplace=True)
    return {"tanh": torch.tanh, "sigmoid": torch.sigmoid}[name](x)


class Generator(nn.Module):
    """From latents (N, size) to images (N, channels, width, width)."""

    def __init__(self, settings: Settings, latent_size: int) -> None:
        super().__init__()
        self.settings = settings
        channels = settings["channels"]
        first = channels[0] * FIRST_WIDTH**2
        self.connected = nn.Linear(latent_size, first)
        self.convolutions = nn.ModuleList(
            nn.ConvTranspose2d(before, after, 4, 2, 1)
            for before, after in itertools.pairwise(channels)
        )
        self.last = nn.ConvTranspose2d(channels[-1], channels[-1], 3, 1, 1)
        self.normalizations = nn.ModuleList(
            [
                nn.BatchNorm1d(first, EPSILON, MOMENTUM),
                *(nn.BatchNorm2d(size, EPSILON, MOMENTUM) for size in channels[1:]),
            ]
        )

    def forward(self, latents: torch.Tensor, randomness: Randomness | None) -> torch.Tensor:
        """Make images; without randomness nothing is dropped."""
        settings, h = self.settings, latents
        for depth, layer in enumerate([self.connected, *self.convolutions]):
            h = self.normalizations[depth](layer(h))
            h = activate(h, settings["activation"], settings["slope"])
            if randomness is not None:
                h = randomness.dropout(h, settings["dropout"])
            if depth == 0:
                h = h.view(len(h), -1, FIRST_WIDTH, FIRST_WIDTH)
        return activate(self.last(h), settings["output_activation"], settings["slope"])


class Discriminator(nn.Module):
    """From images to scores (N,)."""

    def __init__(self, settings: Settings, channels: int, width: int) -> None:
        super().__init__()
        self.settings = settings
        sizes = [channels, *settings["channels"]]
        strides = {4: 2, 3: 1}
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, kernel, strides[kernel], 1)
            for before, after, kernel in zip(
                sizes[:-1], sizes[1:], settings["kernels"], strict=True
            )
        )
        self.normalizations = nn.ModuleList(
            nn.BatchNorm2d(size, EPSILON, MOMENTUM) for size in sizes[2:]
        )
        last_width = width // 2 ** settings["kernels"].count(4)
        self.connected = nn.Linear(sizes[-1] * last_width**2, 1)

    def forward(self, images: torch.Tensor, randomness: Randomness) -> torch.Tensor:
        """Score images."""
        settings, h = self.settings, images
        for depth, layer in enumerate(self.convolutions):
            h = layer(self._with_noise(h, randomness))
            if depth > 0:
                h = self.normalizations[depth - 1](h)
            last = depth == len(self.convolutions) - 1
            name = settings["last_activation" if last else "activation"]
            h = activate(h, name, settings["slope"])
        return self.connected(self._with_noise(h, randomness).flatten(1)).view(-1)

    def _with_noise(self, x: torch.Tensor, randomness: Randomness) -> torch.Tensor:
        return torch.add(x, randomness.noise(x), alpha=self.settings["noise"])


class PaperWork:
    """The paper's networks, their real images, and their losses."""

    #: Without randomness nothing is dropped.
    noise_of_samples = None

    def __init__(self, training: Settings, width: int) -> None:
        assert training["loss"] == "wasserstein", "the twin knows the paper's loss only"
        self.channels = training["generator"]["channels"][-1]
        self.generator = Generator(training["generator"], training["latent"]["size"])
        self.discriminator = Discriminator(training["discriminator"], self.channels, width)
        for network in (self.generator, self.discriminator):
            # As in ours; PyTorch's own weights make an equally long iteration.
            for name, parameter in network.named_parameters():
                if parameter.ndim > 1:
                    nn.init.normal_(parameter, std=training["initial_deviation"])
                elif name.endswith("bias"):
                    nn.init.zeros_(parameter)

    def real_images(self, grey: torch.Tensor) -> torch.Tensor:
        """Repeat grey images, (N, W, W) in -1 … 1, over the channels."""
        return grey[:, None].repeat(1, self.channels, 1, 1)

    def has_penalty(self, iteration: int) -> bool:
        """Return False: the paper has none."""
        return False

    def discriminator_loss(
        self,
        discriminator: Any,
        real: torch.Tensor,
        generated: torch.Tensor,
        randomness: Randomness,
        penalised: bool,
    ) -> torch.Tensor:
        """Return the discriminator's loss."""
        score_real = discriminator(real, randomness).mean()
        return discriminator(generated, randomness).mean() - score_real

    def generator_loss(self, scores: torch.Tensor) -> torch.Tensor:
        """Return the generator's loss."""
        return -scores.mean()

    def follow(self) -> None:
        """Do nothing: the paper averages no weights."""

    def maker(self) -> nn.Module:
        """Return the network that makes the samples."""
        return self.generator

    @staticmethod
    def chainers_name(path: str) -> str:
        """Return what Chainer names a parameter."""
        *place, kind = path.split(".")
        normalised = place[0] == "normalizations"
        words = {"weight": "gamma", "bias": "beta"} if normalised else {"weight": "W", "bias": "b"}
        return "/".join((*place, words[kind]))
