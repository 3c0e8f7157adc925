# The study, cut into the parts that the stages read.


# Snakemake looks at parameters, not at config.yaml. Each stage's part of it is a file of its own,
# written anew only if that part has changed; so a change reruns that stage and what follows.
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
        # A function, for Snakemake takes `{subject}` in a text for a wildcard of its own.
        part=lambda wildcards: as_yaml(study.model_dump(mode="json")),
