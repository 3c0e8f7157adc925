"""A trained generator as an ONNX model."""

import json

from onnx import ModelProto, TensorProto, helper

from synaxial.config.model import Training
from synaxial.data.dataset.labels import LEVEL, SIZE
from synaxial.gan.networks.cascade import Cascade
from synaxial.gan.networks.conditions import Conditions
from synaxial.gan.networks.saving import TrainedGenerator, digest_of, training_in
from synaxial.studies.export.coarse_graph import add_coarse
from synaxial.studies.export.dcgan_graph import add_generator
from synaxial.studies.export.graph import FORMAT, OPERATORS, Graph, channels_of, noise_images
from synaxial.studies.export.inputs import (
    COARSE_NOISE,
    DETAIL,
    LABELS,
    LATENTS,
    UPSAMPLER_NOISE,
    coarse_noise_widths,
    inputs_of,
    meaning_of_images,
    upsampler_noise_widths,
)
from synaxial.studies.export.upsampler_graph import add_enlarged_masks, add_upsampler

#: The name of the output.
IMAGES = "images"

PURPOSE = (
    "Makes synthetic axial brain-MRI slices for research on methods. They show no real person. Not "
    "for diagnosis."
)


def make_model(trained: TrainedGenerator) -> ModelProto:
    """Return the model: from the inputs of `inputs_of` to float32 images (N, channels, W, W).

    The images are those of `synaxial sample` with its default settings, before they are rounded:
    batch normalisation has the calibrated statistics, and there is no dropout.
    """
    training = training_in(trained.settings)
    network = trained.with_calibrated_statistics()
    graph = Graph()
    if isinstance(network, Cascade):
        images = _add_cascade(graph, network, training)
    else:
        images = add_generator(graph, network, LATENTS)
    low, high = network.output_range
    grey = graph.apply("Mul", graph.apply("Sub", images, low), 255 / (high - low))
    graph.apply("Clip", grey, 0.0, 255.0)
    graph.nodes[-1].output[0] = IMAGES
    inputs = [(each.name, TensorProto.FLOAT, ("N", each.size)) for each in inputs_of(training)]
    width = training.image_width
    shape = ("N", training.image_channels, width, width)
    made = graph.finish("generator", inputs, [(IMAGES, TensorProto.FLOAT, shape)])
    model = helper.make_model(
        made,
        producer_name="synaxial",
        doc_string=PURPOSE,
        opset_imports=[helper.make_opsetid("", OPERATORS)],
        ir_version=FORMAT,
    )
    helper.set_model_props(model, describe(trained))
    return model


def _add_cascade(graph: Graph, network: Cascade, training: Training) -> str:
    noise = []
    if training.coarse.noise:
        noise = noise_images(graph, COARSE_NOISE, coarse_noise_widths(training))
    images = add_coarse(graph, network.coarse, LATENTS, LABELS, iter(noise))
    images = graph.apply("Clip", images, *network.output_range)
    noise = noise_images(graph, UPSAMPLER_NOISE, upsampler_noise_widths(training))
    grey = channels_of(graph, images, 0, 1) if training.masks else images
    width, upsampler = training.coarse.width, network.upsampler
    large = add_upsampler(graph, upsampler, grey, width, DETAIL, iter(noise))
    if not training.masks:
        return large
    soft = channels_of(graph, images, 1, 2)
    masks = add_enlarged_masks(graph, soft, large, upsampler.factor)
    return graph.apply("Concat", large, masks, axis=1)


def describe(trained: TrainedGenerator) -> dict[str, str]:
    """Return the properties of the model: texts, some of them in JSON."""
    training = training_in(trained.settings)
    inputs = {
        each.name: {"drawn": each.drawn, "meaning": each.meaning} for each in inputs_of(training)
    }
    return {
        "purpose": PURPOSE,
        "generator": digest_of(trained.network),
        "settings": json.dumps(trained.settings),
        "inputs": json.dumps(inputs),
        "images": meaning_of_images(training),
        **_known(getattr(trained.network, "conditions", Conditions(()))),
    }


def _known(conditions: Conditions) -> dict[str, str]:
    """Return the ranges of the training's levels and sizes in mm: beyond them nothing is known."""
    if conditions.known is None:
        return {}
    levels, sizes = conditions.known[:, LEVEL], conditions.known[:, SIZE]
    # Without a tumour the size is 0.
    seen = {"level": levels, "tumour": sizes[sizes > 0]}
    ranges = {
        name: [round(float(limit), 1) for limit in (seen[name].min(), seen[name].max())]
        for name in conditions.names
        if len(seen[name])
    }
    return {"known": json.dumps(ranges)}
