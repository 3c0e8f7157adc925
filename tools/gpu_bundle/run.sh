#!/usr/bin/env bash
# Check the GPU of this machine, which needs no network: bash run.sh [FOLDER OF RESULTS [OPTIONS]]
#
# It runs `synaxial study gpu-check` in python3, or in the interpreter that PYTHON names: a Python
# 3.12 with NumPy, CuPy, mpi4py, Numba and SciPy, and with PyTorch to compare the speed. What else is
# missing there is installed from this bundle into its own folder `site`; the Python stays as it is.
set -euo pipefail
bundle=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-python3}
output=${1:-gpu-check}
[ $# -eq 0 ] || shift
install=("$python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps
    --upgrade --root-user-action ignore)

# Its own wheels, and those of packages that are missing here.
mapfile -t wheels < <("$python" "$bundle/missing.py" "$bundle"/wheels/*.whl)
[ ${#wheels[@]} -gt 0 ] || exit 1
"${install[@]}" --target "$bundle/site" "${wheels[@]}"
export PYTHONPATH=$bundle/site${PYTHONPATH:+:$PYTHONPATH}

# Without an MPI library that starts, mpi4py takes that of the bundle.
if ! "$python" -c "from mpi4py import MPI" > /dev/null 2>&1; then
    "${install[@]}" --ignore-installed --prefix "$bundle/mpi" "$bundle"/mpi/*.whl
    export MPI4PY_LIBMPI=$bundle/mpi/lib/libmpi.so.12 PATH=$bundle/mpi/bin:$PATH
fi
exec "$python" -m synaxial study gpu-check --output "$output" "$@"
