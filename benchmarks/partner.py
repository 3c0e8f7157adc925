"""A program that is asked for work: one JSON object a line, each answered with one."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

REPOSITORY = Path(__file__).parents[1]


class Partner:
    """A running program; between two requests it waits and computes nothing.

    Parameters
    ----------
    command
        What is started, in the repository.
    environment
        Variables beside those of this process.
    """

    def __init__(
        self, command: Sequence[str | Path], environment: Mapping[str, str] | None = None
    ) -> None:
        self.command = [str(word) for word in command]
        self._program = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, **(environment or {})},
        )

    def ask(self, request: str, **details: Any) -> Any:
        """Return the program's answer to a request.

        Raises
        ------
        RuntimeError
            It ended before it answered; its own message is on the terminal.
        """
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        try:
            self._program.stdin.write(json.dumps({"do": request, **details}) + "\n")
            self._program.stdin.flush()
        except BrokenPipeError:
            pass
        line = self._program.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.command} ended with status {self._program.wait()}")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._program.stdin is not None and not self._program.stdin.closed:
            self._program.stdin.close()
        try:
            self._program.wait(30)
        except subprocess.TimeoutExpired:
            self._program.kill()
            self._program.wait()
