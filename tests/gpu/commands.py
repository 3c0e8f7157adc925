"""Run commands of Synaxial in one process: a JSON list of lists of words."""

import json
import sys

from synaxial.cli import make_app

for words in json.loads(sys.argv[1]):
    name = words[0] if words[0] in {"train", "sample"} else " ".join(words[:2])
    make_app(name)(words, standalone_mode=False)
