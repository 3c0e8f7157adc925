"""The stand-in refuses what CuPy refuses: otherwise the tests on it would find nothing."""

import numpy as np
import pytest

HOST = np.arange(6, dtype=np.float32).reshape(2, 3)

MIXTURES = {
    "device + host": lambda xp, a: a + HOST,
    "host + device": lambda xp, a: HOST + a,
    "device += host": lambda xp, a: a.__iadd__(HOST),
    "host += device": lambda xp, a: HOST.copy().__iadd__(a),
    "comparison": lambda xp, a: a > HOST,
    "a function": lambda xp, a: xp.maximum(a, HOST),
    "a function of NumPy": lambda xp, a: np.maximum(HOST, a),
    "a matrix product": lambda xp, a: a @ HOST.T,
    "concatenation": lambda xp, a: xp.concatenate([a, HOST]),
    "a condition": lambda xp, a: xp.where(HOST > 1, a, 0),
    "asarray of NumPy": lambda xp, a: np.asarray(a),
    "a copy into the host": lambda xp, a: HOST.copy().__setitem__(..., a),
    "a method": lambda xp, a: a.dot(HOST.T),
    "ascontiguousarray": lambda xp, a: xp.ascontiguousarray(HOST),
    "a kernel": lambda xp, a: xp.ElementwiseKernel("T x, T y", "T z", "z = x + y")(a, HOST),
    "a kernel of two types": lambda xp, a: xp.ElementwiseKernel("T x, T y", "T z", "z = x + y")(
        a, a.astype(np.float64)
    ),
    "labels": lambda xp, a: __import__("cupyx").scipy.ndimage.label(HOST),
    "a sum with a condition": lambda xp, a: xp.sum(a, where=a > 1),
    "a ufunc with a condition": lambda xp, a: xp.add(a, a, where=a > 1),
}


@pytest.mark.parametrize("mixture", MIXTURES)
def test_what_cupy_refuses_is_a_type_error(cupy, mixture):
    with pytest.raises(TypeError):
        MIXTURES[mixture](cupy, cupy.asarray(HOST))


def test_arrays_are_not_numpys_and_assignments_need_a_transfer(cupy):
    array = cupy.asarray(HOST)
    assert not isinstance(array, np.ndarray)
    with pytest.raises(ValueError, match="cannot be used for fill"):
        array[...] = HOST
    array.set(HOST[::-1].copy())
    with pytest.raises(TypeError, match="float64"):
        array.set(HOST.astype(np.float64))
    array[0] = cupy.zeros(3)
    np.testing.assert_array_equal(array.get(), [[0, 0, 0], [0, 1, 2]])
    # A transfer is a copy.
    assert HOST[0, 1] == 1


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        ("", "no_such_function"),
        # NumPy has these, CuPy does not.
        ("", "nditer"),
        ("", "float128"),
        ("cuda", "cudnn"),
        ("random", "PCG64"),
        ("zeros", "searchsort"),
    ],
)
def test_names_are_those_of_cupy(cupy, owner, name):
    thing = cupy.zeros(3) if owner == "zeros" else getattr(cupy, owner, cupy)
    with pytest.raises(AttributeError, match="has no attribute"):
        getattr(thing, name)


def test_results_stay_on_the_device_and_types_are_kept(cupy):
    array = cupy.asarray(HOST)
    for found in (array * 2, 2.5 * array, np.float32(2) * array, array.sum(), array[1, 2], -array):
        assert isinstance(found, cupy.ndarray)
        assert found.dtype == np.float32
    assert cupy.get_array_module(array) is cupy
    assert cupy.get_array_module(HOST) is np
    # A view of one number.
    array[1, 2][...] = 7
    assert float(array.max()) == 7
    with pytest.raises(ValueError, match="Unsupported dtype"):
        cupy.asarray(["a"])


def test_new_arrays_are_not_zeros_by_chance(cupy):
    assert np.isnan(cupy.empty((2, 2), np.float32).get()).all()


def test_a_kernel_computes_what_its_source_says(cupy):
    kernel = cupy.ElementwiseKernel(
        *("raw T x, int32 n, T factor", "T y", "y = i < n ? factor * x[i] : y + (T)1", "some")
    )
    x, y = cupy.asarray(HOST), cupy.zeros((3, 2), np.float32)
    kernel(x, 4, 0.5, y)
    np.testing.assert_array_equal(y.get().ravel(), [0, 0.5, 1, 1.5, 1, 1])
    # A transposed array, and rows for each of its columns.
    scale = cupy.ElementwiseKernel("T x, T s", "T y", "y = x * s", "scale")
    found = scale(x.T, cupy.asarray(np.float32([1, 10])))
    np.testing.assert_array_equal(found.get(), HOST.T * [1, 10])
    with pytest.raises(ValueError, match="mismatched"):
        scale(x, x, cupy.zeros(3, np.float32))


def test_a_pointer_needs_an_array_without_gaps(cupy):
    array = cupy.asarray(HOST)
    assert array.T.data.ptr == array.data.ptr
    with pytest.raises(RuntimeError, match="gaps"):
        _ = array[:, ::2].data


def test_it_says_that_it_is_a_stand_in(cupy):
    assert cupy.__version__.endswith("+stand.in")
    assert b"stand-in" in cupy.cuda.runtime.getDeviceProperties(0)["name"]
