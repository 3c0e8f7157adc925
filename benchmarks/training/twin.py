"""The same networks, iteration and sampling in PyTorch.

A program for an environment of its own, without Synaxial: it reads one JSON object a line and
answers each with one (see `benchmarks/partner.py`). Parameters are named as Chainer names them.
`twin_paper.py` has the paper's networks, `twin_coarse.py` those of the coarse stage.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from twin_coarse import CoarseWork
from twin_paper import PaperWork
from twin_randomness import Drawn, Given, Randomness

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
        if parameter.grad is not None
    }
    found["loss/generator"] = twin.generator_gradients(generated, randomness).numpy()
    found |= {
        f"gradient/{path}": parameter.grad.numpy().copy()
        for path, parameter in twin.parameters("generator")
        if parameter.grad is not None
    }
    for name in twin.networks:
        # Chainer adds epsilon to the root of the second moment before its correction, PyTorch
        # after it (both are in Kingma and Ba's paper): in the first step they are this far apart.
        beta2 = twin.training["optimizer"]["beta2"]
        optimizer = twin.adam(name, eps=1e-8 / (1 - beta2) ** 0.5)
        for path, parameter in twin.parameters(name):
            # Layers of other widths take no part.
            parameter.grad = arrays.get(f"gradient/{path}")
        optimizer.step()
        found |= {
            f"updated/{path}": parameter.detach().numpy()
            for path, parameter in twin.parameters(name)
            if parameter.grad is not None
        }
    np.savez(output, **found)


def enlarge(upsampler: Any, given: Path, output: Path) -> None:
    """Enlarge the small images of a file that ours wrote, with its weights and noise."""
    with np.load(given) as file:
        arrays = {name: torch.from_numpy(file[name]) for name in file.files}
    for path, parameter in upsampler.named_parameters():
        words = path.replace(".weight", "/W").replace(".bias", "/b").replace(".", "/")
        parameter.data.copy_(arrays[f"weight/{words}"])
    randomness = Given([arrays[name] for name in sorted(arrays) if name.startswith("random/")])
    with torch.inference_mode():
        np.save(output, upsampler(arrays["small"], arrays["details"], randomness).numpy())


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
            return timed(twin, lambda: [twin.step() for _ in range(request["count"])])
        case "sample":
            return timed(twin, lambda: twin.sample(request["count"], request["batch"]))
        case "enlarge":
            enlarge(twin.maker.upsampler, Path(request["given"]), Path(request["output"]))
            return None
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
    for option in ("--compiled", "--channels-last", "--bfloat16"):
        parser.add_argument(option, action="store_true")
    arguments = parser.parse_args()
    answers, sys.stdout = sys.stdout, sys.stderr
    imported = peak_memory()
    training = json.loads((arguments.study / "training.json").read_text())
    if arguments.batch_size:
        training["batch_size"] = arguments.batch_size
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    # Both sides compute in float32 proper.
    torch.backends.cudnn.allow_tf32 = False
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
                options = arguments.compiled, arguments.channels_last, arguments.bfloat16
                twin = Twin(training, images, arguments.device, *options)
            said = answer(request, twin)
        print(json.dumps(said), file=answers, flush=True)


if __name__ == "__main__":
    main()
