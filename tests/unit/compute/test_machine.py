"""What is said of a machine, from made-up machines, and from the one that the tests run on."""

import logging
import os
from dataclasses import replace

import joblib
import numpy as np
import pytest
from threadpoolctl import threadpool_info

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.machine import (
    Blas,
    Machine,
    announce_machine,
    choose_blas,
    core_warning,
    describe_machine,
    kernel_warning,
    read_machine,
    value_of,
    vector_instructions,
)

NODE = Machine(
    host="node1",
    device="cpu (x86_64)",
    gpu_software="",
    processor="AMD EPYC",
    vector_instructions="AVX-512",
    cores=(0, 1, 2, 3),
    quota=None,
    blas=Blas("OpenBLAS", "0.3.31", "SkylakeX", 4),
)

CPUINFO = """\
processor\t: {number}
model name\t: Intel(R) Xeon(R)
flags\t\t: fpu sse2 avx {flags}
bugs\t\t: spectre_v1
"""


def with_kernel(kernel, instructions="AVX-512", name="OpenBLAS"):
    return replace(
        NODE, vector_instructions=instructions, blas=Blas(name, "0.3.23", kernel, threads=4)
    )


def test_the_line_names_software_and_cores():
    line = describe_machine([NODE, NODE], 1)
    assert f"NumPy {np.__version__}, OpenBLAS 0.3.31 SkylakeX, AMD EPYC" in line
    assert line.endswith("2 ranks x 1 thread on 4 cores")


def test_the_line_adds_up_the_nodes():
    nodes = [NODE, replace(NODE, host="node2")]
    assert describe_machine(nodes, 4).endswith("2 ranks x 4 threads on 8 cores of 2 nodes")


def test_the_line_names_the_gpu():
    gpu = replace(NODE, device="@cupy:0 (NVIDIA H200)", gpu_software="CuPy 14.2.0, CUDA 13.0")
    assert "CuPy 14.2.0, CUDA 13.0, @cupy:0 (NVIDIA H200), AMD EPYC" in describe_machine([gpu], 1)


@pytest.mark.parametrize("kernel", ["SkylakeX", "Haswell", "Zen", "Cooperlake", "Zen9", ""])
def test_a_modern_or_unknown_kernel_is_no_warning(kernel):
    assert kernel_warning([with_kernel(kernel)]) == ""


@pytest.mark.parametrize("kernel", ["Prescott", "Nehalem", "generic", "Katmai", "Sandybridge"])
@pytest.mark.parametrize(
    ("instructions", "remedy"),
    [("AVX-512", "OPENBLAS_CORETYPE=SkylakeX"), ("AVX2", "OPENBLAS_CORETYPE=Haswell")],
)
def test_a_generic_kernel_is_a_warning_with_the_remedy(kernel, instructions, remedy):
    # On whichever rank it is.
    warning = kernel_warning([NODE, with_kernel(kernel, instructions)])
    assert f"kernel {kernel} on node1, whose processor has {instructions}" in warning
    assert remedy in warning
    assert "\n" not in warning


def test_other_libraries_have_other_remedies():
    assert "BLIS_ARCH_TYPE=skx" in kernel_warning([with_kernel("generic", name="BLIS")])
    warning = kernel_warning([with_kernel("generic", name="NVPL")])
    assert "OPENBLAS" not in warning
    assert "install a newer NumPy" in warning


def test_an_old_processor_or_a_gpu_makes_no_kernel_warning():
    assert kernel_warning([with_kernel("Prescott", instructions="")]) == ""
    on_gpu = replace(with_kernel("Prescott"), gpu_software="CuPy 14.2.0, CUDA 13.0")
    assert kernel_warning([on_gpu]) == ""


@pytest.mark.parametrize(("ranks", "threads"), [(1, 1), (1, 4), (4, 1), (2, 2)])
def test_a_thread_a_core_is_no_warning(ranks, threads):
    assert core_warning([NODE] * ranks, threads, "do less") == ""


@pytest.mark.parametrize(("ranks", "threads"), [(1, 5), (5, 1), (2, 4)])
def test_more_threads_than_cores_are_a_warning_with_the_remedy(ranks, threads):
    warning = core_warning([NODE] * ranks, threads, "do less")
    assert f"{ranks} rank" in warning
    assert f"x {threads} thread" in warning
    assert "share 4 cores on node1" in warning
    assert warning.endswith("do less")


def test_each_node_has_its_own_cores():
    second = replace(NODE, host="node2", cores=(0, 1))
    assert core_warning([NODE, second], 2, "") == ""
    assert "share 2 cores on node2" in core_warning([NODE, second], 4, "")


def test_ranks_that_are_bound_to_cores_of_their_own_share_none():
    bound = [replace(NODE, cores=(2 * rank, 2 * rank + 1)) for rank in range(4)]
    assert core_warning(bound, 2, "") == ""
    # As some launchers do to a rank that they know no number of cores for.
    assert "share 4 cores" in core_warning([replace(m, cores=m.cores[:1]) for m in bound], 2, "")


@pytest.mark.parametrize(("quota", "cores"), [(2, 2), (1, 1)])
def test_a_quota_of_processor_time_counts(quota, cores):
    limited = replace(NODE, quota=quota)
    assert f"share {cores} core" in core_warning([limited], 4, "")
    assert core_warning([limited], cores, "") == ""
    assert core_warning([replace(NODE, quota=64)], 4, "") == ""


def test_each_warning_is_one_line_of_the_log(caplog):
    slow = replace(with_kernel("Prescott"), quota=1)
    with caplog.at_level(logging.INFO):
        announce_machine([slow, slow], 2, "start fewer ranks")
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "WARNING"]
    assert not any("\n" in record.getMessage() for record in caplog.records)
    caplog.clear()
    with caplog.at_level(logging.INFO):
        announce_machine([NODE], 4, "")
    assert [record.levelname for record in caplog.records] == ["INFO"]


def library(path, version="0.3.31.188.0", user_api="blas", **more):
    return {
        "user_api": user_api,
        "internal_api": "openblas",
        "num_threads": 2,
        "filepath": f"/site-packages/{path}",
        "version": version,
        "architecture": "Haswell",
        **more,
    }


def test_the_library_is_numpys_own():
    scipys = library("scipy.libs/libscipy_openblas.so", "0.3.30")
    numpys = library("numpy.libs/libscipy_openblas64_.so")
    openmp = library("libgomp.so.1", user_api="openmp")
    assert choose_blas([openmp, scipys, numpys]) == Blas("OpenBLAS", "0.3.31", "Haswell", 2)
    assert choose_blas([openmp, scipys]).version == "0.3.30"


def test_a_library_that_says_little_is_named_as_far_as_it_goes():
    mkl = library("lib/libmkl_rt.so.2", "2024.2-Product", internal_api="mkl")
    del mkl["architecture"]
    assert choose_blas([mkl]) == Blas("MKL", "2024.2-Product", "", 2)
    assert choose_blas([library("libblas.so", version=None)]).version == ""
    nameless = replace(NODE, blas=choose_blas([]))
    assert "unknown BLAS" in describe_machine([nameless], 1)
    assert kernel_warning([nameless]) == ""


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("", ""),
        ("avx2 fma", "AVX2"),
        ("avx2 avx512f avx512cd", "AVX2"),
        ("avx2 avx512f avx512cd avx512bw avx512dq avx512vl", "AVX-512"),
    ],
)
def test_the_instructions_are_read_from_the_flags(flags, expected):
    text = "".join(CPUINFO.format(number=number, flags=flags) for number in range(2))
    assert vector_instructions(text) == expected
    assert value_of("model name", text) == "Intel(R) Xeon(R)"


def test_a_processor_of_another_kind_has_no_name_and_no_flags():
    text = "processor\t: 0\nFeatures\t: fp asimd\n"
    assert value_of("model name", text) == ""
    assert vector_instructions(text) == ""


def test_a_quota_of_a_container_is_read(monkeypatch):
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    machine = read_machine(chainer.get_device("@numpy"))
    assert (machine.cores, machine.quota) == ((0, 1, 2), 1)
    assert "share 1 core" in core_warning([machine], 2, "")


def test_this_machine_is_read():
    machine = read_machine(chainer.get_device("@numpy"))
    assert set(machine.cores) == os.sched_getaffinity(0)
    assert machine.processor
    assert machine.gpu_software == ""
    loaded = [found for found in threadpool_info() if "numpy" in found["filepath"]]
    assert machine.blas.version
    assert loaded[0]["version"].startswith(machine.blas.version)
    assert machine.blas.kernel == loaded[0]["architecture"]
    assert core_warning([machine], 10_000, "")
