"""Make images with an exported generator: it needs NumPy and onnxruntime alone.

    python sample_onnx.py generator.onnx images --images 16

writes images/images.npy: uint8 (16, channels, width, width). With the same seed and stack they are
the images of `synaxial sample`. `generate` is the function that medigan calls.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnxruntime

#: The first number of the name of an image's stream of random numbers.
SAMPLE = 4

DRAW = {
    "normal": lambda stream, size: stream.standard_normal(size, dtype=np.float32),
    "uniform": lambda stream, size: stream.random(size, dtype=np.float32),
    "symmetric": lambda stream, size: 2 * stream.random(size, dtype=np.float32) - 1,
}


def generate(
    model_file: str,
    num_samples: int,
    output_path: str,
    save_images: bool = True,
    seed: int = 7,
    stack: int = 0,
    label: list[float] | None = None,
) -> np.ndarray | None:
    """Make images, and write or return them: uint8 (num_samples, channels, width, width).

    `label` is what is asked of a generator with conditions: level in mm, tumour (1 or 0), side (-1
    to 1) and size in mm.
    """
    try:
        session = onnxruntime.InferenceSession(model_file, providers=["CPUExecutionProvider"])
        known = json.loads(session.get_modelmeta().custom_metadata_map["inputs"])
    # The kinds of onnxruntime's errors are countless.
    except Exception as error:
        why = str(error).splitlines()[0]
        raise SystemExit(f"{model_file} is no file of `synaxial export onnx` ({why})") from None
    if label is not None and "labels" not in known:
        raise SystemExit(f"{model_file} has no conditions: leave out --label")
    if label is None and "labels" in known:
        raise SystemExit(f"{model_file} needs --label LEVEL TUMOUR SIDE SIZE")
    if save_images:
        # Before the images are made, which may take long.
        Path(output_path).mkdir(parents=True, exist_ok=True)
    images = []
    for number in range(num_samples):
        name = np.random.SeedSequence((SAMPLE, seed, stack, number))
        stream = np.random.Generator(np.random.SFC64(name))
        values = {}
        # In the order of the inputs, or the numbers are others.
        for given in session.get_inputs():
            drawn = known[given.name]["drawn"]
            if drawn == "asked":
                values[given.name] = np.array([label], np.float32)
            else:
                values[given.name] = DRAW[drawn](stream, (1, given.shape[1]))
        images += list(session.run(["images"], values)[0])
    pixels = np.rint(images).astype(np.uint8)
    if not save_images:
        return pixels
    np.save(Path(output_path, "images.npy"), pixels)
    return None


def main() -> None:
    """Read the command line, and write the images."""
    parser = argparse.ArgumentParser(description="Make images with an exported generator.")
    parser.add_argument("model", help="file of `synaxial export onnx`")
    parser.add_argument("output", help="folder for images.npy")
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--stack", type=int, default=0)
    parser.add_argument("--label", type=float, nargs=4, metavar=("LEVEL", "TUMOUR", "SIDE", "SIZE"))
    given = parser.parse_args()
    if not Path(given.model).is_file():
        parser.error(f"{given.model} is not there")
    if given.images < 1 or given.stack < 0 or given.seed < 0:
        parser.error("--images must be 1 or more, --stack and --seed 0 or more")
    try:
        generate(
            *(given.model, given.images, given.output),
            seed=given.seed,
            stack=given.stack,
            label=given.label,
        )
    except OSError as error:
        raise SystemExit(f"{error.filename} cannot be written ({error.strerror})") from None


if __name__ == "__main__":
    main()
