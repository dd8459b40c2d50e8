rule report:
    input:
        inputs("report"),
    output:
        report(at("results/report.html"), category="Report"),
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
