"""`dvc.yaml` from the study: the same jobs, inputs and parameters that the Snakemake rules go by.

A stage for each rule, `foreach` over the entries of `params.yaml`. What the jobs of a stage depend on differs in number
(a model learns from one data set, the next from two), and DVC has no lists in templates: so each entry lists its own
dependencies, the shorter lists filled up with their last item, which DVC counts once.
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))

from pipeline.core.files import atomic_file
from pipeline.params import Study
from pipeline.plan.jobs import Job
from pipeline.plan.layout import Layout
from pipeline.plan.stages import jobs
from pipeline.store.results import curve_file
from rules.homes import asked_for, bring_home, made_from, params_file
from rules.plan import plan_folder, planned
from rules.watch import behind_links, watched

HEADER = """\
# Stages, metrics and plots are written by `python rules/dvc_yaml.py` from params.yaml; runs do so by themselves. What
# you add (other metrics, plots, artifacts) is yours and stays.
"""
TEMPLATE = "by-model"  # .dvc/plots/by-model.json
# The curve that shows a benchmark, with its axes.
TRAINING = {"training loss": "loss", "EER on validation sitters": "val_eer"}
CURVES = {"all-pairs": ("roc", "far", "tar"), "identification": ("cmc", "rank", "rate")}


def stage_name(job: Job) -> str:
    """How DVC calls a job: `train@dlib-lora`."""
    return f"{job.stage}@{job.name}" if job.names else job.stage


def stages(study: Study) -> dict[str, Any]:
    """The `stages` of dvc.yaml for a study."""
    every = jobs(study)
    outputs = frozenset(path for job in every for path in job.outputs)
    found = {"plan": _plan(study)} | {
        stage: _stage(stage, list(group), outputs) for stage, group in groupby(every, key=lambda job: job.stage)
    }
    return {stage: _from_home(study, entry) for stage, entry in found.items()} if study.name else found


def _from_home(study: Study, entry: dict[str, Any]) -> dict[str, Any]:
    """A stage in the dvc.yaml of a study's home: its paths start at the project's root, and so does its command."""
    home = Layout.of(study).home
    inner = entry.get("do", entry)
    params = inner["params"]
    if isinstance(params[0], str):  # keys of the file that DVC looks for by itself
        params = [{params_file(study).as_posix(): params}]
    told = {"wdir": Path(*[".."] * len(home.parts)).as_posix(), **inner, "params": params}
    return {**entry, "do": told} if "do" in entry else told


def _plan(study: Study) -> dict[str, Any]:
    """A stage that runs before all others when params.yaml or the code has changed.

    dvc.yaml has to follow params.yaml first, and the fingerprints that the jobs depend on have to follow the code. The
    output is never removed (`persist`), and for DVC this rules out its run cache: the command is always run, also where
    params.yaml and the code are what they once were.
    """
    file = params_file(study)
    return {
        "cmd": f"python rules/sync.py plan {file}" if study.name else "python rules/sync.py plan",
        "deps": ["pipeline", *(path.as_posix() for path in made_from(file))],
        "params": [{file.as_posix(): None}],
        "outs": [{plan_folder(Layout.of(study)).as_posix(): {"persist": True}}],
    }


def own_files(job: Job, outputs: frozenset[Path]) -> list[str]:
    """What DVC watches of the user's own files, folders behind links included, in the words of dvc.yaml."""
    seen = watched(job, outputs)
    return [path.as_posix().replace("${", "\\${") for path in (*seen, *behind_links(seen, outputs))]


def _stage(stage: str, group: list[Job], outputs: frozenset[Path]) -> dict[str, Any]:
    dependencies = {
        job: [*(path.as_posix() for path in (*job.inputs, planned(job))), *own_files(job, outputs)] for job in group
    }
    if not group[0].names:
        (job,) = group
        return {
            "cmd": _command(job, str(job.target)),
            "deps": dependencies[job],
            "params": list(job.parameters),
            "outs": [path.as_posix() for path in job.outputs],
        }
    each = {
        "deps": _filled([dependencies[job] for job in group]),
        "params": _filled([list(job.parameters) for job in group]),
        "outs": _filled([[path.as_posix() for path in job.outputs] for job in group]),
    }
    foreach = {
        job.name: {"target": str(job.target)} | {key: lists[i] for key, lists in each.items() if lists[i]}
        for i, job in enumerate(group)
    }
    slots = {key: [f"${{item.{key}[{i}]}}" for i in range(len(lists[0]))] for key, lists in each.items()}
    return {
        "foreach": foreach,
        "do": {
            "cmd": _command(group[0], "${item.target}"),
            **slots,
        },
    }


def _command(job: Job, target: str) -> str:
    at = Layout.holding(job.target)
    study = f"--configfile {at.home / 'params.yaml'} " if at.study else ""
    return f"snakemake --allowed-rules {job.stage} --force {study}-- {target}"


def _filled(lists: list[list[str]]) -> list[list[str]]:
    """Lists of one length, none of them empty before."""
    length = max(len(items) for items in lists)
    return [items + items[-1:] * (length - len(items)) for items in lists]


def _metrics(study: Study) -> list[str]:
    """For `dvc metrics`: the results, and what each training says of itself."""
    trained = [name for name, model in study.models.items() if model.adaptation.kind != "none"]
    # From the folder of dvc.yaml.
    at = Layout()
    return [(at.results() / "metrics.json").as_posix(), *(f"{at.model(name)}/metrics.json" for name in trained)]


def _plots(study: Study) -> list[dict[str, Any]]:
    """For `dvc plots`: a curve of each benchmark and of the trainings, a line for each model."""
    found = []
    for name, benchmark in study.evaluate.benchmarks.items():
        if benchmark.kind in CURVES:
            curve, x, y = CURVES[benchmark.kind]
            file = curve_file(Layout().results(), curve, name).as_posix()
            found.append({f"{curve}, {name}": {"template": TEMPLATE, "x": {file: x}, "y": {file: y}}})
    trained = [name for name, model in study.models.items() if model.adaptation.kind != "none"]
    files = [f"{Layout().model(name)}/history.csv" for name in trained]
    for title, column in TRAINING.items() if files else ():
        found.append({title: {"x": dict.fromkeys(files, "epoch"), "y": dict.fromkeys(files, column)}})
    return found


def rendered(study: Study, there: dict[str, Any]) -> dict[str, Any]:
    """The whole of a study's dvc.yaml: stages, metrics and plots, and what else is there."""
    metrics, plots = _metrics(study), _plots(study)
    own_metrics = [path for path in there.get("metrics", []) if not str(path).startswith(("results/", "models/"))]
    own_plots = [plot for plot in there.get("plots", []) if TEMPLATE not in str(plot) and not set(plot) & set(TRAINING)]
    ours = {"stages": stages(study), "metrics": metrics + own_metrics, "plots": plots + own_plots}
    return ours | {key: value for key, value in there.items() if key not in ours}


def in_step(study: Study) -> bool:
    """Whether a study's dvc.yaml follows its params."""
    there = _read(_file(study))
    return there == rendered(study, there)


def write_dvc_yaml(study: Study) -> None:
    """Bring a study's dvc.yaml into step; leaves the file alone where it is."""
    there = _read(_file(study))
    if (wanted := rendered(study, there)) != there:
        with atomic_file(_file(study)) as part:
            part.write_text(HEADER + yaml.safe_dump(wanted, sort_keys=False, width=110))


def _file(study: Study) -> Path:
    return Layout.of(study).home / "dvc.yaml"


def _read(file: Path) -> dict[str, Any]:
    """dvc.yaml as it is; each start of Snakemake reads it, so by libyaml where PyYAML has it."""
    if not file.exists():
        return {}
    return yaml.load(file.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}


if __name__ == "__main__":
    write_dvc_yaml(bring_home(asked_for(sys.argv[1:])))
