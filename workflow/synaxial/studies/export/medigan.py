"""The metadata that medigan keeps of a model (Osuala et al., 2023, J. Med. Imaging 10(6), 061403).

The keys are those of medigan's templates/template.json and of its published models.
"""

from typing import Any

from synaxial.evaluation.scores import headlines_of
from synaxial.evaluation.verdict import FLOOR
from synaxial.studies.export.inputs import LATENTS, inputs_of
from synaxial.studies.export.records import TO_FILL_IN, Records

#: Measures that medigan's template has, and that the evaluation does not.
NOT_MEASURED = ("SSIM", "MSE", "NSME", "PSNR", "IS", "FID", "turing_test")

#: The arguments that medigan gives to every model.
ARGUMENTS = ["model_file", "num_samples", "output_path", "save_images"]


def make_metadata(records: Records) -> dict[str, Any]:
    """Return the metadata: an entry with three parts under the name of the model."""
    kind = "C2F" if records.training.is_coarse_to_fine else "DCGAN"
    name = f"{TO_FILL_IN}: medigan's next number, then _{kind}_MRI_BRAIN_FULL"
    return {
        name: {
            "execution": _execution(records),
            "selection": _selection(records),
            "description": _description(records),
        }
    }


def _execution(records: Records) -> dict[str, Any]:
    width = records.training.image_width
    conditions = (
        {"label": f"{TO_FILL_IN}: the default label"} if records.training.conditions else {}
    )
    sizes = {each.name: each.size for each in inputs_of(records.training)}
    return {
        "package_name": f"synaxial_{records.run.experiment}_seed_{records.training.seed}",
        "package_link": f"{TO_FILL_IN}: address of a .zip with generator.onnx and __init__.py",
        "model_name": "generator",
        "extension": ".onnx",
        "image_size": [width, width],
        "dependencies": ["numpy", "onnxruntime"],
        "generate_method": {
            "name": "generate",
            "args": {"base": ARGUMENTS, "custom": {"seed": 7, "stack": 0, **conditions}},
            "input_latent_vector_size": sizes[LATENTS],
        },
    }


def _selection(records: Records) -> dict[str, Any]:
    training = records.training
    width = training.image_width
    task = "conditional generation" if training.conditions else "unconditional generation"
    masks = ["tumour masks"] if training.masks else []
    return {
        "performance": _performance(records),
        "use_cases": ["segmentation"] if training.masks else [],
        "organ": ["brain", "head"],
        "modality": ["MRI", "MR", "Magnetic resonance imaging", "FLAIR", "T2-FLAIR"],
        "vendors": [f"{TO_FILL_IN}: makers of the scanners"],
        "centres": [f"{TO_FILL_IN}: where the volumes were acquired"],
        "function": ["noise to image", "image generation", task, "data augmentation"],
        "condition": [f"{TO_FILL_IN}: diagnoses of the people"],
        "dataset": [f"{TO_FILL_IN}: name of the data set"],
        "augmentations": changes_of(records),
        "generates": ["axial brain slices", "full images", *masks],
        "height": width,
        "width": width,
        "depth": None,
        "type": "coarse-to-fine GAN" if training.is_coarse_to_fine else "DCGAN",
        "license": f"{TO_FILL_IN}: terms of the weights, which follow those of the data",
        "dataset_type": f"{TO_FILL_IN}: public or private",
        "privacy_preservation": None,
        "tags": ["synthetic", "brain", "MRI", "axial", "slice", "GAN", f"{width}x{width}"],
        "year": f"{TO_FILL_IN}: year",
    }


def _performance(records: Records) -> dict[str, Any]:
    """Return each number of the table, and beside it that of real images."""
    found: dict[str, Any] = dict.fromkeys(NOT_MEASURED)
    for line in headlines_of([records.own, records.real]):
        found[line.name] = records.own.values[line.name].value
        found[f"{line.name}_{FLOOR}"] = records.real.values[line.name].value
    tasks = ("trained_on_fake", "trained_on_real_and_fake", "trained_on_real")
    return found | {
        "downstream_task": {name: {task: {} for task in tasks} for name in ("CLF", "SEG")}
    }


def changes_of(records: Records) -> list[str]:
    """Return in words how training images were changed at random, as the generator learns it."""
    variation = records.training.variation
    words = {
        "mirror image": variation.mirror,
        f"rotation up to {variation.rotation:g} degrees": variation.rotation,
        f"size by up to {100 * variation.scale:g} %": variation.scale,
        f"shift by up to {100 * variation.shift:g} % of the width": variation.shift,
        f"smooth deformation by up to {100 * variation.warp:g} % of the width": variation.warp,
        "brightness and contrast": variation.tone,
    }
    return [text for text, used in words.items() if used]


def _description(records: Records) -> dict[str, Any]:
    run, training = records.run, records.training
    return {
        "title": "Synthetic axial brain-MRI slices",
        "provided_date": f"{TO_FILL_IN}: date",
        "trained_date": f"{TO_FILL_IN}: date",
        "provided_after_epoch": training.epochs,
        "version": run.versions.get("synaxial"),
        "publication": None,
        "doi": [],
        "inputs": [
            "seed: default=7, help=seed of the images",
            "stack: default=0, help=number of the stack",
            *(["label: help=level, tumour, side, size"] if training.conditions else []),
        ],
        "comment": (
            f"Made with Synaxial from {run.dataset.images} slices of {records.people} people. "
            "The images show no real person. For research on methods only, not for "
            f"diagnosis. Keys ending in _{FLOOR} are the same numbers for real images of other "
            f"people. SHA-256 of the generator's arrays: {run.digests.generator}."
        ),
    }
