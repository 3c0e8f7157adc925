# Stacks of generated images.


rule sample:
    input:
        settings=settings_of("sample"),
        generator=rules.train.output.generator,
    output:
        stack=f"{TRAINING}/samples/stack_{{stack}}.tif",
    log:
        f"{LOGS}/sample/{{experiment}}/seed_{{seed}}_{{stack}}.log",
    benchmark:
        f"{BENCHMARKS}/sample/{{experiment}}/seed_{{seed}}_{{stack}}.tsv"
    threads: 4
    resources:
        device="auto",
        gpu=0,
        mem_mb=6000,
    params:
        version=version_of("sample"),
    shell:
        "synaxial sample --config {input.settings} --generator {input.generator}"
        " --stack {wildcards.stack} --device {resources.device} --threads {threads}"
        " --output {output.stack}"
        " > {log} 2>&1"
