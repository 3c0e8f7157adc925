"""The coarse networks and their losses in PyTorch (see `training.py`)."""

import copy
import itertools
import math
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (its usual name)

from .randomness import Drawn, Randomness
from .upsampler import Cascade

FIRST_WIDTH, GROUP = 4, 4
SLOPE, GAIN = 0.2, math.sqrt(2)
EPSILON = 1e-8
#: As ours, which multiplies by it in float32.
HALF_VARIANCE = float(np.float32(1 / GAIN))
Settings = dict[str, Any]


class Convolution(nn.Module):
    """A convolution whose weights are scaled when they are used."""

    def __init__(
        self, before: int, after: int, width: int, gain: float = GAIN, stride: int = 1
    ) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.randn(after, before, width, width))
        self.b = nn.Parameter(torch.zeros(after))
        self.scale = gain / math.sqrt(before * width**2)
        self.stride, self.pad = stride, (width - stride + 1) // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve."""
        return F.conv2d(x, self.W * self.scale, self.b, self.stride, self.pad)


class Linear(nn.Module):
    """A fully connected layer whose weights are scaled when they are used."""

    def __init__(self, before: int, after: int, gain: float = GAIN) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.randn(after, before))
        self.b = nn.Parameter(torch.zeros(after))
        self.scale = gain / math.sqrt(before)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, inputs) to (N, outputs)."""
        return F.linear(x, self.W * self.scale, self.b)


class NormalizedConvolution(nn.Module):
    """A modulated 3 x 3 convolution, noise, Leaky ReLU and pixel normalisation."""

    def __init__(self, before: int, after: int, style: int) -> None:
        super().__init__()
        self.convolution = Convolution(before, after, 3)
        self.modulation = Linear(style, before, 1.0)
        self.strengths = nn.Parameter(torch.zeros(after))

    def forward(
        self, x: torch.Tensor, style: torch.Tensor, randomness: Randomness, enlarge: bool = False
    ) -> torch.Tensor:
        """Convolve, and with `enlarge` double the width."""
        y = self.convolution(x * (1 + self.modulation(style))[:, :, None, None])
        if enlarge:
            y = F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)
        y = y + self.strengths[:, None, None] * randomness.noise(y[:, :1])
        return normalized(F.leaky_relu(y, SLOPE))


class CoarseGenerator(nn.Module):
    """From latents to images of one channel, with the probability of brain."""

    def __init__(self, settings: Settings, latent_size: int) -> None:
        super().__init__()
        channels, style = settings["channels"], settings["style"]
        self.mapping = nn.ModuleList(Linear(before, style) for before in (latent_size, style))
        self.connected = Linear(latent_size, channels[0] * FIRST_WIDTH**2)
        self.first = NormalizedConvolution(channels[0], channels[0], style)
        self.stages = nn.ModuleList(
            nn.ModuleList(
                [
                    NormalizedConvolution(before, after, style),
                    NormalizedConvolution(after, after, style),
                ]
            )
            for before, after in itertools.pairwise(channels)
        )
        self.to_images = nn.ModuleList(Convolution(size, 2, 1, 1.0) for size in channels)

    def forward(self, latents: torch.Tensor, randomness: Randomness) -> torch.Tensor:
        """Make images, -1 … 1."""
        h = style = normalized(latents)
        for layer in self.mapping:
            style = F.leaky_relu(layer(style), SLOPE)
        h = self.connected(h).view(len(h), -1, FIRST_WIDTH, FIRST_WIDTH)
        h = self.first(normalized(F.leaky_relu(h, SLOPE)), style, randomness)
        for enlarging, second in self.stages:
            h = second(enlarging(h, style, randomness, enlarge=True), style, randomness)
        y = self.to_images[-1](h)
        return (y[:, :1] + 1) * torch.sigmoid(y[:, 1:]) - 1


class FirstStage(nn.Module):
    """The critic's first layers."""

    def __init__(self, between: int, after: int) -> None:
        super().__init__()
        self.first = Convolution(1, between, 3)
        self.second = Convolution(between, after, 4, stride=2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Halve the width."""
        h = F.leaky_relu(self.first(images), SLOPE)
        return F.leaky_relu(self.second(h), SLOPE)


class ResidualStage(nn.Module):
    """A stage of the critic."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first = Convolution(before, before, 3)
        self.second = Convolution(before, after, 3)
        self.shortcut = Convolution(before, after, 1, 1.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Halve the width."""
        h = F.avg_pool2d(F.leaky_relu(self.first(x), SLOPE), 2)
        h = F.leaky_relu(self.second(h), SLOPE)
        return (h + self.shortcut(F.avg_pool2d(x, 2))) * HALF_VARIANCE


class Critic(nn.Module):
    """From images to scores (N,)."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        channels = settings["channels"]
        self.from_images = nn.ModuleList(
            FirstStage(before // 2, after) for after, before in itertools.pairwise(channels)
        )
        self.stages = nn.ModuleList(
            ResidualStage(after, before) for before, after in itertools.pairwise(channels[:-1])
        )
        self.last = Convolution(channels[0] + 1, channels[0], 3)
        self.connected = Linear(channels[0] * FIRST_WIDTH**2, channels[0])
        self.score = Linear(channels[0], 1, 1.0)

    def forward(
        self, images: torch.Tensor, randomness: Randomness, batches: int = 1
    ) -> torch.Tensor:
        """Score images, which may be several batches, each with its own deviation."""
        h = self.from_images[-1](images)
        for stage in reversed(self.stages):
            h = stage(h)
        h = F.leaky_relu(self.last(with_deviation(h, batches)), SLOPE)
        return self.score(F.leaky_relu(self.connected(h.flatten(1)), SLOPE)).view(-1)


def normalized(x: torch.Tensor) -> torch.Tensor:
    """Divide each pixel by its root mean square over the channels."""
    return x * torch.rsqrt((x * x).mean(dim=1, keepdim=True) + EPSILON)


def with_deviation(x: torch.Tensor, batches: int) -> torch.Tensor:
    """Append each minibatch's deviation as a channel."""
    total, _, height, width = x.shape
    images = total // batches
    size = GROUP if images % GROUP == 0 else images
    members = x.reshape(batches, size, images // size, -1)
    variance = (members - members.mean(1, keepdim=True)).square().mean(1)
    deviation = (variance + EPSILON).sqrt().mean(2).repeat(1, size)
    return torch.cat([x, deviation.view(-1, 1, 1, 1).expand(-1, 1, height, width)], dim=1)


class CoarseWork:
    """The coarse networks, their real images, losses with R1, and the moving average.

    The networks have their full width from the start. Real images are neither varied nor augmented:
    that is no work of the networks.
    """

    noise_of_samples = Drawn()

    def __init__(self, training: Settings, width: int) -> None:
        assert training["loss"] == "non_saturating", "the twin knows the recipe's loss only"
        self.training = training
        coarse = training["coarse"]
        self.reduction = width // (FIRST_WIDTH * 2 ** (len(coarse["channels"]) - 1))
        self.generator = CoarseGenerator(coarse, training["latent"]["size"])
        self.discriminator = Critic(coarse)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)

    def real_images(self, grey: torch.Tensor) -> torch.Tensor:
        """Reduce grey images, (N, W, W) in -1 … 1, to the coarse width."""
        return F.avg_pool2d(grey[:, None], self.reduction)

    def has_penalty(self, iteration: int) -> bool:
        """Return whether an iteration has R1."""
        return iteration % int(self.training["r1_interval"]) == 0

    def discriminator_loss(
        self,
        discriminator: Any,
        real: torch.Tensor,
        generated: torch.Tensor,
        randomness: Randomness,
        penalised: bool,
    ) -> torch.Tensor:
        """Return the critic's loss, with R1 if the iteration has it."""
        if not penalised:
            # As ours does: one batch takes less time than two.
            scores = discriminator(torch.cat([real, generated]), randomness, batches=2)
            of_real, of_generated = scores.chunk(2)
            return F.softplus(-of_real).mean() + F.softplus(of_generated).mean()
        real.requires_grad_()
        scores = discriminator(real, randomness)
        loss = F.softplus(-scores).mean() + F.softplus(discriminator(generated, randomness)).mean()
        (slopes,) = torch.autograd.grad(scores.sum(), real, create_graph=True)
        weight = self.training["r1"] * self.training["r1_interval"] / 2
        return loss + weight * slopes.square().sum((1, 2, 3)).mean()

    def generator_loss(self, scores: torch.Tensor) -> torch.Tensor:
        """Return the generator's loss."""
        return F.softplus(-scores).mean()

    def follow(self) -> None:
        """Update the moving average of the generator."""
        share = 1 - 0.5 ** (self.training["batch_size"] / self.training["moving_average_images"])
        weights = [parameter.detach() for parameter in self.generator.parameters()]
        torch._foreach_lerp_(list(self.average.parameters()), weights, share)

    def maker(self) -> nn.Module:
        """Return the network that makes the samples: the average, and an up-sampler."""
        return Cascade(self.average, self.training["upsampler"])

    @staticmethod
    def chainers_name(path: str) -> str:
        """Return what Chainer names a parameter."""
        return path.replace(".", "/")
