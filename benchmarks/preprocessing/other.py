"""The environment with MONAI and TorchIO, asked for work."""

import json
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.preprocessing.work import Task

PROGRAM = Path(__file__).with_name("other_pipelines.py")

#: A worker of the other environment uses one core, as ours do.
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    ),
    "1",
)


class OtherEnvironment:
    """The program `other_pipelines.py`, running in an environment that has its libraries.

    Parameters
    ----------
    python
        That environment's interpreter.
    processes
        How many workers it has.

    Raises
    ------
    RuntimeError
        It ends before it has answered; its own message is on the terminal.
    """

    def __init__(self, python: Path, processes: int) -> None:
        self._program = subprocess.Popen(
            [str(python), str(PROGRAM), str(processes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **ONE_THREAD},
        )
        said = self._ask(do="say")
        self.pipelines: list[str] = said["pipelines"]
        self.versions: dict[str, str] = said["versions"]

    def native(self, pipeline: str, file: Path, task: Task, output: Path) -> None:
        """Write a volume's slices before resampling, uint8 (slices, height, width)."""
        self._ask(
            do="native",
            pipeline=pipeline,
            file=str(file),
            task=task.as_json(),
            output=str(output),
        )

    def run(self, pipeline: str, files: list[Path], task: Task, output: Path) -> float:
        """Write all volumes' images, uint8 (N, size, size); return the seconds that it took."""
        answer = self._ask(
            do="run",
            pipeline=pipeline,
            files=[str(file) for file in files],
            task=task.as_json(),
            output=str(output),
        )
        return float(answer["seconds"])

    def _ask(self, **request: Any) -> dict[str, Any]:
        if self._program.stdin is None or self._program.stdout is None:
            raise RuntimeError("the other environment has no pipes")
        self._program.stdin.write(json.dumps(request) + "\n")
        self._program.stdin.flush()
        line = self._program.stdout.readline()
        if not line:
            raise RuntimeError(
                f"the pipelines of MONAI and TorchIO ended with status {self._program.wait()}"
            )
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._program.stdin is not None:
            self._program.stdin.close()
        self._program.wait(60)
