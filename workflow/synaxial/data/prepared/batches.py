"""The batches of subjects that are prepared by one job each."""

from collections.abc import Sequence

#: What the subjects of a batch are for.
TRAINED, HELD_OUT = "training", "held_out"

#: Subjects of a batch: a few seconds of work, which is much more than the start of a command.
LARGEST_BATCH = 32

#: The most processes of a batch.
MOST_WORKERS = 8


def cut_into_batches(kind: str, subjects: Sequence[str]) -> dict[str, list[str]]:
    """Return the batches of subjects of one kind, `{kind}_0` and so on, in the order given.

    Subjects of different kinds are never in one batch, so that a change of the held-out subjects
    does not run the training again.
    """
    starts = range(0, len(subjects), LARGEST_BATCH)
    return {
        f"{kind}_{number}": list(subjects[start : start + LARGEST_BATCH])
        for number, start in enumerate(starts)
    }
