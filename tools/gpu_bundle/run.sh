#!/usr/bin/env bash
# Check the GPU of this machine without a network:
#
#     bash run.sh [FOLDER [OPTIONS]]
#
# It runs `synaxial study gpu-check` and writes its results to FOLDER, by default gpu-check. OPTIONS
# are those of the command, such as `--minutes 16`; `--device cpu` tries the check without a GPU.
#
# The interpreter is python3, or the one that the environment variable PYTHON names: a Python 3.12
# with pip, NumPy, CuPy, mpi4py, Numba and SciPy, and with PyTorch to compare the speed. It stays as
# it is. What else it lacks is installed once into the bundle, or into $TMPDIR (/tmp) if the bundle
# cannot be written.
set -euo pipefail
shopt -s inherit_errexit
bundle=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-python3}
output=gpu-check
case ${1-} in
-h | --help)
    sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit
    ;;
-*) ;;
*)
    output=${1-$output}
    [ $# -eq 0 ] || shift
    ;;
esac

# Print the folder of some wheels, NAME OPTION WHEEL..., as pip installs them with OPTION. Several
# nodes may share it, so it is whole or not there. Its name has the digest of the wheels.
installed() {
    local option=$2 name place=$bundle work
    name=$1-$(cat "${@:3}" | sha256sum | cut -c 1-12)
    if [ ! -d "$place/$name" ]; then
        if [ ! -w "$bundle" ]; then
            place=${TMPDIR:-/tmp}/synaxial-gpu-check-$(id -u)
            mkdir -p -m 700 "$place"
            # A link of another user's would lead to what they choose, also later.
            [ ! -L "$place" ] && [ -O "$place" ] && chmod 700 "$place" ||
                { echo "run.sh: $place is a link or belongs to another user; set TMPDIR" >&2; exit 1; }
        fi
        if [ ! -d "$place/$name" ]; then
            [ "$place" = "$bundle" ] || echo "run.sh: $bundle cannot be written; installing into $place" >&2
            work=$place/.$name-$(uname -n)-$$
            "$python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps \
                --ignore-installed --root-user-action ignore "$option" "$work" "${@:3}" >&2 || { rm -rf "$work"; exit 1; }
            # If another node was faster, its folder stays.
            mv -T "$work" "$place/$name" 2> /dev/null || rm -rf "$work"
        fi
    fi
    echo "$place/$name"
}

wheels=$("$python" "$bundle/missing.py" "$bundle/wheels" "$@")
mapfile -t wheels <<< "$wheels"
site=$(installed site --target "${wheels[@]}")
export PYTHONPATH=$site${PYTHONPATH:+:$PYTHONPATH}

# Without an MPI library that starts, mpi4py takes that of the bundle.
if ! "$python" -c "from mpi4py import MPI" > /dev/null 2>&1; then
    mpi=$(installed mpich --prefix "$bundle"/mpi/*.whl)
    export MPI4PY_LIBMPI=$mpi/lib/libmpi.so.12 PATH=$mpi/bin:$PATH
fi
exec "$python" -m synaxial study gpu-check --output "$output" "$@"
