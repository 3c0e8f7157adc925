"""The same networks, iteration and sampling in PyTorch.

It imports nothing of Synaxial, so that the benchmarks can run it as a program in an environment of
its own: it reads one JSON object a line and answers each with one (see `benchmarks/partner.py`).
Parameters are named as Chainer names them.
"""

import argparse
import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (its usual name)

#: Chainer's defaults of batch normalisation.
EPSILON, MOMENTUM = 2e-5, 0.1
FIRST_WIDTH = 4
Settings = dict[str, Any]


class Given:
    """Random numbers that were drawn elsewhere, in the order of their use."""

    def __init__(self, arrays: list[torch.Tensor]) -> None:
        self._arrays: Iterator[torch.Tensor] = iter(arrays)

    def noise(self, x: torch.Tensor) -> torch.Tensor:
        """Return the next standard normal values."""
        return next(self._arrays)

    def dropout(self, x: torch.Tensor, ratio: float) -> torch.Tensor:
        """Multiply by the next factors: 0 or 1 / (1 - ratio)."""
        return x * next(self._arrays)


class Drawn:
    """PyTorch's own random numbers."""

    def noise(self, x: torch.Tensor) -> torch.Tensor:
        """Return standard normal values."""
        return torch.randn_like(x)

    def dropout(self, x: torch.Tensor, ratio: float) -> torch.Tensor:
        """Drop values."""
        return F.dropout(x, ratio, training=True)


Randomness = Given | Drawn


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


class Twin:
    """Both networks with their optimizers.

    Parameters
    ----------
    training
        The experiment's settings as JSON has them: the paper's loss and optimizer.
    images
        The dataset, uint8 (N, width, width).
    device
        `cpu` or `cuda`.
    compiled
        Whether the networks go through `torch.compile`.
    """

    def __init__(
        self, training: Settings, images: np.ndarray, device: str, compiled: bool = False
    ) -> None:
        assert training["loss"] == "wasserstein", "the twin knows the paper's loss only"
        torch.manual_seed(training["seeds"][0])
        self.device, self.training, self.images = torch.device(device), training, images
        self.channels = training["generator"]["channels"][-1]
        self.generator = Generator(training["generator"], training["latent"]["size"])
        self.discriminator = Discriminator(
            training["discriminator"], self.channels, images.shape[1]
        )
        self.networks: dict[str, nn.Module] = {
            "generator": self.generator,
            "discriminator": self.discriminator,
        }
        for network in self.networks.values():
            network.to(self.device)
            # As in ours; PyTorch's own weights make an equally long iteration.
            for name, parameter in network.named_parameters():
                if parameter.ndim > 1:
                    nn.init.normal_(parameter, std=training["initial_deviation"])
                elif name.endswith("bias"):
                    nn.init.zeros_(parameter)
        self.optimizers = {name: self.adam(name) for name in self.networks}
        self.position = 0
        if compiled:
            self.generator, self.discriminator = map(
                torch.compile, (self.generator, self.discriminator)
            )

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
        indices = np.arange(self.position, self.position + count) % len(self.images)
        self.position += count
        grey = torch.from_numpy(self.images[indices]).to(self.device).float()
        real = grey.mul_(2 / 255).sub_(1)[:, None].repeat(1, self.channels, 1, 1)
        latents = torch.randn(count, self.training["latent"]["size"], device=self.device)
        randomness = Drawn()
        generated, loss = self.discriminator_gradients(real, latents, randomness)
        self.optimizers["discriminator"].step()
        loss_generator = self.generator_gradients(generated, randomness)
        self.optimizers["generator"].step()
        loss.item(), loss_generator.item()

    def discriminator_gradients(
        self, real: torch.Tensor, latents: torch.Tensor, randomness: Randomness
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the discriminator's gradients; return the generated images and the loss."""
        generated = self.generator(latents, randomness)
        score_real = self.discriminator(real, randomness).mean()
        loss = self.discriminator(generated.detach(), randomness).mean() - score_real
        self.optimizers["discriminator"].zero_grad()
        loss.backward()
        return generated, loss.detach()

    def generator_gradients(self, generated: torch.Tensor, randomness: Randomness) -> torch.Tensor:
        """Compute the generator's gradients, and none of the discriminator's; return the loss."""
        self.discriminator.requires_grad_(False)
        loss = -self.discriminator(generated, randomness).mean()
        self.optimizers["generator"].zero_grad()
        loss.backward()
        self.discriminator.requires_grad_(True)
        return loss.detach()

    def sample(self, count: int, batch: int) -> np.ndarray:
        """Make 8-bit images (count, width, width, channels), without dropout."""
        self.generator.eval()
        made = []
        with torch.inference_mode():
            for first in range(0, count, batch):
                size = (min(batch, count - first), self.training["latent"]["size"])
                images = self.generator(torch.randn(size, device=self.device), None)
                grey = images.add_(1).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)
                made.append(grey.permute(0, 2, 3, 1).cpu().numpy())
        self.generator.train()
        return np.concatenate(made)

    def parameters(self, name: str) -> Iterator[tuple[str, nn.Parameter]]:
        """Return a network's parameters by Chainer's names."""
        network = self.networks[name]
        for path, parameter in network.named_parameters():
            *place, kind = path.split(".")
            normalised = place[0] == "normalizations"
            words = (
                {"weight": "gamma", "bias": "beta"} if normalised else {"weight": "W", "bias": "b"}
            )
            yield "/".join((name, *place, words[kind])), parameter


def gradients(twin: Twin, given: Path, output: Path) -> None:
    """Compute losses, gradients and Adam's first step from arrays that ours wrote.

    `given` has the weights by name, `real`, and `random/000`, … in the order of their use. The
    file written has `loss/…`, `gradient/…`, and as `updated/…` what Adam makes of the weights
    with the gradients that ours found, `gradient/…` of the first file.
    """
    with np.load(given) as file:
        arrays = {name: torch.from_numpy(file[name]) for name in file.files}
    for name, network in twin.networks.items():
        network.to(arrays["real"].dtype)
        for path, parameter in twin.parameters(name):
            parameter.data.copy_(arrays[f"weight/{path}"])
    latents, *drawn = (arrays[name] for name in sorted(arrays) if name.startswith("random/"))
    randomness = Given(drawn)
    generated, loss = twin.discriminator_gradients(arrays["real"], latents, randomness)
    found = {"loss/discriminator": loss.numpy()}
    found |= {
        f"gradient/{path}": parameter.grad.numpy().copy()
        for path, parameter in twin.parameters("discriminator")
    }
    found["loss/generator"] = twin.generator_gradients(generated, randomness).numpy()
    found |= {
        f"gradient/{path}": parameter.grad.numpy().copy()
        for path, parameter in twin.parameters("generator")
    }
    for name in twin.networks:
        # Chainer adds epsilon to the root of the second moment before its correction, PyTorch
        # after it (both are in Kingma and Ba's paper): in the first step they are this far apart.
        beta2 = twin.training["optimizer"]["beta2"]
        optimizer = twin.adam(name, eps=1e-8 / (1 - beta2) ** 0.5)
        for path, parameter in twin.parameters(name):
            parameter.grad = arrays[f"gradient/{path}"]
        optimizer.step()
        found |= {
            f"updated/{path}": parameter.detach().numpy()
            for path, parameter in twin.parameters(name)
        }
    np.savez(output, **found)


def allow_tf32(allowed: bool) -> None:
    """Let a GPU round the factors of float32 products to 11 bits, or not."""
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def timed(twin: Twin, work: Any) -> float:
    """Return the seconds that some work takes, to the end of what it started on a GPU."""
    begin = time.perf_counter()
    work()
    if twin.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def peak_memory() -> int:
    """Return the most memory that this process has had, in bytes.

    VmHWM, for `ru_maxrss` begins with that of the process which started this one.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def answer(request: Settings, twin: Twin) -> Any:
    """Do what a request asks."""
    match request["do"]:
        case "memory":
            return peak_memory()
        case "step":
            return timed(twin, twin.step)
        case "sample":
            return timed(twin, lambda: twin.sample(request["count"], request["batch"]))
        case "gradients":
            gradients(twin, Path(request["given"]), Path(request["output"]))
            return None
        case other:
            raise ValueError(f"unknown request {other!r}")


def main() -> None:
    """Answer requests until there are none."""
    parser = argparse.ArgumentParser()
    parser.add_argument("study", type=Path, help="folder with training.json and images.npy")
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compiled", action="store_true")
    arguments = parser.parse_args()
    answers, sys.stdout = sys.stdout, sys.stderr
    imported = peak_memory()
    training = json.loads((arguments.study / "training.json").read_text())
    if arguments.batch_size:
        training["batch_size"] = arguments.batch_size
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    # Both sides compute in float32 proper.
    allow_tf32(False)
    twin = None
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "imported":
            said: Any = imported
        elif request["do"] == "say":
            said = {"cuda": torch.cuda.is_available()}
        else:
            if twin is None:
                images = np.load(arguments.study / "images.npy")
                twin = Twin(training, images, arguments.device, arguments.compiled)
            said = answer(request, twin)
        print(json.dumps(said), file=answers, flush=True)


if __name__ == "__main__":
    main()
