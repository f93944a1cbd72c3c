"""Released weights that are not at hand."""


rule fetch:
    """Fetch those that the experiment names, each checked against its sum; nothing else goes to the network."""
    log:
        "<results>/logs/fetch.log",
    conda:
        "../../envs/environment.yaml"
    params:
        job=fetch_job,
    script:
        "../scripts/fetch.py"
