# From the volumes of the source to the data set: one file per subject, then one array of all images.

from shlex import quote

from synaxial.data.prepared.batches import HELD_OUT, TRAINED


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


# A batch of subjects. Their files are no output, because Snakemake would delete those of the whole batch
# before it runs again. `synaxial data prepare` makes again what has changed, and nothing else.
rule prepare:
    input:
        settings=settings_of("prepare"),
        fetched=ancient(rules.fetch.output) if plan.source.must_be_fetched else [],
    output:
        table=f"{RESULTS}/prepared/{{batch}}.csv",
    log:
        f"{LOGS}/prepare/{{batch}}.log",
    benchmark:
        f"{BENCHMARKS}/prepare/{{batch}}.tsv"
    threads: lambda wildcards: once_fetched(plan.workers_of, wildcards.batch)
    resources:
        # The largest volumes, 512 x 512 x 300 with float32, take 1.5 GB in each process.
        mem_mb=lambda wildcards, threads, attempt: 2000 * threads * attempt,
    params:
        versions=[
            version_of("data prepare"),
            version_of("data acquire"),
            version_of("data slice"),
            version_of("data resize"),
            version_of("data mask"),
        ],
        subjects=lambda wildcards: once_fetched(plan.subjects_of, wildcards.batch),
        # Whether the source's files and their own are still those of the last time.
        states=lambda wildcards: ",".join(once_fetched(plan.states_of, wildcards.batch)),
        # Snakemake does not compare a parameter that depends on the input: a data set may move.
        path=lambda wildcards, input: (
            f"--path {quote(str(study.acquire.folder))}" if study.acquire.folder else ""
        ),
        fetched=str(plan.results / "source"),
        folder=subpath(output.table, ancestor=2),
    shell:
        "synaxial data prepare --config {input.settings} {params.path} --fetched {params.fetched}"
        " --states {params.states} --threads {threads} --output {params.folder}"
        " --table {output.table} {params.subjects} > {log} 2>&1"


rule manifest:
    input:
        settings=settings_of("manifest"),
        tables=of_batches(),
    output:
        table=f"{RESULTS}/manifest.csv",
    log:
        f"{LOGS}/manifest.log",
    localrule: True
    params:
        version=version_of("data manifest"),
        records=of_subjects("volumes/{subject}.json", plan.subjects),
    shell:
        # On the terminal too, because its warnings may concern the data of a patient.
        "synaxial data manifest --config {input.settings} --output {output.table} {params.records}"
        " 2>&1 | tee {log}"


rule pack:
    input:
        settings=settings_of("pack"),
        tables=of_batches(TRAINED),
        # The manifest comes first: it refuses heads that are trained with and held out. A new one
        # runs nothing again.
        manifest=after_manifest(TRAINED, "dataset"),
    output:
        images=f"{RESULTS}/dataset/images.npy",
        index=f"{RESULTS}/dataset/index.csv",
        description=f"{RESULTS}/dataset/dataset.json",
        packed=f"{RESULTS}/dataset/packed.csv",
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
        stacks=of_subjects("images/{subject}.tif", plan.training_subjects),
        records=str(plan.results / "volumes"),
        folder=subpath(output.images, parent=True),
    shell:
        "synaxial data pack --config {input.settings} --records {params.records}"
        " --output {params.folder} {params.stacks} > {log} 2>&1;"
        # What was packed, for `Plan.is_packed`: the columns subject, status, record and images.
        " echo {params.version} | cat - {input.tables} | cut -d, -f1-4 > {output.packed}"


use rule pack as pack_held_out with:
    input:
        settings=settings_of("pack"),
        tables=of_batches(HELD_OUT),
        manifest=after_manifest(HELD_OUT, "held_out"),
    output:
        images=f"{RESULTS}/held_out/images.npy",
        index=f"{RESULTS}/held_out/index.csv",
        description=f"{RESULTS}/held_out/dataset.json",
        packed=f"{RESULTS}/held_out/packed.csv",
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
    params:
        version=version_of("data pack"),
        stacks=of_subjects("images/{subject}.tif", plan.held_out_subjects),
        records=str(plan.results / "volumes"),
        folder=subpath(output.images, parent=True),


# Only experiments with `masks: true` ask for these.
rule pack_masks:
    input:
        images=rules.pack.output.images,
        index=rules.pack.output.index,
        dataset=rules.pack.output.description,
        tables=of_batches(TRAINED),
    output:
        masks=f"{RESULTS}/dataset/masks.npy",
        description=f"{RESULTS}/dataset/masks.json",
    log:
        f"{LOGS}/pack_masks.log",
    params:
        version=version_of("data pack-masks"),
        stacks=of_subjects("masks/{subject}.tif", plan.training_subjects),
        folder=subpath(output.masks, parent=True),
        results=subpath(input.images, ancestor=2),
    shell:
        "synaxial data pack-masks --dataset {params.folder} --results {params.results}"
        " {params.stacks} > {log} 2>&1"


use rule pack_masks as pack_masks_held_out with:
    input:
        images=rules.pack_held_out.output.images,
        index=rules.pack_held_out.output.index,
        dataset=rules.pack_held_out.output.description,
        tables=of_batches(HELD_OUT),
    output:
        masks=f"{RESULTS}/held_out/masks.npy",
        description=f"{RESULTS}/held_out/masks.json",
    log:
        f"{LOGS}/pack_masks_held_out.log",
    params:
        version=version_of("data pack-masks"),
        stacks=of_subjects("masks/{subject}.tif", plan.held_out_subjects),
        folder=subpath(output.masks, parent=True),
        results=subpath(input.images, ancestor=2),
