"""JSON files as pydantic models."""

import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from synaxial.io.errors import SynaxialError
from synaxial.io.files import read_json

#: The largest JSON file that is read, in bytes; a reader's answers to 1000 images have 0.2 MB.
LARGEST = 50_000_000

Content = TypeVar("Content", bound=BaseModel)


def read_model(path: Path, model: type[Content], expected: str, remedy: str = "") -> Content:
    """Read a JSON file as a model.

    Raises
    ------
    SynaxialError
        The file is absent, damaged, too large, or does not fit the model: the first key that does
        not fit is named.
    """
    if path.is_file() and path.stat().st_size > LARGEST:
        raise SynaxialError(path, f"has {path.stat().st_size} bytes", expected)
    content = read_json(path)
    try:
        return model.model_validate_json(json.dumps(content))
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in detail["loc"])
        message = detail["msg"].removeprefix("Value error, ")
        found = f"{where}: {message}" if where else message
        raise SynaxialError(path, found[:300], expected, remedy) from error
