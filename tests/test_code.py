"""Fingerprints: a job depends on the code that it uses, and on no other."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import pytest

from pipeline.params import load
from pipeline.params.losses import LOSSES
from pipeline.plan import fingerprint
from pipeline.plan.jobs import Job
from pipeline.plan.stages import jobs

PROJECT = Path(__file__).parents[1]
STUDY = load(PROJECT / "params.yaml")


def files(stage: str, *kinds: str) -> set[str]:
    return {path.as_posix() for path in fingerprint.job_sources(stage, kinds)}


def test_a_model_depends_on_its_own_loss_and_no_other() -> None:
    with_triplet = files("train", "losses/triplet")
    assert "pipeline/losses/triplet.py" in with_triplet
    assert "pipeline/losses/mining.py" in with_triplet
    assert "pipeline/losses/arcface.py" not in with_triplet
    shared = ["batches", "samplers", "sharded_centres", "within_process"]
    of_training = {f"pipeline/losses/{module}.py" for module in shared}
    assert {f for f in files("train", "losses/none") if f.startswith("pipeline/losses/")} == of_training


def test_a_model_depends_on_the_options_of_its_own_loss_and_no_other() -> None:
    assert _options("losses", "losses/triplet") == {"base", "triplet"}
    assert _options("losses", "losses/arcface") == {"base", "arcface", "margin"}, (
        "what all losses with a margin share, too"
    )
    assert _options("losses", "losses/sum", "losses/cosface") == {"base", "sum", "cosface", "margin"}
    assert _options("backbones", "backbones/iresnet") == {"base", "iresnet"}
    assert "pipeline/params/weights.py" in files("train", "backbones/iresnet")


def _options(sort: str, *kinds: str) -> set[str]:
    """Modules of options of one sort that a job depends on."""
    return {Path(f).stem for f in files("train", *kinds) if f.startswith(f"pipeline/params/{sort}/")}


@pytest.mark.parametrize("kind", [f"{sort}/{kind}" for sort, kinds in fingerprint.KINDS.items() for kind in kinds])
def test_every_kind_has_options_in_a_module_of_its_own_and_what_it_says_is_behind_it(kind: str) -> None:
    sort, _, name = kind.partition("/")
    options = fingerprint.KINDS[sort][name]
    assert options.model_fields["kind"].default == name
    assert options.__module__ not in {o.__module__ for o in fingerprint.KINDS[sort].values() if o is not options}
    if options.implementation is not None:
        module, _, behind = options.implementation.partition(":")
        source = (PROJECT / f"{module.replace('.', '/')}.py").read_text()
        assert f"class {behind}" in source or f"def {behind}(" in source
        if options.model_fields.keys() - {"kind"}:
            assert f"options: {options.__name__}" in source, "it takes another kind's options"


def test_a_model_depends_on_the_losses_of_its_sum() -> None:
    summed = LOSSES["sum"].model_validate(
        {"kind": "sum", "losses": [{"kind": "cosface"}, {"kind": "cosface"}, {"kind": "infonce"}]}
    )
    assert summed.kinds() == ("sum", "cosface", "infonce")
    name, model = next((n, m) for n, m in STUDY.models.items() if m.loss.kind != "none")
    models = {**STUDY.models, name: model.model_copy(update={"loss": summed})}
    (job,) = (j for j in jobs(STUDY.model_copy(update={"models": models})) if j.stage == "train" and j.names == (name,))
    found = files("train", *job.kinds)
    assert {f"pipeline/losses/{name}.py" for name in ("sum", "cosface", "margin", "infonce")} <= found
    assert "pipeline/losses/arcface.py" not in found


def test_a_registration_changes_no_fingerprint() -> None:
    lists = {path.relative_to(PROJECT).as_posix() for path in fingerprint.LISTS}
    assert {"pipeline/params/losses/single.py", "pipeline/params/backbones/__init__.py"} <= lists
    for job in jobs(STUDY):
        assert not files(job.stage, *job.kinds) & lists


def test_a_change_in_one_stage_does_not_touch_another() -> None:
    assert "pipeline/stages/report.py" not in files("evaluate")
    assert "pipeline/stages/train.py" not in files("embed")
    assert not {f for f in files("align") if f.startswith("pipeline/models")}


def test_defaults_count() -> None:
    assert "pipeline/params/train.py" in files("train")
    assert "pipeline/params/__init__.py" not in files("train")


@pytest.mark.parametrize("stage", sorted({job.stage for job in jobs(STUDY)}))
def test_what_decides_which_values_count_is_code_of_every_stage(stage: str) -> None:
    deciding = {"pipeline/params/effective.py", "pipeline/params/sweep.py", "pipeline/core/registry.py"}
    assert deciding <= files(stage)
    assert "pipeline/params/train.py" not in files("download")


def test_every_job_names_code_that_exists() -> None:
    for job in jobs(STUDY):
        found = files(job.stage, *job.kinds)
        assert f"pipeline/stages/{job.stage}.py" in found
        assert all((PROJECT / path).is_file() for path in found)


@pytest.mark.parametrize("folder", ["pipeline", "rules", "tests"])
def test_reading_by_patterns_finds_what_the_parser_finds(folder: str) -> None:
    for path in (PROJECT / folder).rglob("*.py"):
        parsed: set[str] = set()
        named: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                parsed.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                parsed.update([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 100:
                named.update([node.value] if "." in node.value and "/" not in node.value else [])
        read = fingerprint._read(path)
        assert {name for name in parsed if name.startswith("pipeline")} <= read.imported, path
        assert {name for name in named if (path.parent / name).is_file()} <= read.named, path


@pytest.mark.parametrize("job", jobs(STUDY), ids=lambda job: f"{job.stage}-{job.name}")
def test_what_a_job_is_made_from_is_made_by_another(job: Job) -> None:
    made = {path for other in jobs(STUDY) if other != job for path in (*other.outputs, other.target)}
    assert set(job.inputs) <= made


OWNED = {
    "split.csv": "store/splits.py",
    "near-duplicates.csv": "store/splits.py",
    "artists.csv": "store/splits.py",
    "faces.csv": "store/accounts.py",
    "model.json": "store/models.py",
    "weights.safetensors": "store/models.py",
    "centres.safetensors": "store/models.py",
    "history.csv": "store/models.py",
    "run.json": "core/layout.py",
    "embeddings.arrow": "store/embeddings.py",
    "scores.arrow": "store/scores.py",
    "question.json": "store/questions.py",
    "candidates.csv": "store/candidates.py",
    "annotations.json": "store/candidates.py",
    "index.html": "store/candidates.py",
    "excluded.csv": "store/overlaps.py",
}


@pytest.fixture(scope="module")
def constants() -> dict[str, set[object]]:
    """By module of the package: the constants that stand in its code."""
    return {
        path.relative_to(PROJECT / "pipeline").as_posix(): {
            node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)
        }
        for path in (PROJECT / "pipeline").rglob("*.py")
    }


@pytest.mark.parametrize("name", OWNED)
def test_one_module_spells_the_name_of_a_file_between_stages(constants: dict[str, set[object]], name: str) -> None:
    """A name that `plan.jobs`, which stands below `store`, needs as well belongs to the layout."""
    assert {module for module, values in constants.items() if name in values} == {OWNED[name]}


SPELLED_BESIDE = {
    "core/files.py": {"sha256"},  # the plain manifest of a folder, and the checksum itself
    "sources/cache.py": {"sha256"},  # a folder of the cache
    "answering/vector_cache.py": {"sha256"},  # the database of this cache
    "params/materials.py": {"sha256"},  # an option
    "sources/listing.py": {"image_id", "sha256"},  # columns of a user's list
    "faces/corrections.py": {"image_id"},  # columns of a user's file, as the next four
    "faces/correcting.py": {"image_id"},
    "sources/outside/embeddings.py": {"image_id"},
    "sources/outside/scores.py": {"probe_dataset"},
    "answering/data_frames.py": {"image_id"},  # the index of a data frame that a user gets
    "answering/gallery.py": {"likelihood_ratio"},  # the answer to a user's picture, as JSON
    "commands/compare.py": {"likelihood_ratio"},  # the same for two pictures
    "fusions/fit_data.py": {"fit_on"},  # an option, named in a message
    "identification/question.py": {"as_unidentified"},  # an option, named in a message
    "metrics/result.py": {"image_ids"},  # a field of a class of its own
}
"""Words that are no columns of the store there."""


def columns() -> set[str]:
    """Return the columns and keys of all files between stages that are no everyday words."""
    found: set[str] = {"sha256"}
    for path in (PROJECT / "pipeline/store").glob("*.py"):
        module = importlib.import_module(f"pipeline.store.{path.stem}")
        for name, value in vars(module).items():
            if inspect.isclass(value) and value.__module__ == module.__name__:
                named = vars(value).get("__dataclass_fields__", vars(value).get("_fields", ()))
                found.update(named)
            elif name.isupper():
                found.update([value] if isinstance(value, str) else value if isinstance(value, tuple) else ())
    return {name for name in found if isinstance(name, str) and (name == "sha256" or "_" in name)}


def test_no_module_outside_the_store_spells_a_column(constants: dict[str, set[object]]) -> None:
    names = columns()
    assert {"image_id", "log10_lr", "score_left", "val_eer", "model_a", "near_duplicates", "sitter_as_written"} <= names
    spelled = {module: values & names for module, values in constants.items() if not module.startswith("store/")}
    assert {module: found for module, found in spelled.items() if found} == SPELLED_BESIDE
