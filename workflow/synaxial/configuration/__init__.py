"""The typed configuration of a study."""

from synaxial.configuration.loading import (
    make_study,
    part_of_study,
    read_study,
    write_part_of_study,
)
from synaxial.configuration.model import Study

__all__ = ["Study", "make_study", "part_of_study", "read_study", "write_part_of_study"]
