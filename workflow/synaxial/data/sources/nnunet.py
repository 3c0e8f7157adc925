"""The description of nnU-Net raw data: which channel is FLAIR, which labels are not tumour."""

import json
import re

from synaxial.io.errors import SynaxialError

#: Names of the channel FLAIR (T2f in BraTS).
FLAIR = re.compile(r"flair|t2f", re.IGNORECASE)

#: Names of labels that are no tumour.
NO_TUMOUR = re.compile(r"background|ignore|rc|.*cavity.*", re.IGNORECASE)


def read_description(text: bytes, where: str) -> tuple[int, set[int]]:
    """Return the number of the channel FLAIR, and the labels above 0 that are no tumour.

    Parameters
    ----------
    text
        The content of dataset.json.
    where
        The name of the file in messages.

    Raises
    ------
    SynaxialError
        It is no such description, or not one channel is called FLAIR.
    """
    try:
        content = json.loads(text)
        # In nnU-Net 1 the channels are `modality`.
        channels = content.get("channel_names", content.get("modality")).items()
        labels = content.get("labels", {}).items()
    except (ValueError, RecursionError, AttributeError) as error:
        raise SynaxialError(
            where, f"cannot be read ({error})", "nnU-Net's dataset.json with channel_names"
        ) from error
    found = [int(number) for number, name in channels if FLAIR.search(str(name))]
    if len(found) != 1:
        names = ", ".join(f"{number} {name}" for number, name in channels)
        raise SynaxialError(
            where,
            f"names {len(found)} channels FLAIR (it has {names[:200]})",
            "one",
            'for another name use a pattern such as "imagesTr/{subject}_0000.nii.gz"',
        )
    outside = set()
    for key, value in labels:
        # Number and name in nnU-Net 1, name and number in nnU-Net 2.
        number, name = (key, value) if key.isdecimal() else (value, key)
        if str(number).isdecimal() and NO_TUMOUR.fullmatch(str(name)):
            outside.add(int(number))
    return found[0], outside - {0}
