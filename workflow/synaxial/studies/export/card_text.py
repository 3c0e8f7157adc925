"""The model card: Markdown, with the heading in YAML that hubs of models read.

The parts are those of Mitchell et al., 2019, "Model Cards for Model Reporting".
"""

import textwrap

import yaml

from synaxial.config.model import Training
from synaxial.evaluation.metrics import memorisation
from synaxial.evaluation.scores import PROTOCOL, headlines_of
from synaxial.evaluation.verdict import has_width
from synaxial.io.pages import markdown_of
from synaxial.studies.export.inputs import inputs_of, meaning_of_images
from synaxial.studies.export.medigan import changes_of
from synaxial.studies.export.records import TO_FILL_IN, Records

#: Characters of a line of text.
WIDTH = 100

#: How the values of an input are drawn, in words and in Python.
DRAWN = {
    "normal": ("standard normal", "rng.standard_normal({shape}, dtype=np.float32),"),
    "uniform": ("uniform, 0 to 1", "rng.random({shape}, dtype=np.float32),"),
    "symmetric": ("uniform, -1 to 1", "rng.uniform(-1, 1, {shape}).astype(np.float32),"),
    "asked": ("what you ask for", "np.float32([[80, 0, 0, 0]] * 4),  # 80 mm, no tumour"),
}

WARNING = (
    "**The images are synthetic. They show no real person, and they are for research on methods "
    "only. Not for diagnosis.**"
)

MEMORISATION = (
    "{share:.1f} % of the images are nearer to a training image than 99 % of real images of other "
    "people are (real images: {floor:.1f} %). The correlation with the nearest training image is "
    "{nearest:.2f} in the median (real images of other people: {real:.2f}). The generator has "
    "learned from {people} people: the fewer they are, the more it repeats them. The share "
    "counts copies, also mirrored, shifted and slightly bent ones. It does not find a copied "
    "detail in another head, a rotated copy or a mixture of several images. So a low share is no "
    "proof of privacy."
)

#: What the file of a coarse-to-fine generator has of the training images.
KEPT = (
    " For up to 256 training images the file keeps six numbers that tell how fine their structure "
    "is, and no pixels."
)

INTENDED = """\
- Research on methods of image generation, and on how synthetic images should be evaluated.
- Research on training with synthetic images, beside real ones, with a test on real images.
- Teaching, and tests of software that reads images."""

OUT_OF_SCOPE = """\
- Diagnosis, treatment, or any other decision about a person.
- The training or testing of a medical device, without a validation of your own on real images.
- A claim about anatomy, disease or a population: the images show what the network has learned
  of few people, with its mistakes.
- Presenting the images as real, or mixing them unmarked into collections of real images.
- Publishing images as anonymous. A generator can repeat parts of its training images: compare
  images with the training data first."""


def make_card(records: Records) -> str:
    """Return the model card of a training."""
    run = records.run
    parts = [
        f"# Synthetic axial brain-MRI slices: {run.experiment}, seed {run.settings.seed}",
        filled(WARNING),
        "## What it is",
        _what(records.training),
        "## How to use it",
        _use(records.training),
        "## Training data",
        _data(records),
        "## Evaluation",
        _evaluation(records),
        "## Memorisation",
        filled(_memorisation(records)),
        "## Intended use",
        INTENDED,
        "## What it must not be used for",
        OUT_OF_SCOPE,
        "## How it was made",
        _origin(records),
        "## Contact",
        f"{TO_FILL_IN}: who is responsible for this model, and how to cite it",
    ]
    return "\n\n".join([_heading(records.training), *parts]) + "\n"


def filled(text: str) -> str:
    """Return a paragraph in lines of at most `WIDTH` characters."""
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _heading(training: Training) -> str:
    """Return the metadata in the form of the Hugging Face Hub."""
    tags = ["gan", "medical", "mri", "brain", "synthetic", "onnxruntime"]
    content = {
        "license": "other",
        "license_name": f"{TO_FILL_IN}: the terms of the weights, which follow those of the data",
        "library_name": "onnx",
        "pipeline_tag": "unconditional-image-generation",
        "tags": [*tags, *(["segmentation"] if training.masks else [])],
    }
    text = yaml.safe_dump(content, sort_keys=False, width=2 * WIDTH)
    return f"---\n{text}---"


def _what(training: Training) -> str:
    width = training.image_width
    kind = (
        "A coarse generator with styles and an up-sampler, in one file: two stages"
        if training.is_coarse_to_fine
        else "A deep convolutional GAN (DCGAN)"
    )
    shape = f"(N, {training.image_channels}, {width}, {width})"
    text = (
        f"{kind}. It makes independent axial slices like those of T2-FLAIR volumes. The output "
        f"`images` is float32 {shape}: {meaning_of_images(training)}. The patient's left is on the "
        "right. The inputs are float32 (N, size):"
    )
    rows = [["input", "size", "values", "meaning"]]
    for each in inputs_of(training):
        rows.append([f"`{each.name}`", str(each.size), DRAWN[each.drawn][0], each.meaning])
    return f"{filled(text)}\n\n{markdown_of(rows)}".rstrip()


def _use(training: Training) -> str:
    lines = [
        f'    "{each.name}": {DRAWN[each.drawn][1].format(shape=(4, each.size))}'
        for each in inputs_of(training)
    ]
    code = "\n".join(
        [
            "import numpy as np",
            "import onnxruntime",
            "",
            'session = onnxruntime.InferenceSession("generator.onnx")',
            "rng = np.random.default_rng(0)",
            "inputs = {",
            *lines,
            "}",
            '(images,) = session.run(["images"], inputs)',
            "pixels = np.rint(images).astype(np.uint8)",
        ]
    )
    known = (
        "The properties of the model have the range of levels and sizes of the training (`known`). "
        "Beyond it, expect images that are not as asked.\n\n"
        if training.conditions
        else ""
    )
    return f"{known}This makes four images, with NumPy and onnxruntime:\n\n```python\n{code}\n```"


def _data(records: Records) -> str:
    data = records.run.dataset
    changes = changes_of(records)
    changed = (
        f" They were changed at random, and the generator has learned that as a part of the data: "
        f"{', '.join(changes)}."
        if changes
        else ""
    )
    text = (
        f"{data.images} axial slices of {data.size} x {data.size} pixels, 8 bits, from "
        f"{records.people} people, in {len(data.subjects)} volumes (SHA-256 of the array: "
        f"{data.sha256}).{changed}"
    )
    unknown = (
        "name, version and source of the volumes, and how to cite them",
        "terms of the volumes, and that they allow to publish a generator",
        "consent of the people or approval by an ethics committee",
        "diagnoses, ages and sexes of the people; centres, scanners and preprocessing",
    )
    return "\n".join([filled(text), "", *(f"- {TO_FILL_IN}: {each}" for each in unknown)])


def _evaluation(records: Records) -> str:
    own, real = records.own.values, records.real.values
    text = (
        f"Both columns compare {records.own.images} images with as many real images of held-out "
        "people. In the last column the images are those of other held-out people: that is the "
        "floor, and no number means anything without it. In brackets: 95 % bootstrap intervals, "
        "resampled by person. Numbers of other people or another number of images are not "
        f"comparable (protocol {PROTOCOL})."
    )
    if not has_width(real):
        text += (
            " The intervals of the real images have no width, because there were too few people: "
            "these numbers decide nothing."
        )
    rows = [["number", "which values are good", "generated images", "real images"]]
    for line in headlines_of([records.own, records.real]):
        values = [own[line.name], real[line.name]]
        cells = [f"{v.value:.3g} ({v.low:.3g} to {v.high:.3g})" for v in values]
        rows.append([line.title, line.rule, *cells])
    return f"{filled(text)}\n\n{markdown_of(rows)}".rstrip()


def _memorisation(records: Records) -> str:
    own, real = records.own.values, records.real.values
    text = MEMORISATION + KEPT * records.training.is_coarse_to_fine
    return text.format(
        share=100 * own[memorisation.NAME].value,
        floor=100 * real[memorisation.NAME].value,
        nearest=own[f"{memorisation.NAME}_nearest"].value,
        real=own[f"{memorisation.NAME}_nearest_real"].value,
        people=records.people,
    )


def _origin(records: Records) -> str:
    run, training = records.run, records.training
    part = ", the up-sampler's apart" if training.is_coarse_to_fine else ""
    ranks = "1 rank" if len(run.ranks) == 1 else f"{len(run.ranks)} ranks"
    time = f"{run.training_seconds / 60:.1f} minutes on {ranks}"
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    rows = [
        ["what", "value"],
        ["commit of Synaxial", run.git_commit or f"{TO_FILL_IN}: where the code was from"],
        ["SHA-256 of the generator's arrays", run.digests.generator],
        ["model", run.fingerprint],
        ["seed", str(training.seed)],
        ["preset, loss", f"{training.preset}, {training.loss}"],
        ["epochs, updates", f"{training.epochs}, {run.iterations} of {training.batch_size} images"],
        [f"training time{part}", time],
        ["versions", versions],
    ]
    text = "All settings are in the properties of the model (`settings`)."
    return f"{markdown_of(rows)}\n{text}"
