rule report:
    input:
        inputs("report"),
    output:
        at("results/report.html"),
    log:
        at("logs/report.log"),
    benchmark:
        at("logs/report.tsv")
    localrule: True
    conda:
        environment
    threads: 1
    params:
        values=values("report"),
        code=fingerprint("report"),
    shell:
        logged(f"{stage('report')}")
