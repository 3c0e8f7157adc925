# What each image of a set measures, once; so many images as the reference has.


rule measure:
    input:
        stacks=expand(
            rules.sample.output.stack, stack=range(study.sample.stacks), allow_missing=True
        ),
        reference=expand(rules.control.output.images, control="reference"),
        training=rules.pack.output.images,
    output:
        measurements=f"{TRAINING}/measurements.npz",
    log:
        f"{LOGS}/measure/{{experiment}}/seed_{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/measure/{{experiment}}/seed_{{seed}}.tsv"
    threads: 4
    resources:
        mem_mb=4000,
    params:
        version=version_of("evaluate measure"),
        training=subpath(input.training, parent=True),
    shell:
        "synaxial evaluate measure --stacks {input.stacks} --reference {input.reference}"
        " --training {params.training} --threads {threads} --output {output.measurements}"
        " > {log} 2>&1"


use rule measure as measure_control with:
    input:
        stacks=rules.control.output.images,
        reference=expand(rules.control.output.images, control="reference"),
        training=rules.pack.output.images,
    output:
        measurements=f"{RESULTS}/controls/{{control}}/measurements.npz",
    log:
        f"{LOGS}/measure/{{control}}.log",
    benchmark:
        f"{BENCHMARKS}/measure/{{control}}.tsv"
