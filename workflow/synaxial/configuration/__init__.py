"""The typed configuration of a study."""

from synaxial.configuration.loading import (
    as_yaml,
    make_study,
    part_of_study,
    read_study,
)
from synaxial.configuration.model import Study

__all__ = ["Study", "as_yaml", "make_study", "part_of_study", "read_study"]
