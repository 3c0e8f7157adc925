"""A signal that ends the check ends its step first."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

#: The signals that end a check, of `kill`, of a scheduler, and of a terminal that is closed.
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
