# All subjects' images as one array that every rank maps into its memory.


rule pack:
    input:
        settings=settings_of("pack"),
        images=of_subjects(rules.resize.output.images, training_subjects),
        records=of_subjects(rules.acquire.output.record, training_subjects),
    output:
        images=f"{RESULTS}/dataset/images.npy",
        index=f"{RESULTS}/dataset/index.csv",
        description=f"{RESULTS}/dataset/dataset.json",
        overview=report(
            f"{RESULTS}/dataset/overview.png",
            caption="../report/overview.rst",
            category="Data",
            labels={"what": "overview of the subjects trained with"},
        ),
    log:
        f"{LOGS}/pack.log",
    benchmark:
        f"{BENCHMARKS}/pack.tsv"
    params:
        version=version_of("data pack"),
        folder=subpath(output.images, parent=True),
    shell:
        "synaxial data pack --config {input.settings} --output {params.folder}"
        " --images {input.images} --records {input.records} > {log} 2>&1"


use rule pack as pack_held_out with:
    input:
        settings=settings_of("pack"),
        images=of_subjects(rules.resize.output.images, held_out_subjects),
        records=of_subjects(rules.acquire.output.record, held_out_subjects),
    output:
        images=f"{RESULTS}/held_out/images.npy",
        index=f"{RESULTS}/held_out/index.csv",
        description=f"{RESULTS}/held_out/dataset.json",
        overview=report(
            f"{RESULTS}/held_out/overview.png",
            caption="../report/overview.rst",
            category="Data",
            labels={"what": "overview of the subjects held out"},
        ),
    log:
        f"{LOGS}/pack_held_out.log",
    benchmark:
        f"{BENCHMARKS}/pack_held_out.tsv"


# For experiments with `masks` alone: no other study makes any.
rule pack_masks:
    input:
        images=rules.pack.output.images,
        index=rules.pack.output.index,
        dataset=rules.pack.output.description,
        masks=of_subjects(rules.mask.output.masks, training_subjects),
    output:
        masks=f"{RESULTS}/dataset/masks.npy",
        description=f"{RESULTS}/dataset/masks.json",
    log:
        f"{LOGS}/pack_masks.log",
    params:
        version=version_of("data pack-masks"),
        folder=subpath(output.masks, parent=True),
    shell:
        "synaxial data pack-masks --dataset {params.folder} {input.masks} > {log} 2>&1"


use rule pack_masks as pack_masks_held_out with:
    input:
        images=rules.pack_held_out.output.images,
        index=rules.pack_held_out.output.index,
        dataset=rules.pack_held_out.output.description,
        masks=of_subjects(rules.mask.output.masks, held_out_subjects),
    output:
        masks=f"{RESULTS}/held_out/masks.npy",
        description=f"{RESULTS}/held_out/masks.json",
    log:
        f"{LOGS}/pack_masks_held_out.log",
