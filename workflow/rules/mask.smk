# The tumour in each image; asked for by experiments with `masks` alone.


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
        code=code_of("mask"),
    shell:
        "synaxial mask --config {input.settings} --segmentation {input.segmentation}"
        " --record {input.record} --output {output.masks} > {log} 2>&1"
