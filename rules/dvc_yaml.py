"""Writes `dvc.yaml` for a study: the same jobs, inputs and parameters as the Snakemake rules.

Each rule is a stage with `foreach` over the entries of `params.yaml`. Jobs of a stage differ in the number of
dependencies (a model learns from one data set, the next from two), and DVC has no lists in templates. So each entry
lists its own dependencies; shorter lists repeat their last item, which DVC counts once.
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))

from pipeline.core.files import atomic_file
from pipeline.core.layout import METRICS, Layout
from pipeline.params import Study
from pipeline.plan.jobs import Job
from pipeline.plan.stages import jobs
from pipeline.store.curves import CmcCurve, Curve, RocCurve
from pipeline.store.models import EPOCH, HISTORY, LOSS, VAL_EER
from pipeline.store.models import METRICS as TRAINED
from pipeline.store.results import curve_file
from rules.homes import asked_for, bring_home, made_from, params_file
from rules.plan import plan_folder, planned
from rules.watch import behind_links, watched

HEADER = """\
# Stages, metrics and plots are written by `python rules/dvc_yaml.py` from params.yaml; runs do so by themselves. What
# you add (other metrics, plots, artifacts) is yours and stays.
"""
TEMPLATE = "by-model"  # .dvc/plots/by-model.json
TRAINING = {"training loss": LOSS, "EER on validation sitters": VAL_EER}
CURVES: dict[str, type[Curve]] = {"all-pairs": RocCurve, "identification": CmcCurve}
"""The curve that represents each kind of benchmark."""


def stage_name(job: Job) -> str:
    """Return DVC's name of a job, such as `train@dlib-lora`."""
    return f"{job.stage}@{job.name}" if job.names else job.stage


def stages(study: Study) -> dict[str, Any]:
    """Return the `stages` of dvc.yaml for a study."""
    every = jobs(study)
    outputs = frozenset(path for job in every for path in job.outputs)
    found = {"plan": _plan(study)} | {
        stage: _stage(stage, list(group), outputs) for stage, group in groupby(every, key=lambda job: job.stage)
    }
    return {stage: _from_home(study, entry) for stage, entry in found.items()} if study.name else found


def _from_home(study: Study, entry: dict[str, Any]) -> dict[str, Any]:
    """Return a stage for the dvc.yaml of a study's home, with paths and command that start at the project's root."""
    home = Layout.of(study).home
    inner = entry.get("do", entry)
    params = inner["params"]
    if isinstance(params[0], str):  # keys of the default file of DVC
        params = [{params_file(study).as_posix(): params}]
    told = {"wdir": Path(*[".."] * len(home.parts)).as_posix(), **inner, "params": params}
    return {**entry, "do": told} if "do" in entry else told


def _plan(study: Study) -> dict[str, Any]:
    """Return a stage that runs before all others when params.yaml or the code has changed.

    It updates dvc.yaml from params.yaml, and the fingerprints that the jobs depend on from the code. The
    output is never removed (`persist`), which for DVC rules out its run cache: the command always runs, even if
    params.yaml and the code return to an earlier state.
    """
    file = params_file(study)
    return {
        "cmd": f"python rules/sync.py plan {file}" if study.name else "python rules/sync.py plan",
        "deps": ["pipeline", *(path.as_posix() for path in made_from(file))],
        "params": [{file.as_posix(): None}],
        "outs": [{plan_folder(Layout.of(study)).as_posix(): {"persist": True}}],
    }


def own_files(job: Job, outputs: frozenset[Path]) -> list[str]:
    """Return the user's own files and folders that DVC watches, including folders behind links, as in dvc.yaml."""
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
    """Return the lists filled up to one length; none may be empty."""
    length = max(len(items) for items in lists)
    return [items + items[-1:] * (length - len(items)) for items in lists]


def _metrics(study: Study) -> list[str]:
    """Return the files for `dvc metrics`: the results, and the summary of each training."""
    trained = [name for name, model in study.models.items() if model.is_trained]
    # Paths start at the folder of dvc.yaml.
    at = Layout()
    return [(at.results() / METRICS).as_posix(), *((at.model(name) / TRAINED).as_posix() for name in trained)]


def _plots(study: Study) -> list[dict[str, Any]]:
    """Return the entries for `dvc plots`: a curve for each benchmark and for the trainings, a line for each model."""
    found = []
    for name, benchmark in study.evaluate.benchmarks.items():
        if benchmark.kind in CURVES:
            curve = CURVES[benchmark.kind]
            x, (y, *_) = curve.drawn
            file = curve_file(Layout().results(), curve.name, name).as_posix()
            found.append({f"{curve.name}, {name}": {"template": TEMPLATE, "x": {file: x}, "y": {file: y}}})
    trained = [name for name, model in study.models.items() if model.is_trained]
    files = [(Layout().model(name) / HISTORY).as_posix() for name in trained]
    for title, column in TRAINING.items() if files else ():
        found.append({title: {"x": dict.fromkeys(files, EPOCH), "y": dict.fromkeys(files, column)}})
    return found


def rendered(study: Study, there: dict[str, Any]) -> dict[str, Any]:
    """Return the whole of a study's dvc.yaml: stages, metrics and plots, and everything else already there."""
    metrics, plots = _metrics(study), _plots(study)
    own_metrics = [path for path in there.get("metrics", []) if not str(path).startswith(("results/", "models/"))]
    own_plots = [plot for plot in there.get("plots", []) if TEMPLATE not in str(plot) and not set(plot) & set(TRAINING)]
    ours = {"stages": stages(study), "metrics": metrics + own_metrics, "plots": plots + own_plots}
    return ours | {key: value for key, value in there.items() if key not in ours}


def in_step(study: Study) -> bool:
    """Whether a study's dvc.yaml is up to date with its params."""
    there = _read(_file(study))
    return there == rendered(study, there)


def write_dvc_yaml(study: Study) -> None:
    """Update a study's dvc.yaml; an up-to-date file is left alone."""
    there = _read(_file(study))
    if (wanted := rendered(study, there)) != there:
        with atomic_file(_file(study)) as part:
            part.write_text(HEADER + yaml.safe_dump(wanted, sort_keys=False, width=110))


def _file(study: Study) -> Path:
    return Layout.of(study).home / "dvc.yaml"


def _read(file: Path) -> dict[str, Any]:
    """Return the content of dvc.yaml; by libyaml if PyYAML has it, since each start of Snakemake reads the file."""
    if not file.exists():
        return {}
    return yaml.load(file.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}


if __name__ == "__main__":
    write_dvc_yaml(bring_home(asked_for(sys.argv[1:])))
