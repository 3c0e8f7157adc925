# From the volumes of the source to the data set: one file per subject, then one array of all images.

from shlex import quote

from synaxial.data.volumes.originals import state_for_rerun


# Each stage reads a file with its own part of the study. Snakemake writes the file again only if that
# part has changed, so a change in config.yaml reruns only that stage and the stages that depend on
# it.
rule settings:
    output:
        study=f"{RESULTS}/settings/{{stage}}.yaml",
    log:
        f"{LOGS}/settings/{{stage}}.log",
    localrule: True
    params:
        part=lambda wildcards: as_yaml(part_of_study(study, wildcards.stage)),
    shell:
        "printf '%s' {params.part:q} > {output.study} 2> {log}"


use rule settings as resolved_configuration with:
    output:
        study=f"{RESULTS}/configuration.yaml",
    log:
        f"{LOGS}/settings/configuration.log",
    localrule: True
    params:
        # A function, because Snakemake would read `{subject}` in a string as a wildcard.
        part=lambda wildcards: as_yaml(study.model_dump(mode="json")),


checkpoint fetch:
    input:
        settings=settings_of("fetch"),
    output:
        inventory=f"{RESULTS}/source/inventory.csv",
    log:
        f"{LOGS}/fetch.log",
    localrule: True
    params:
        version=version_of("data fetch"),
        # Another archive under the same name is unpacked again.
        state=plan.source.packed_state(),
        folder=subpath(output.inventory, parent=True),
    shell:
        "synaxial data fetch --config {input.settings} --output {params.folder} 2>&1 | tee {log}"


# The files of the source are not an input, because Snakemake would only compare their names and
# times.
rule acquire:
    input:
        settings=settings_of("acquire"),
        fetched=ancient(rules.fetch.output) if plan.source.must_be_fetched else [],
    output:
        volume=f"{RESULTS}/volumes/{{subject}}_flair.nii.gz",
        segmentation=f"{RESULTS}/volumes/{{subject}}_seg.nii.gz",
        record=f"{RESULTS}/volumes/{{subject}}.json",
    log:
        f"{LOGS}/acquire/{{subject}}.log",
    benchmark:
        f"{BENCHMARKS}/acquire/{{subject}}.tsv"
    resources:
        mem_mb=2000,
    params:
        version=version_of("data acquire"),
        # Whether the files are still those that the record was made from.
        state=lambda wildcards: state_for_rerun(
            once_fetched(plan.source.files, wildcards.subject),
            plan.results / "volumes" / f"{wildcards.subject}.json",
        ),
        # Snakemake does not compare a parameter that depends on the input: a data set may move.
        path=lambda wildcards, input: (
            f"--path {quote(str(study.acquire.folder))}" if study.acquire.folder else ""
        ),
        fetched=str(plan.results / "source"),
        folder=subpath(output.volume, parent=True),
    shell:
        "synaxial data acquire --config {input.settings} --subject {wildcards.subject}"
        " {params.path} --fetched {params.fetched} --state {params.state}"
        " --output {params.folder} > {log} 2>&1"


rule manifest:
    input:
        settings=settings_of("manifest"),
        records=of_subjects(rules.acquire.output.record, plan.subjects),
    output:
        table=f"{RESULTS}/manifest.csv",
    log:
        f"{LOGS}/manifest.log",
    localrule: True
    params:
        version=version_of("data manifest"),
    shell:
        # On the terminal too, because its warnings may concern the data of a patient.
        "synaxial data manifest --config {input.settings} --output {output.table} {input.records}"
        " 2>&1 | tee {log}"


rule slice:
    input:
        settings=settings_of("slice"),
        volume=rules.acquire.output.volume,
        record=rules.acquire.output.record,
    output:
        slices=f"{RESULTS}/slices/{{subject}}.tif",
    log:
        f"{LOGS}/slice/{{subject}}.log",
    params:
        version=version_of("data slice"),
    shell:
        "synaxial data slice --config {input.settings} --volume {input.volume}"
        " --record {input.record} --output {output.slices} > {log} 2>&1"


rule resize:
    input:
        settings=settings_of("resize"),
        slices=rules.slice.output.slices,
        record=rules.acquire.output.record,
    output:
        images=f"{RESULTS}/images/{{subject}}.tif",
    log:
        f"{LOGS}/resize/{{subject}}.log",
    params:
        version=version_of("data resize"),
    shell:
        "synaxial data resize --config {input.settings} --slices {input.slices}"
        " --record {input.record} --output {output.images} > {log} 2>&1"


rule mask:
    input:
        settings=settings_of("mask"),
        segmentation=rules.acquire.output.segmentation,
        record=rules.acquire.output.record,
    output:
        masks=f"{RESULTS}/masks/{{subject}}.tif",
    log:
        f"{LOGS}/mask/{{subject}}.log",
    params:
        version=version_of("data mask"),
    shell:
        "synaxial data mask --config {input.settings} --segmentation {input.segmentation}"
        " --record {input.record} --output {output.masks} > {log} 2>&1"


rule pack:
    input:
        settings=settings_of("pack"),
        images=of_subjects(rules.resize.output.images, plan.training_subjects),
        records=of_subjects(rules.acquire.output.record, plan.training_subjects),
        # The manifest comes first: it refuses heads that are trained with and held out. A new one
        # runs nothing again.
        manifest=ancient(rules.manifest.output.table),
    output:
        images=f"{RESULTS}/dataset/images.npy",
        index=f"{RESULTS}/dataset/index.csv",
        description=f"{RESULTS}/dataset/dataset.json",
        overview=report(
            f"{RESULTS}/dataset/overview.png",
            caption="../report/overview.rst",
            category="Data",
            labels={"what": "overview of the training subjects"},
        ),
    log:
        f"{LOGS}/pack.log",
    benchmark:
        f"{BENCHMARKS}/pack.tsv"
    params:
        version=version_of("data pack"),
        records=str(plan.results / "volumes"),
        folder=subpath(output.images, parent=True),
    shell:
        "synaxial data pack --config {input.settings} --records {params.records}"
        " --output {params.folder} {input.images} > {log} 2>&1"


use rule pack as pack_held_out with:
    input:
        settings=settings_of("pack"),
        images=of_subjects(rules.resize.output.images, plan.held_out_subjects),
        records=of_subjects(rules.acquire.output.record, plan.held_out_subjects),
        manifest=ancient(rules.manifest.output.table),
    output:
        images=f"{RESULTS}/held_out/images.npy",
        index=f"{RESULTS}/held_out/index.csv",
        description=f"{RESULTS}/held_out/dataset.json",
        overview=report(
            f"{RESULTS}/held_out/overview.png",
            caption="../report/overview.rst",
            category="Data",
            labels={"what": "overview of the held-out subjects"},
        ),
    log:
        f"{LOGS}/pack_held_out.log",
    benchmark:
        f"{BENCHMARKS}/pack_held_out.tsv"


# Only experiments with `masks: true` ask for these.
rule pack_masks:
    input:
        images=rules.pack.output.images,
        index=rules.pack.output.index,
        dataset=rules.pack.output.description,
        masks=of_subjects(rules.mask.output.masks, plan.training_subjects),
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
        masks=of_subjects(rules.mask.output.masks, plan.held_out_subjects),
    output:
        masks=f"{RESULTS}/held_out/masks.npy",
        description=f"{RESULTS}/held_out/masks.json",
    log:
        f"{LOGS}/pack_masks_held_out.log",
