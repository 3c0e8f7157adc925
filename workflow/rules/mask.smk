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
        version=version_of("data mask"),
    shell:
        "synaxial data mask --config {input.settings} --segmentation {input.segmentation}"
        " --record {input.record} --output {output.masks} > {log} 2>&1"
