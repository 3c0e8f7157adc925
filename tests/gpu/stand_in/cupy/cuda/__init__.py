"""`cupy.cuda` of the stand-in: devices that are all the host, and streams that wait for nothing."""

import threading

import numpy as np

from cupy._arrays import MemoryPointer
from cupy._names import refuse
from cupy.cuda import cublas, runtime

_current = threading.local()


class Device:
    """A device by its number, by default the current one."""

    def __init__(self, device=None):
        self.id = get_device_id() if device is None else int(device)
        if not 0 <= self.id < runtime.getDeviceCount():
            raise runtime.CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
        self._before = []

    def __int__(self):
        return self.id

    def __eq__(self, other):
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self):
        return self.id

    def __repr__(self):
        return f"<CUDA Device {self.id}: a stand-in>"

    def __enter__(self):
        self._before.append(get_device_id())
        self.use()
        return self

    def __exit__(self, *error):
        _current.device = self._before.pop()

    def use(self):
        _current.device = self.id

    def synchronize(self):
        pass

    @property
    def compute_capability(self):
        return "".join(str(runtime.getDeviceProperties(self.id)[k]) for k in ("major", "minor"))

    @property
    def mem_info(self):
        return runtime.memGetInfo()

    def __getattr__(self, name):
        return refuse("cupy.cuda.Device", name)


class Stream:
    """A stream of work, which is always done."""

    ptr = 0

    def __init__(self, null=False, non_blocking=False, ptds=False):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def use(self):
        return self

    def synchronize(self):
        pass

    def record(self, event=None):
        return event or Event()


Stream.null = Stream()


class Event:
    """A point in a stream."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self.time = None

    def record(self, stream=None):
        import time

        self.time = time.perf_counter()

    def synchronize(self):
        pass


class MemoryPool:
    """Memory of the device; the stand-in counts none."""

    def __init__(self, allocator=None):
        pass

    def used_bytes(self):
        return 0

    def total_bytes(self):
        return 0

    def free_bytes(self):
        return 0

    def free_all_blocks(self, stream=None):
        pass

    def __getattr__(self, name):
        return refuse("cupy.cuda.MemoryPool", name)


pool, pinned_pool = MemoryPool(), MemoryPool()


def alloc(size):
    return MemoryPointer(np.zeros(max(size, 1), np.uint8))


def is_available():
    return runtime.COUNT != "none" and runtime.getDeviceCount() > 0


def get_device_id():
    return getattr(_current, "device", 0)


def get_current_stream(device_id=-1):
    return Stream.null


def get_elapsed_time(start_event, end_event):
    return 1000 * (end_event.time - start_event.time)


def __getattr__(name):
    return refuse("cupy.cuda", name)


__all__ = ["cublas", "runtime"]
