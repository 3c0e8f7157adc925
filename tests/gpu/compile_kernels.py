"""Compile kernels for GPUs with CuPy's own code and NVRTC; no GPU is needed.

`test_nvrtc.py` runs it with an interpreter that has CuPy. It takes the file of kernels that the
stand-in wrote and processors such as sm_90, and writes what does not compile to standard output:

    python tests/gpu/compile_kernels.py kernels.jsonl sm_75 sm_90
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import cupy
import numpy as np
from cupy._core import _carray, _kernel, _scalar, core
from cupy.cuda import compiler

#: Kinds of arguments, the numbers in CuPy's `_kernel.pxd`.
ARRAY, INDEXER, NUMBER = 1, 2, 3


def argument(kind: int, owner: type, dtype: Any, ndim: int, contiguous: bool) -> Any:
    """Describe an argument to CuPy; indices have 32 bits."""
    return _kernel._ArgInfo(kind, owner, dtype, ndim, contiguous, True)


def element_source(record: dict[str, Any]) -> str:
    """Return what CuPy makes of an ElementwiseKernel with these types."""
    inputs, outputs, operation, name = record["kernel"]
    parameters = _kernel._get_param_info(inputs, True) + _kernel._get_param_info(outputs, False)
    types = {letter: np.dtype(name) for letter, name in record["types"].items()}
    arguments = [
        argument(NUMBER, _scalar.CScalar, types.get(p.ctype, p.dtype), 0, True)
        if array is None
        else argument(ARRAY, cupy.ndarray, types.get(p.ctype, p.dtype), *array)
        for p, array in zip(parameters, record["arrays"], strict=True)
    ]
    arguments.append(argument(INDEXER, _carray.Indexer, None, record["ndim"], True))
    code = _kernel._get_elementwise_kernel_code(
        tuple(arguments),
        _kernel._TypeMap(tuple(sorted(types.items()))),
        parameters + _kernel._get_param_info("CIndexer _ind", False),
        *(operation, name, record["options"].get("preamble", "")),
    )
    return "".join(f"#include <{header}>\n" for header in core._cupy_header_list) + code


def main() -> None:
    """Compile all kernels for all processors."""
    path, *processors = sys.argv[1:]
    records = [json.loads(line) for line in sorted(set(Path(path).read_text().splitlines()))]
    sources = {r["raw"] if "raw" in r else element_source(r): r for r in records}
    options = (*core.assemble_cupy_compiler_options(("-ftz=true",)),)
    failed = []
    for source, record in sources.items():
        name = record.get("name") or record["kernel"][3]
        for processor in processors:
            program = compiler._NVRTCProgram(source, f"{name}.cu", method="cubin")
            arch = (f"-arch={processor}", "--device-as-default-execution-space")
            try:
                cubin, _ = program.compile((*options, *arch))
            except compiler.CompileException as error:
                failed.append([name, processor, str(error)])
                continue
            if not re.match(rb"\x7fELF", cubin):
                failed.append([name, processor, "no ELF file"])
    names = sorted({r.get("name") or r["kernel"][3] for r in sources.values()})
    print(
        json.dumps(
            {"cupy": cupy.__version__, "names": names, "sources": len(sources), "failed": failed}
        )
    )


if __name__ == "__main__":
    main()
