"""A signal that ends a command lets it remove what is half-written, and end what it started."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

#: The signals of `kill` and of a scheduler, and of a terminal that is closed.
SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def signals_as_exceptions() -> Iterator[None]:
    """Raise a SystemExit in the block on `SIGNALS`, so that what it has started is ended."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
