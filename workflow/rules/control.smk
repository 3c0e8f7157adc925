# Sets of images that generated ones are read beside: other real subjects, and known faults.


rule control:
    input:
        settings=lambda wildcards: settings_of(
            "reference" if wildcards.control in ("reference", "real") else "control"
        ),
        training=rules.pack.output.images,
        index=rules.pack.output.index,
        held_out=rules.pack_held_out.output.images,
        held_out_index=rules.pack_held_out.output.index,
    output:
        images=f"{RESULTS}/controls/{{control}}/images.tif",
    log:
        f"{LOGS}/control/{{control}}.log",
    params:
        version=version_of("evaluate controls"),
        training=subpath(input.training, parent=True),
        held_out=subpath(input.held_out, parent=True),
    shell:
        "synaxial evaluate controls --config {input.settings} --kind {wildcards.control}"
        " --training {params.training} --held-out {params.held_out} --output {output.images}"
        " > {log} 2>&1"
