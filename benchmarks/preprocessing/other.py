"""The environment with MONAI and TorchIO, asked for work."""

from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.partner import Partner
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
        self._partner = Partner([python, PROGRAM, str(processes)], ONE_THREAD)
        said = self._partner.ask("say")
        self.pipelines: list[str] = said["pipelines"]
        self.versions: dict[str, str] = said["versions"]

    def native(self, pipeline: str, file: Path, task: Task, output: Path) -> None:
        """Write a volume's slices before resampling, uint8 (slices, height, width)."""
        self._partner.ask(
            "native",
            pipeline=pipeline,
            file=str(file),
            task=task.as_json(),
            output=str(output),
        )

    def run(self, pipeline: str, files: list[Path], task: Task, output: Path) -> float:
        """Write all volumes' images, uint8 (N, size, size); return the seconds that it took."""
        answer = self._partner.ask(
            "run",
            pipeline=pipeline,
            files=[str(file) for file in files],
            task=task.as_json(),
            output=str(output),
        )
        return float(answer["seconds"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._partner.__exit__(kind, error, traceback)
