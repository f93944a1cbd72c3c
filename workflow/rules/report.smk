"""Figures, one rule each, and the report's captions. `snakemake --report` gathers what stands here."""


rule figure_resolution:
    """ID against resolution."""
    input:
        variants="<results>/{experiment}/tables/variants.csv",
        dimension="<results>/{experiment}/tables/dimension.csv",
    output:
        report(
            "<results>/{experiment}/figures/resolution.png",
            caption="../report/resolution.rst",
            category="Dimension",
            labels={"figure": "ID against resolution"},
        ),
        "<results>/{experiment}/figures/resolution.svg",
    log:
        "<results>/logs/figure/{experiment}/resolution.log",
    benchmark:
        "<results>/benchmarks/figure/{experiment}/resolution.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=figure_job("resolution"),
        caption=caption(),
    script:
        "../scripts/figure.py"


rule figure_modality:
    """ID against modality."""
    input:
        variants="<results>/{experiment}/tables/variants.csv",
        dimension="<results>/{experiment}/tables/dimension.csv",
    output:
        report(
            "<results>/{experiment}/figures/modality.png",
            caption="../report/modality.rst",
            category="Dimension",
            labels={"figure": "ID against modality"},
        ),
        "<results>/{experiment}/figures/modality.svg",
    log:
        "<results>/logs/figure/{experiment}/modality.log",
    benchmark:
        "<results>/benchmarks/figure/{experiment}/modality.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=figure_job("modality"),
        caption=caption(),
    script:
        "../scripts/figure.py"


rule figure_twins:
    """Trained against untrained twin."""
    input:
        variants="<results>/{experiment}/tables/variants.csv",
        dimension="<results>/{experiment}/tables/dimension.csv",
    output:
        report(
            "<results>/{experiment}/figures/twins.png",
            caption="../report/twins.rst",
            category="Dimension",
            labels={"figure": "Trained against untrained twin"},
        ),
        "<results>/{experiment}/figures/twins.svg",
    log:
        "<results>/logs/figure/{experiment}/twins.log",
    benchmark:
        "<results>/benchmarks/figure/{experiment}/twins.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=figure_job("twins"),
        caption=caption(),
    script:
        "../scripts/figure.py"


rule figure_performance:
    """ID against performance."""
    input:
        variants="<results>/{experiment}/tables/variants.csv",
        dimension="<results>/{experiment}/tables/dimension.csv",
        probe="<results>/{experiment}/tables/probe.csv",
        correlation="<results>/{experiment}/tables/correlation.csv",
    output:
        report(
            "<results>/{experiment}/figures/performance.png",
            caption="../report/performance.rst",
            category="Correlation",
            labels={"figure": "ID against performance"},
        ),
        "<results>/{experiment}/figures/performance.svg",
    log:
        "<results>/logs/figure/{experiment}/performance.log",
    benchmark:
        "<results>/benchmarks/figure/{experiment}/performance.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=figure_job(
            "performance",
            **measure_of(EXPERIMENT.shown["estimator"]),
            split=EXPERIMENT.shown["split"],
            heads=[EXPERIMENT.shown["head"]],
        ),
        caption=caption(split=EXPERIMENT.shown["split"], head=EXPERIMENT.shown["head"]),
    script:
        "../scripts/figure.py"


rule figure_activation:
    """Activation ID against performance."""
    input:
        variants="<results>/{experiment}/tables/variants.csv",
        dimension="<results>/{experiment}/tables/dimension.csv",
        probe="<results>/{experiment}/tables/probe.csv",
        correlation="<results>/{experiment}/tables/correlation.csv",
    output:
        report(
            "<results>/{experiment}/figures/activation.png",
            caption="../report/activation.rst",
            category="Correlation",
            labels={"figure": "Activation ID against performance"},
        ),
        "<results>/{experiment}/figures/activation.svg",
    log:
        "<results>/logs/figure/{experiment}/activation.log",
    benchmark:
        "<results>/benchmarks/figure/{experiment}/activation.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=figure_job(
            "performance",
            **measure_of(EXPERIMENT.settings.get("activation_estimator")),
            split=EXPERIMENT.shown["split"],
            heads=[EXPERIMENT.shown["head"]],
            space="activation",
        ),
        caption=caption(split=EXPERIMENT.shown["split"], head=EXPERIMENT.shown["head"]),
    script:
        "../scripts/figure.py"


rule figure_heads:
    """What head and split decide."""
    input:
        correlation="<results>/{experiment}/tables/correlation.csv",
    output:
        report(
            "<results>/{experiment}/figures/heads.png",
            caption="../report/heads.rst",
            category="Correlation",
            labels={"figure": "What head and split decide"},
        ),
        "<results>/{experiment}/figures/heads.svg",
    log:
        "<results>/logs/figure/{experiment}/heads.log",
    benchmark:
        "<results>/benchmarks/figure/{experiment}/heads.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=figure_job(
            "heads",
            level="within",
            heads=kinds_of_heads(),
            splits=list(EXPERIMENT.splits),
        ),
        caption=caption(level="within"),
    script:
        "../scripts/figure.py"


rule figure_gap:
    """Random splits against spatial blocks."""
    input:
        variants="<results>/{experiment}/tables/variants.csv",
        probe="<results>/{experiment}/tables/probe.csv",
    output:
        report(
            "<results>/{experiment}/figures/gap.png",
            caption="../report/gap.rst",
            category="Probes",
            labels={"figure": "Random splits against spatial blocks"},
        ),
        "<results>/{experiment}/figures/gap.svg",
    log:
        "<results>/logs/figure/{experiment}/gap.log",
    benchmark:
        "<results>/benchmarks/figure/{experiment}/gap.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=figure_job(
            "gap",
            heads=[EXPERIMENT.shown["head"]],
            optimistic=EXPERIMENT.shown["optimistic_split"],
            honest=EXPERIMENT.shown["split"],
        ),
        caption=caption(head=EXPERIMENT.shown["head"]),
    script:
        "../scripts/figure.py"


rule figure_loss:
    """Loss curves."""
    input:
        variants="<results>/{experiment}/tables/variants.csv",
        curves=trained_curves,
    output:
        report(
            "<results>/{experiment}/figures/loss.png",
            caption="../report/loss.rst",
            category="Training",
            labels={"figure": "Loss curves"},
        ),
        "<results>/{experiment}/figures/loss.svg",
    log:
        "<results>/logs/figure/{experiment}/loss.log",
    benchmark:
        "<results>/benchmarks/figure/{experiment}/loss.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=figure_job("loss", objectives=views.objectives(EXPERIMENT)),
        caption=caption(),
    script:
        "../scripts/figure.py"


rule figure_local_maps:
    """Maps of local dimension."""
    input:
        maps=local_maps,
        coastline="<results>/data/datasets/coastline.zarr",
    output:
        report(
            "<results>/{experiment}/figures/local_maps.png",
            caption="../report/local_maps.rst",
            category="Maps",
            labels={"figure": "Local ID"},
        ),
    log:
        "<results>/logs/figure/{experiment}/local_maps.log",
    benchmark:
        "<results>/benchmarks/figure/{experiment}/local_maps.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=figure_job("local_maps"),
        caption=caption(),
    script:
        "../scripts/figure.py"


rule figure_scale:
    """ID against the number of points, the neighbours and the support."""
    input:
        unpack(scale_tables),
    output:
        report(
            "<results>/{experiment}/figures/scale.png",
            caption="../report/scale.rst",
            category="Dimension",
            labels={"figure": "ID against scale"},
        ),
        "<results>/{experiment}/figures/scale.svg",
    log:
        "<results>/logs/figure/{experiment}/scale.log",
    benchmark:
        "<results>/benchmarks/figure/{experiment}/scale.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=figure_job("scale"),
        caption=caption(),
    script:
        "../scripts/figure.py"


rule figure_table1:
    """What was measured beside the paper's Table 1."""
    input:
        table1="<results>/{experiment}/tables/table1.csv",
    output:
        report(
            "<results>/{experiment}/figures/table1.png",
            caption="../report/table1.rst",
            category="Dimension",
            labels={"figure": "Beside the paper's Table 1"},
        ),
        "<results>/{experiment}/figures/table1.svg",
    log:
        "<results>/logs/figure/{experiment}/table1.log",
    benchmark:
        "<results>/benchmarks/figure/{experiment}/table1.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=figure_job("table1"),
        caption=caption(),
    script:
        "../scripts/figure.py"
