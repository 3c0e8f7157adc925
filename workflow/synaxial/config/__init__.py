"""The typed configuration of a study."""

from synaxial.config.loading import (
    as_yaml,
    make_study,
    read_keys,
    read_study,
)
from synaxial.config.model import (
    Study,
    check_evaluation,
    check_networks,
    check_validation,
    field_of_view,
    pixel_millimetres,
)
from synaxial.config.parts import part_of_study, part_of_training

__all__ = [
    "Study",
    "as_yaml",
    "check_evaluation",
    "check_networks",
    "check_validation",
    "field_of_view",
    "make_study",
    "part_of_study",
    "part_of_training",
    "pixel_millimetres",
    "read_keys",
    "read_study",
]
