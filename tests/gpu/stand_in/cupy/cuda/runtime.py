"""`cupy.cuda.runtime` of the stand-in."""

import os

from cupy._names import refuse

COUNT = os.environ.get("STAND_IN_GPUS", "1")


class CUDARuntimeError(RuntimeError):
    pass


def getDeviceCount():  # noqa: N802
    if COUNT == "none":
        # What CuPy raises on a machine without a driver.
        raise CUDARuntimeError(
            "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime "
            "version"
        )
    return int(COUNT)


def getDevice():  # noqa: N802
    from cupy.cuda import get_device_id

    return get_device_id()


def getDeviceProperties(device):  # noqa: N802
    return {
        "name": b"stand-in for a GPU",
        **{"major": 0, "minor": 0, "totalGlobalMem": 0, "multiProcessorCount": 0, "warpSize": 32},
    }


def deviceGetPCIBusId(device):  # noqa: N802
    return f"0000:{device:02x}:00.0"


def runtimeGetVersion():  # noqa: N802
    return 0


def driverGetVersion():  # noqa: N802
    return 0


def memGetInfo():  # noqa: N802
    return 0, 0


def deviceSynchronize():  # noqa: N802
    pass


def __getattr__(name):
    return refuse("cupy.cuda.runtime", name)
