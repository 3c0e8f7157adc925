# Pictures of the stacks: a sheet of each, and more if config.yaml asks for it.


rule render:
    input:
        settings=settings_of("render"),
        stack=rules.sample.output.stack,
    output:
        sheet=report(
            f"{TRAINING}/samples/stack_{{stack}}.png",
            caption="../report/sheet.rst",
            category="Generated images",
            subcategory="{experiment}, seed {seed}",
            labels={"what": "stack {stack}"},
        ),
    log:
        f"{LOGS}/render/{{experiment}}/seed_{{seed}}_{{stack}}.log",
    params:
        version=version_of("render"),
    shell:
        "synaxial render --config {input.settings} --stack {input.stack} --sheet {output.sheet}"
        " > {log} 2>&1"


rule render_images:
    input:
        settings=settings_of("render"),
        stack=rules.sample.output.stack,
    output:
        images=directory(f"{TRAINING}/samples/stack_{{stack}}_images"),
    log:
        f"{LOGS}/render_images/{{experiment}}/seed_{{seed}}_{{stack}}.log",
    params:
        version=version_of("render"),
    shell:
        "synaxial render --config {input.settings} --stack {input.stack}"
        " --images {output.images} > {log} 2>&1"


rule render_nifti:
    input:
        settings=settings_of("render"),
        stack=rules.sample.output.stack,
    output:
        nifti=f"{TRAINING}/samples/stack_{{stack}}.nii.gz",
    log:
        f"{LOGS}/render_nifti/{{experiment}}/seed_{{seed}}_{{stack}}.log",
    params:
        version=version_of("render"),
    shell:
        "synaxial render --config {input.settings} --stack {input.stack}"
        " --nifti {output.nifti} > {log} 2>&1"


# Of experiments with `masks` alone.
rule render_masks:
    input:
        settings=settings_of("render"),
        stack=rules.sample.output.stack,
    output:
        sheet=report(
            f"{TRAINING}/samples/stack_{{stack}}_masks.png",
            caption="../report/masks.rst",
            category="Generated images",
            subcategory="{experiment}, seed {seed}",
            labels={"what": "stack {stack} with its masks"},
        ),
    log:
        f"{LOGS}/render_masks/{{experiment}}/seed_{{seed}}_{{stack}}.log",
    params:
        version=version_of("render"),
    shell:
        "synaxial render --config {input.settings} --stack {input.stack}"
        " --outlines {output.sheet} > {log} 2>&1"


rule render_nifti_masks:
    input:
        settings=settings_of("render"),
        stack=rules.sample.output.stack,
    output:
        nifti=f"{TRAINING}/samples/stack_{{stack}}_mask.nii.gz",
    log:
        f"{LOGS}/render_nifti_masks/{{experiment}}/seed_{{seed}}_{{stack}}.log",
    params:
        version=version_of("render"),
    shell:
        "synaxial render --config {input.settings} --stack {input.stack}"
        " --nifti-masks {output.nifti} > {log} 2>&1"
