"""Kernels in CUDA C++: the stand-in compiles their own source for the host.

With STAND_IN_RECORD=FILE it appends each kernel to a file, as a line of JSON: its parameters,
source and types, for which `tests/gpu/test_nvrtc.py` compiles it for GPUs.

With STAND_IN_FAULT=NAME,... the ElementwiseKernels of these names are wrong: every hundredth value
of their results is 0.
"""

import ctypes
import hashlib
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from cupy._arrays import ndarray

#: Where compiled kernels are kept; a folder of its own without the variable.
CACHE = Path(os.environ.get("STAND_IN_CACHE") or tempfile.mkdtemp(prefix="stand-in-"))

#: Where kernels are recorded, if they are.
RECORD = os.environ.get("STAND_IN_RECORD")

#: The kernels that are wrong.
FAULTY = os.environ.get("STAND_IN_FAULT", "").split(",")

#: What the source of a kernel finds in CuPy's headers, and the indices of a thread.
PRELUDE = """
#include <assert.h>
#include <math.h>
#include <stdint.h>
#define __device__
#define __global__
#define __forceinline__ inline
typedef int8_t int8; typedef int16_t int16; typedef int32_t int32; typedef int64_t int64;
typedef uint8_t uint8; typedef uint16_t uint16; typedef uint32_t uint32; typedef uint64_t uint64;
typedef float float32; typedef double float64;
typedef float half;  // never reached: no array of the stand-in has this type
struct place { int x, y, z; };
static thread_local place threadIdx, blockIdx, blockDim, gridDim;
#define BOTH(name) \\
  static inline float name(float x) { return ::name##f(x); }
namespace device {
BOTH(exp) BOTH(expm1) BOTH(log) BOTH(log1p) BOTH(sqrt) BOTH(tanh) BOTH(fabs) BOTH(floor) BOTH(ceil)
static inline double exp(double x) { return ::exp(x); }
static inline double expm1(double x) { return ::expm1(x); }
static inline double log(double x) { return ::log(x); }
static inline double log1p(double x) { return ::log1p(x); }
static inline double sqrt(double x) { return ::sqrt(x); }
static inline double tanh(double x) { return ::tanh(x); }
static inline double fabs(double x) { return ::fabs(x); }
static inline float pow(float x, float y) { return ::powf(x, y); }
static inline double pow(double x, double y) { return ::pow(x, y); }
template <class T> static inline T max(T a, T b) { return a > b ? a : b; }
template <class T> static inline T min(T a, T b) { return a < b ? a : b; }
template <class T> static inline T rsqrt(T x) { return 1 / sqrt(x); }
"""


def compile_for_host(source):
    """Compile a source with C functions, and load it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(source.encode()).hexdigest()[:24]
    library = CACHE / f"{name}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            written = Path(folder) / "kernel.cpp"
            written.write_text(source)
            built = written.with_suffix(".so")
            command = ["g++", "-O1", "-w", "-shared", "-fPIC", "-fpermissive", written, "-o", built]
            subprocess.run(command, check=True)
            built.replace(library)
    return ctypes.CDLL(str(library))


def record(**kernel):
    """Note a kernel and its types, if asked to."""
    if RECORD:
        with Path(RECORD).open("a") as file:
            file.write(json.dumps(kernel, sort_keys=True) + "\n")


class Parameter:
    """A parameter of a kernel: `raw T x`, `int32 n`."""

    def __init__(self, text):
        *qualities, self.type, self.name = text.split()
        self.raw = "raw" in qualities
        # A letter is a type to be found out.
        self.dtype = None if len(self.type) == 1 else np.dtype(self.type)


def parameters_of(text):
    return [Parameter(part) for part in text.split(",") if part.strip()]


class ElementwiseKernel:
    """A kernel of one operation for each element."""

    def __init__(
        self, in_params, out_params, operation, name="kernel", reduce_dims=True, **options
    ):
        self.inputs, self.outputs = parameters_of(in_params), parameters_of(out_params)
        self.source = (in_params, out_params, operation, name)
        self.options = options
        self.compiled = {}

    def __call__(self, *args, size=None, stream=None, block_size=128):
        inputs, outputs = list(args[: len(self.inputs)]), list(args[len(self.inputs) :])
        if len(inputs) < len(self.inputs) or len(outputs) not in {0, len(self.outputs)}:
            raise TypeError(f"Wrong number of arguments for {self.source[3]!r}")
        for arg in args:
            if not isinstance(arg, (ndarray, bool, int, float, np.generic)):
                raise TypeError(f"Unsupported type {type(arg)}")
        types = self.types_of(inputs, outputs)
        shape = self.shape_of(inputs, outputs, size)
        if not outputs:
            outputs = [ndarray(shape, types[p.type]) for p in self.outputs]
        for parameter, out in zip(self.outputs, outputs, strict=True):
            if not isinstance(out, ndarray):
                raise TypeError("Output arguments type must be cupy.ndarray")
            if not parameter.raw and out.shape != shape:
                raise ValueError("Out shape is mismatched")
        if RECORD:
            self.note(inputs, outputs, types, shape)
        self.run(inputs, outputs, types, shape)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def types_of(self, inputs, outputs):
        """Find the types of the parameters: those of arrays, as CuPy does; numbers follow."""
        types = {p.type: p.dtype for p in self.inputs + self.outputs if p.dtype is not None}
        pairs = [*zip(self.outputs, outputs, strict=False), *zip(self.inputs, inputs, strict=True)]
        for parameter, arg in pairs:
            if not isinstance(arg, ndarray):
                continue
            if types.setdefault(parameter.type, arg.dtype) != arg.dtype:
                raise TypeError(
                    f"Type is mismatched. {parameter.name} {arg.dtype} {types[parameter.type]}"
                )
        for parameter in self.inputs + self.outputs:
            if parameter.type not in types:
                raise KeyError(parameter.type)
        return types

    def shape_of(self, inputs, outputs, size):
        pairs = [*zip(self.inputs, inputs, strict=True), *zip(self.outputs, outputs, strict=False)]
        shapes = [arg.shape for p, arg in pairs if isinstance(arg, ndarray) and not p.raw]
        if size is not None:
            if shapes:
                raise ValueError(
                    "Specified 'size' can be used only if all of the ndarray are 'raw'."
                )
            return (size,)
        if not shapes:
            raise ValueError("Loop size is undecided.")
        return np.broadcast_shapes(*shapes)

    def note(self, inputs, outputs, types, shape):
        """Record the kernel for arrays as CuPy passes them on: broadcast, and flat if possible."""
        pairs = [*zip(self.inputs, inputs, strict=True), *zip(self.outputs, outputs, strict=True)]
        hosts = [
            None
            if not isinstance(arg, ndarray)
            else (arg.host if parameter.raw else np.broadcast_to(arg.host, shape))
            for parameter, arg in pairs
        ]
        flat = all(h is None or h.flags.c_contiguous for h in hosts)
        arrays = [
            None
            if host is None
            else [1 if flat and not p.raw else host.ndim, bool(host.flags.c_contiguous)]
            for (p, _), host in zip(pairs, hosts, strict=True)
        ]
        named = {letter: dtype.name for letter, dtype in types.items() if len(letter) == 1}
        options = {key: value for key, value in self.options.items() if value}
        ndim = 1 if flat else len(shape)
        record(kernel=self.source, options=options, types=named, arrays=arrays, ndim=ndim)

    def run(self, inputs, outputs, types, shape):
        """Copy the inputs to plain memory, compute, and copy the results to their places."""
        hosts = []
        for parameter, arg in zip(self.inputs, inputs, strict=True):
            host = arg.host if isinstance(arg, ndarray) else np.asarray(arg, types[parameter.type])
            if not parameter.raw and host.shape != shape:
                host = np.broadcast_to(host, shape)
            hosts.append(np.ascontiguousarray(host))
        results = [np.ascontiguousarray(out.host) for out in outputs]
        pointers = [array.ctypes.data for array in (*hosts, *results)]
        addresses = (ctypes.c_void_p * len(pointers))(*pointers)
        self.function_for(types)(ctypes.c_longlong(int(np.prod(shape))), addresses)
        for out, result in zip(outputs, results, strict=True):
            if result is not out.host:
                out.host[...] = result

    def function_for(self, types):
        key = tuple(sorted(types.items()))
        if key not in self.compiled:
            self.compiled[key] = compile_for_host(self.code(types)).run
        return self.compiled[key]

    def code(self, types):
        """Write the loop over the elements around the operation."""
        lines = [PRELUDE, *(f"typedef {t.name} {n};" for n, t in types.items() if len(n) == 1)]
        lines += [self.options.get("preamble", ""), "struct indexer { long long n;"]
        lines += ["long long size() const { return n; } };"]
        lines += ["static void compute(long long _n, void** _p) {", "indexer _ind{_n};"]
        lines += [self.options.get("loop_prep", ""), ";"]
        lines += ["for (long long i = 0; i < _n; ++i) {"]
        for number, parameter in enumerate(self.inputs + self.outputs):
            constant = "const " if number < len(self.inputs) else ""
            array = f"(({constant}{parameter.type}*)_p[{number}])"
            if parameter.raw:
                lines.append(f"{constant}{parameter.type}* {parameter.name} = {array};")
            else:
                lines.append(f"{constant}{parameter.type}& {parameter.name} = {array}[i];")
        lines += [self.source[2], ";"]
        if self.source[3] in FAULTY:
            lines += [f"if (i % 100 == 0) {p.name} = 0;" for p in self.outputs]
        lines += ["}}}"]
        lines += ['extern "C" void run(long long n, void** p) { device::compute(n, p); }']
        return "\n".join(lines)


class RawKernel:
    """A whole kernel; its threads run one after the other, so they must not wait for each other."""

    def __init__(self, code, name, options=(), backend="nvrtc", **others):
        self.code, self.name = code, name
        record(raw=code, name=name)
        text = re.sub(r'#include <[^>]*>|extern "C"', "", code)
        found = re.search(rf"void\s+{name}\s*\((?P<parameters>[^)]*)\)", text)
        self.parameters = [part.split() for part in found["parameters"].split(",")]
        declared = found["parameters"]
        passed = ", ".join(words[-1].lstrip("*") for words in self.parameters)
        self.source = f"""{PRELUDE} {text} }}
        using namespace device;
        extern "C" void run(int blocks, int threads, {declared}) {{
          blockDim.x = threads; gridDim.x = blocks;
          for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x)
            for (threadIdx.x = 0; threadIdx.x < threads; ++threadIdx.x) device::{name}({passed});
        }}"""

    def __call__(self, grid, block, args, shared_mem=0, **others):
        values = []
        for words, arg in zip(self.parameters, args, strict=True):
            if "*" in "".join(words):
                pointer = arg.host.ctypes.data if isinstance(arg, ndarray) else int(arg)
                values.append(ctypes.c_void_p(pointer))
            else:
                values.append(ctypes.c_int(int(arg)))
        compile_for_host(self.source).run(int(grid[0]), int(block[0]), *values)


class ReductionKernel:
    """Chainer makes some, and none that Synaxial uses."""

    def __init__(self, *args, **options):
        self.source = args

    def __call__(self, *args, **options):
        raise NotImplementedError("the stand-in for CuPy runs no ReductionKernel")
