rule report:
    input:
        inputs("report"),
    output:
        "results/report.html",
    log:
        "logs/report.log",
    benchmark:
        "logs/report.tsv"
    conda:
        "../envs/sitter.yaml"
    threads: 1
    params:
        values=values("report"),
        code=fingerprint("report"),
    shell:
        f"{stage('report')} 2>&1 | tee -i {{log}}"
