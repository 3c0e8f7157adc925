"""The array of the stand-in: it holds one of NumPy, and mixes with NumPy's only as CuPy's does."""

import ctypes
import functools
import operator

import numpy as np

from cupy._names import check_arguments, look_up, refuse

#: What a function of CuPy takes beside arrays, and sequences of them.
PLAIN = (bool, int, float, complex, str, bytes, np.generic, np.dtype, type, slice, type(None))

#: Kinds of numbers that CuPy's arrays have.
KINDS = "biufc"

IMPLICIT = (
    "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a "
    "NumPy array explicitly."
)


def unwrap(value, host=False):
    """Return arguments with NumPy's arrays in place of ours; only with `host` may they have any."""
    if isinstance(value, ndarray):
        return value.host
    if isinstance(value, list | tuple):
        return type(value)([unwrap(item, host) for item in value])
    if isinstance(value, PLAIN) or value is Ellipsis or (host and isinstance(value, np.ndarray)):
        return value
    raise TypeError(f"Unsupported type {type(value)}")


def wrap(value):
    """Return results as arrays on the device; a number becomes an array without axes."""
    if isinstance(value, np.ndarray | np.generic):
        return ndarray.of(np.asarray(value))
    if isinstance(value, list | tuple):
        return type(value)([wrap(item) for item in value])
    return value


def forwarded(owner, name, function):
    """Return a function of NumPy as that of CuPy: it takes and returns arrays on the device."""

    @functools.wraps(function, updated=())
    def call(*args, **kwargs):
        check_arguments(owner, name, args, kwargs)
        out = kwargs.get("out")
        inputs = {key: unwrap(value) for key, value in kwargs.items()}
        result = function(*unwrap(args), **inputs)
        return wrap(result) if out is None else out

    return call


def as_device_array(thing, dtype=None, copy=True, order="K", ndmin=0):
    """Transfer an array, a number or a sequence to the device, as `cupy.array` does."""
    source = unwrap(thing, host=True)
    if isinstance(thing, ndarray) and not copy and dtype in (None, source.dtype):
        return thing
    array = np.array(source, dtype, copy=True, order=order or "K", ndmin=ndmin)
    if array.dtype.kind not in KINDS:
        raise ValueError(f"Unsupported dtype {array.dtype}")
    return ndarray.of(array)


class MemoryPointer:
    """Memory on the device: bytes of the host."""

    def __init__(self, memory, offset=0):
        self.memory = memory
        self.offset = offset

    @property
    def ptr(self):
        return self.memory.ctypes.data + self.offset

    @property
    def device(self):
        return current_device()

    @property
    def device_id(self):
        return self.device.id

    def __add__(self, offset):
        return MemoryPointer(self.memory, self.offset + offset)

    def copy_from_device(self, src, size):
        ctypes.memmove(self.ptr, src.ptr, size)

    def copy_from_device_async(self, src, size, stream=None):
        self.copy_from_device(src, size)

    def __getattr__(self, name):
        raise NotImplementedError(f"the stand-in for CuPy has no MemoryPointer.{name}")


def current_device():
    from cupy.cuda import Device

    return Device()


class ndarray:  # noqa: N801 -- its name in CuPy
    """An array of CuPy's stand-in."""

    # As CuPy's: NumPy and Chainer ask for it.
    __array_priority__ = 100
    __hash__ = None

    def __init__(self, shape, dtype=float, memptr=None, strides=None, order="C"):
        if strides is not None:
            raise NotImplementedError("the stand-in for CuPy makes no arrays of given strides")
        buffer, offset = (None, 0) if memptr is None else (memptr.memory, memptr.offset)
        self.host = np.ndarray(shape, dtype, buffer, offset, order=order)

    @classmethod
    def of(cls, host):
        array = cls.__new__(cls)
        array.host = host
        return array

    # What NumPy asks for.

    def __array__(self, dtype=None, copy=None):
        raise TypeError(IMPLICIT)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if method != "__call__":
            return NotImplemented
        out = kwargs.pop("out", (None,))[0]
        return apply(ufunc, *inputs, **kwargs) if out is None else apply_to(ufunc, out, *inputs)

    def __array_function__(self, function, types, args, kwargs):
        import cupy

        try:
            path = function.__module__.split(".")[1:]
            found = getattr(functools.reduce(getattr, path, cupy), function.__name__)
        except AttributeError:
            return NotImplemented
        return found(*args, **kwargs)

    # Transfers.

    def get(self, stream=None, order="C", out=None, blocking=True):
        if out is None:
            return self.host.copy(order=order)
        if (out.dtype, out.shape) != (self.dtype, self.shape):
            raise TypeError(f"{out.dtype} array cannot be obtained from {self.dtype} array")
        out[...] = self.host
        return out

    def set(self, arr, stream=None):
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if (arr.dtype, arr.shape) != (self.dtype, self.shape):
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        self.host[...] = arr

    def item(self):
        return self.host.item()

    def tolist(self):
        return self.host.tolist()

    def tobytes(self, order="C"):
        return self.host.tobytes(order)

    def __bool__(self):
        return bool(self.host)

    def __int__(self):
        return int(self.host)

    def __float__(self):
        return float(self.host)

    def __complex__(self):
        return complex(self.host)

    def __repr__(self):
        return repr(self.host)

    def __str__(self):
        return str(self.host)

    def __format__(self, specification):
        return format(self.host, specification)

    def __reduce__(self):
        return as_device_array, (self.host,)

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    # Parts.

    def __len__(self):
        return len(self.host)

    def __iter__(self):
        return (self[k] for k in range(len(self)))

    def __getitem__(self, key):
        # CuPy too takes indices of NumPy.
        key = unwrap(key, host=True)
        found = self.host[key]
        if isinstance(found, np.generic):
            # A view of one number.
            found = self.host[(*(key if isinstance(key, tuple) else (key,)), ...)]
        return ndarray.of(found)

    def __setitem__(self, key, value):
        if isinstance(value, np.ndarray) and value.shape:
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        if isinstance(value, list | tuple):
            raise TypeError(f"Unsupported type {type(value)}")
        self.host[unwrap(key, host=True)] = unwrap(value, host=True)

    # Attributes and methods of both libraries, and CuPy's own.

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        known = look_up("cupy.ndarray", name)
        if not hasattr(np.ndarray, name):
            refuse("cupy.ndarray", name)
        found = getattr(self.host, name)
        if known is None and not callable(found):
            return wrap(found) if isinstance(found, np.ndarray) else found
        return forwarded("cupy.ndarray", name, found)

    @property
    def dtype(self):
        return self.host.dtype

    @property
    def ndim(self):
        return self.host.ndim

    @property
    def shape(self):
        return self.host.shape

    @shape.setter
    def shape(self, shape):
        self.host = self.host.reshape(shape, copy=False)

    @property
    def data(self):
        low, high = np.lib.array_utils.byte_bounds(self.host)
        if high - low != self.nbytes:
            # Who takes a pointer takes the array for one piece.
            raise RuntimeError("the stand-in for CuPy gives no memory of an array with gaps")
        return MemoryPointer(self.host)

    @property
    def device(self):
        return current_device()

    def copy(self, order="C"):
        return ndarray.of(self.host.copy(order))

    def fill(self, value):
        self[...] = value

    def reduced_view(self, dtype=None):
        if dtype is not None:
            raise NotImplementedError("the stand-in for CuPy has no reduced_view of another type")
        return ndarray.of(self.host.reshape(-1)) if self.host.flags.c_contiguous else self

    def scatter_add(self, slices, value):
        np.add.at(self.host, unwrap(slices), unwrap(value))


def apply(ufunc, *inputs, **kwargs):
    """Apply a ufunc of NumPy to arrays on the device and numbers."""
    name = {"divide": "true_divide"}.get(ufunc.__name__, ufunc.__name__)
    check_arguments("cupy", name, inputs, kwargs)
    return wrap(ufunc(*unwrap(inputs), **{key: unwrap(value) for key, value in kwargs.items()}))


def apply_to(ufunc, out, *inputs):
    """Apply a ufunc with its result in an array, which must be on the device."""
    if not isinstance(out, ndarray):
        raise TypeError(f"Unsupported type {type(out)}")
    ufunc(*unwrap(inputs), out=out.host, casting="same_kind")
    return out


def binary(ufunc, turned=False):
    """Return an operator of two arrays, or of an array and a number."""

    def operate(self, other):
        if not isinstance(other, (ndarray, np.ndarray, np.generic, bool, int, float, complex)):
            # A Variable of Chainer has the operator too.
            return NotImplemented
        return apply(ufunc, other, self) if turned else apply(ufunc, self, other)

    return operate


def in_place(ufunc):
    """Return an operator that changes its array."""
    return lambda self, other: apply_to(ufunc, self, self, other)


BINARY = {
    **{"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide},
    **{"floordiv": np.floor_divide, "mod": np.remainder, "pow": np.power, "matmul": np.matmul},
    **{"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor},
    **{"lshift": np.left_shift, "rshift": np.right_shift},
}
COMPARISONS = {
    **{"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal},
    **{"gt": np.greater, "ge": np.greater_equal},
}
UNARY = {
    **{"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert},
}
for _name, _ufunc in BINARY.items():
    setattr(ndarray, f"__{_name}__", binary(_ufunc))
    setattr(ndarray, f"__r{_name}__", binary(_ufunc, turned=True))
    if hasattr(operator, f"__i{_name}__") and _name != "matmul":
        setattr(ndarray, f"__i{_name}__", in_place(_ufunc))
for _name, _ufunc in COMPARISONS.items():
    setattr(ndarray, f"__{_name}__", binary(_ufunc))
for _name, _ufunc in UNARY.items():
    setattr(
        ndarray, f"__{_name}__", functools.partialmethod(lambda self, f: apply(f, self), _ufunc)
    )
