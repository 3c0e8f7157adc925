"""Compare all functions on the device with the CPU; print the results as JSON."""

import dataclasses
import json

from synaxial.compute.devices import use_one_device
from synaxial.studies.gpu_check.functions import compare_functions

results = compare_functions(use_one_device("gpu"))
print(json.dumps([dataclasses.asdict(result) for result in results]))
