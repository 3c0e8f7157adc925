"""Both networks and their iteration in PyTorch.

`paper.py` has the paper's networks, `coarse.py` those of the coarse stage.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import nn

from .coarse import CoarseWork
from .paper import PaperWork
from .randomness import Drawn, Randomness

Settings = dict[str, Any]


class Twin:
    """Both networks with their optimizers.

    Parameters
    ----------
    training
        The experiment's settings as JSON has them.
    images
        The dataset, uint8 (N, width, width).
    device
        `cpu` or `cuda`.
    compiled
        Whether the networks go through `torch.compile`. R1 differentiates twice, which a compiled
        network cannot, so iterations with it use the network as it is.
    channels_last
        Whether images and weights have PyTorch's memory format of that name.
    bfloat16
        Whether PyTorch may compute products in bfloat16 (autocast).
    """

    def __init__(
        self,
        training: Settings,
        images: np.ndarray,
        device: str,
        compiled: bool = False,
        channels_last: bool = False,
        bfloat16: bool = False,
    ) -> None:
        torch.manual_seed(training["seeds"][0])
        self.device, self.training, self.images = torch.device(device), training, images
        coarse = training["architecture"] == "coarse_to_fine"
        self.work: PaperWork | CoarseWork = (CoarseWork if coarse else PaperWork)(
            training, images.shape[1]
        )
        self.networks: dict[str, nn.Module] = {
            "generator": self.work.generator,
            "discriminator": self.work.discriminator,
        }
        self.format = torch.channels_last if channels_last else torch.contiguous_format
        for network in self.networks.values():
            network.to(self.device, memory_format=self.format)
        self.autocast = (
            torch.autocast(self.device.type, torch.bfloat16) if bfloat16 else nullcontext()
        )
        self.optimizers = {name: self.adam(name) for name in self.networks}
        self.iteration = 0
        self.used: dict[str, Any] = dict(self.networks)
        self.maker: Any = self.work.maker().to(self.device, memory_format=self.format)
        if compiled:
            self.used = {name: torch.compile(network) for name, network in self.networks.items()}
            self.maker = torch.compile(self.maker)

    def adam(self, name: str, **changes: Any) -> torch.optim.Adam:
        """Return PyTorch's Adam; its fused kernel is the fastest of its three."""
        settings = self.training["optimizer"]
        arguments = {
            "lr": settings["learning_rate"],
            "betas": (settings["beta1"], settings["beta2"]),
            "weight_decay": settings["weight_decay"],
            "fused": True,
            **changes,
        }
        return torch.optim.Adam(self.networks[name].parameters(), **arguments)

    def step(self) -> None:
        """Do one iteration as `synaxial.gan.train.updater` does."""
        count = self.training["batch_size"]
        indices = np.arange(self.iteration * count, (self.iteration + 1) * count)
        grey = torch.from_numpy(self.images[indices % len(self.images)]).to(self.device).float()
        real = self.work.real_images(grey.mul_(2 / 255).sub_(1))
        real = real.contiguous(memory_format=self.format)
        latents = torch.randn(count, self.training["latent"]["size"], device=self.device)
        randomness = Drawn()
        generated, loss = self.discriminator_gradients(real, latents, randomness)
        self.optimizers["discriminator"].step()
        loss_generator = self.generator_gradients(generated, randomness)
        self.optimizers["generator"].step()
        self.work.follow()
        loss.item(), loss_generator.item()
        self.iteration += 1

    def steps(self, count: int) -> None:
        """Do some iterations."""
        for _ in range(count):
            self.step()

    def discriminator_gradients(
        self, real: torch.Tensor, latents: torch.Tensor, randomness: Randomness
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the discriminator's gradients; return the generated images and the loss."""
        penalised = self.work.has_penalty(self.iteration)
        network = (self.networks if penalised else self.used)["discriminator"]
        with self.autocast:
            generated = self.used["generator"](latents, randomness)
            loss = self.work.discriminator_loss(
                network, real, generated.detach(), randomness, penalised
            )
        self.optimizers["discriminator"].zero_grad()
        loss.backward()
        return generated, loss.detach()

    def generator_gradients(self, generated: torch.Tensor, randomness: Randomness) -> torch.Tensor:
        """Compute the generator's gradients, and none of the discriminator's; return the loss."""
        self.networks["discriminator"].requires_grad_(False)
        with self.autocast:
            loss = self.work.generator_loss(self.used["discriminator"](generated, randomness))
        self.optimizers["generator"].zero_grad()
        loss.backward()
        self.networks["discriminator"].requires_grad_(True)
        return loss.detach()

    def sample(self, count: int, batch: int) -> np.ndarray:
        """Make 8-bit images (count, width, width, channels), without dropout.

        They are as large as those of the dataset.
        """
        network = self.maker.eval()
        made = []
        randomness = self.work.noise_of_samples
        with torch.inference_mode(), self.autocast:
            for first in range(0, count, batch):
                size = (min(batch, count - first), self.training["latent"]["size"])
                images = network(torch.randn(size, device=self.device), randomness)
                grey = images.float().add_(1).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)
                made.append(grey.permute(0, 2, 3, 1).cpu().numpy())
        network.train()
        return np.concatenate(made)

    def parameters(self, name: str) -> Iterator[tuple[str, nn.Parameter]]:
        """Return a network's parameters by Chainer's names."""
        for path, parameter in self.networks[name].named_parameters():
            yield f"{name}/{self.work.chainers_name(path)}", parameter


def allow_tf32(allowed: bool) -> None:
    """Let a GPU round the factors of float32 products to 11 bits, or not."""
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed
