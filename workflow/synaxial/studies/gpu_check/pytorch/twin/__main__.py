"""The twin as a program: it reads one JSON object a line and answers each with one.

See `benchmarks/partner.py`.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .randomness import Given
from .training import Settings, Twin, allow_tf32


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
            return timed(twin, lambda: twin.steps(request["count"]))
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
                options = arguments.compiled, arguments.channels_last, arguments.bfloat16
                twin = Twin(training, images, arguments.device, *options)
            said = answer(request, twin)
        print(json.dumps(said), file=answers, flush=True)


if __name__ == "__main__":
    main()
