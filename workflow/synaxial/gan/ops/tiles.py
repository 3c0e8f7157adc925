"""The innermost loops of a convolution, written for vector registers.

`multiply_tile` computes a tile of outputs by pixels in registers, and `correlate_tile` a tile of
weights' gradients. A compiler does not find these loops by itself, so they are written as LLVM's
intermediate language, with vectors of a fixed size. LLVM makes them the machine code of any
processor: where a vector is longer than a register, it takes several.

(Numba's cache ignores a change here: delete the `.nbi` files in `__pycache__` after one.)

A tile of R rows and V vectors needs R V registers for its sums. Each number that is loaded is used
R or V times, so that the processor multiplies all the time and does not wait for its cache.
"""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.registry import cpu_target
from numba.extending import intrinsic

#: Bytes of a vector: those of a register. With AVX-512 there are 32 of them, otherwise 16. What
#: counts is what Numba compiles for: its cache gives the code to every processor of that kind.
WIDE = "+avx512f" in cpu_target.target_context.codegen().magic_tuple()[2].split(",")
BYTES = 64 if WIDE else 32

INTEGER = ir.IntType(64)
#: The types of LLVM for those of NumPy, and the ends of the names of its functions on vectors.
FLOATS = {types.float32: (ir.FloatType(), "f32"), types.float64: (ir.DoubleType(), "f64")}


def lanes(dtype: np.dtype) -> int:
    """Return the number of values of a vector."""
    return BYTES // dtype.itemsize


class Writer:
    """Writes vector instructions for one type of array into a function that Numba compiles."""

    def __init__(self, context: Any, builder: Any, dtype: Any) -> None:
        self.context = context
        self.builder = builder
        self.float, self.suffix = FLOATS[dtype]
        self.lanes = BYTES * 8 // dtype.bitwidth
        #: Vectors begin at any value.
        self.align = BYTES // self.lanes
        self.vector = ir.VectorType(self.float, self.lanes)
        self.zero = ir.Constant(self.vector, [self.float(0.0)] * self.lanes)

    def pointer(self, kind: Any, array: Any, offset: Any) -> Any:
        """Return the address of a value of an array."""
        data = self.context.make_array(kind)(self.context, self.builder, array).data
        return self.builder.gep(data, [offset])

    def step(self, kind: Any, array: Any, axis: int) -> Any:
        """Return how many values apart the elements of an axis are."""
        strides = self.context.make_array(kind)(self.context, self.builder, array).strides
        size = INTEGER(self.align)
        return self.builder.sdiv(self.builder.extract_value(strides, axis), size)

    def element(self, kind: Any, array: Any, index: Any) -> Any:
        """Return the address of the first value of array[index]."""
        return self.pointer(kind, array, self.builder.mul(self.step(kind, array, 0), index))

    def at(self, pointer: Any, offset: Any) -> Any:
        """Return an address some values further on."""
        if isinstance(offset, int):
            offset = INTEGER(offset)
        return self.builder.gep(pointer, [offset])

    def load(self, pointer: Any) -> Any:
        """Load a vector."""
        return self.builder.load(
            self.builder.bitcast(pointer, self.vector.as_pointer()), align=self.align
        )

    def store_tile(self, vectors: list[Any], pointer: Any, rows: int, step: Any) -> None:
        """Store vectors in rows, `step` values apart."""
        columns = len(vectors) // rows
        for place, vector in enumerate(vectors):
            row = self.at(pointer, self.builder.mul(step, INTEGER(place // columns)))
            at = self.at(row, place % columns * self.lanes)
            at = self.builder.bitcast(at, self.vector.as_pointer())
            self.builder.store(vector, at, align=self.align)

    def repeated(self, pointer: Any) -> Any:
        """Load one number into all lanes of a vector."""
        nothing = ir.Constant(self.vector, ir.Undefined)
        one = self.builder.insert_element(nothing, self.builder.load(pointer), ir.IntType(32)(0))
        places = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(one, nothing, places)

    def columns(self, pointer: Any, rows: int, columns: int) -> list[Any]:
        """Load a tile whose rows have one number each."""
        return [self.repeated(self.at(pointer, m)) for m in range(rows) for _ in range(columns)]

    def kept(self, vectors: list[Any]) -> list[Any]:
        """Put vectors into memory of the function; return where they are."""
        places = [
            cgutils.alloca_once(self.builder, self.vector)  # type: ignore[no-untyped-call]
            for _ in vectors
        ]
        for vector, place in zip(vectors, places, strict=True):
            self.builder.store(vector, place)
        return places

    def again(self, places: list[Any]) -> list[Any]:
        """Load what `kept` has put away."""
        return [self.builder.load(place) for place in places]

    def each(self, add: Callable[[Any, Any], Any], a: list[Any], b: list[Any]) -> list[Any]:
        """Apply a function to each pair of vectors of two lists."""
        return [add(left, right) for left, right in zip(a, b, strict=True)]

    def multiplied(self, a: Any, b: Any, c: Any) -> Any:
        """Compute a b + c, rounded once where the processor can."""
        return self.builder.call(
            self.function("fmuladd", [self.vector] * 3, self.vector), [a, b, c]
        )

    def products(
        self, rows: int, numbers: Any, pixels: Any, offsets: Any, count: Any, sums: list[Any]
    ) -> list[Any]:
        """Add to a tile's sums numbers[k rows + m] pixels[offsets[k] + j], for k below `count`."""

        def step(k: Any, sums: list[Any]) -> list[Any]:
            seen = self.at(pixels, self.builder.load(self.at(offsets, k)))
            loaded = [self.load(self.at(seen, v * self.lanes)) for v in range(len(sums) // rows)]
            of_term = self.at(numbers, self.builder.mul(k, INTEGER(rows)))
            factors = [self.repeated(self.at(of_term, m)) for m in range(rows)]
            pairs = [(number, vector) for number in factors for vector in loaded]
            return [self.multiplied(a, b, c) for (a, b), c in zip(pairs, sums, strict=True)]

        return self.loop(count, sums, step)

    def of_kinds(
        self,
        kinds: int,
        first: list[Any],
        products: Callable[[int, list[Any]], list[Any]],
        store_lower: Callable[[list[Any]], None],
    ) -> list[Any]:
        """Return the upper row of a tile, and store the lower one before, if there is one.

        Both begin with `first`; `products` adds those of a kind.
        """
        nothing = [self.zero] * len(first)
        # Put away: the next products need the registers.
        kept = [self.kept(products(kind, nothing)) for kind in range(1, kinds - 1)]
        if kept:
            lower = first
            for add, part in zip((self.builder.fadd, self.builder.fsub), kept, strict=False):
                lower = self.each(add, lower, self.again(part))
            store_lower(products(kinds - 1, lower))
        for part in kept:
            first = self.each(self.builder.fadd, first, self.again(part))
        return products(0, first)

    def total(self, vector: Any) -> Any:
        """Add the lanes of a vector."""
        add = self.function("vector.reduce.fadd", [self.float, self.vector], self.float)
        return self.builder.call(add, [self.float(-0.0), vector], fastmath=("reassoc",))

    def function(self, name: str, arguments: list[Any], result: Any) -> Any:
        """Return one of LLVM's own functions."""
        kind = ir.FunctionType(result, arguments)
        name = f"llvm.{name}.v{self.lanes}{self.suffix}"
        return cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
            self.builder.module, kind, name
        )

    def loop(
        self, count: Any, sums: list[Any], step: Callable[[Any, list[Any]], list[Any]]
    ) -> list[Any]:
        """Call `step` with each number below `count`, at least once, and the sums so far."""
        before, body = self.builder.block, self.builder.append_basic_block("loop")
        self.builder.branch(body)
        self.builder.position_at_end(body)
        number = self.builder.phi(INTEGER)
        held = [self.builder.phi(value.type) for value in sums]
        after = step(number, held)
        following, end = self.builder.add(number, INTEGER(1)), self.builder.block
        for phi, first, last in zip(
            [number, *held], [INTEGER(0), *sums], [following, *after], strict=True
        ):
            phi.add_incoming(first, before)
            phi.add_incoming(last, end)
        done = self.builder.append_basic_block("done")
        self.builder.cbranch(self.builder.icmp_signed("<", following, count), body, done)
        self.builder.position_at_end(done)
        return after


def written(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function for compiled code of one that writes its instructions."""
    return cast(Callable[..., Any], intrinsic(prefer_literal=True)(function))


@written
def multiply_tile(
    typing: Any,
    kinds: Any,
    height: Any,
    vectors: Any,
    pixels: Any,
    pixel: Any,
    pixel_kind: Any,
    offsets: Any,
    weights: Any,
    weight: Any,
    weight_kind: Any,
    bias: Any,
    output: Any,
    target: Any,
    to: Any,
    step: Any,
    row: Any,
) -> Any:
    """Compute `height` outputs of some vectors of pixels.

    With one kind of products, target[to + m step + j] = bias[output + m] + p(0, m, j), with

        p(i, m, j) = sum over k of weights[weight + i weight_kind + k height + m]
                                   pixels[pixel + i pixel_kind + offsets[k] + j]

    for m below `height` and j below `vectors` vectors. With three kinds, it is the upper row of
    two, bias + p(0) + p(1); the lower one, `row` values further on, is bias + p(1) + p(2). With
    four, they are bias + p(0) + p(1) + p(2) and bias + p(1) - p(2) + p(3). The upper one is written
    last. All arrays are flat and contiguous, the offsets int64, the others of one type. The order
    of a sum is that of k, whatever the tile.
    """
    rows, columns = height.literal_value, vectors.literal_value
    arguments = [kinds, height, vectors, pixels, types.intp, types.intp, offsets, weights]
    arguments += [types.intp, types.intp, bias, types.intp, target, *[types.intp] * 4]

    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        w = Writer(context, builder, pixels.dtype)
        _, _, _, x, x0, x_kind, k0, a, a0, a_kind, b, b0, y, y0, y_step, y_row = values
        count = context.make_array(offsets)(context, builder, k0).nitems
        terms = w.pointer(offsets, k0, INTEGER(0))

        def products(kind: int, sums: list[Any]) -> list[Any]:
            seen = w.pointer(pixels, x, builder.add(x0, builder.mul(x_kind, INTEGER(kind))))
            numbers = w.pointer(weights, a, builder.add(a0, builder.mul(a_kind, INTEGER(kind))))
            return w.products(rows, numbers, seen, terms, count, sums)

        first = w.columns(w.pointer(bias, b, b0), rows, columns)
        upper = w.pointer(target, y, y0)
        lower = w.at(upper, y_row)
        sums = w.of_kinds(
            kinds.literal_value,
            first,
            products,
            lambda tile: w.store_tile(tile, lower, rows, y_step),
        )
        w.store_tile(sums, upper, rows, y_step)
        return context.get_dummy_value()

    return types.void(*arguments), write


@written
def correlate_tile(
    typing: Any,
    height: Any,
    width: Any,
    gradients: Any,
    output: Any,
    pixels: Any,
    offsets: Any,
    term: Any,
    pixel_row: Any,
    rows: Any,
    vectors: Any,
    sums: Any,
) -> Any:
    """Add the products of `height` outputs' gradients with the pixels that `width` terms see.

    sums[output + m, term + k] += sum over r below `rows` and j below `vectors` vectors of
    gradients[output + m, r, j] pixels[offsets[term + k] + r pixel_row + j].
    """
    outputs, terms = height.literal_value, width.literal_value
    kinds = [height, width, gradients, types.intp, pixels, offsets, types.intp, types.intp]
    kinds += [types.intp, types.intp, sums]

    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        w = Writer(context, builder, pixels.dtype)
        _, _, g, o, x, offset_array, k0, x_row, row_count, count, s = values
        starts = [w.element(gradients, g, builder.add(o, INTEGER(m))) for m in range(outputs)]
        g_row = w.step(gradients, g, 1)
        seen = []
        for k in range(terms):
            place = w.pointer(offsets, offset_array, builder.add(k0, INTEGER(k)))
            seen.append(w.pointer(pixels, x, builder.load(place)))

        def row(r: Any, held: list[Any]) -> list[Any]:
            down, across = builder.mul(r, g_row), builder.mul(r, x_row)

            def step(j: Any, held: list[Any]) -> list[Any]:
                along = builder.mul(j, INTEGER(w.lanes))
                left = [w.load(w.at(start, builder.add(down, along))) for start in starts]
                right = [w.load(w.at(place, builder.add(across, along))) for place in seen]
                pairs = [(a, b) for a in left for b in right]
                return [w.multiplied(a, b, c) for (a, b), c in zip(pairs, held, strict=True)]

            return w.loop(count, held, step)

        held = w.loop(row_count, [w.zero] * (outputs * terms), row)
        for m in range(outputs):
            of_output = w.element(sums, s, builder.add(o, INTEGER(m)))
            for k in range(terms):
                place = w.at(of_output, builder.add(k0, INTEGER(k)))
                total = w.total(held[m * terms + k])
                builder.store(builder.fadd(builder.load(place), total), place)
        return context.get_dummy_value()

    return types.void(*kinds), write
