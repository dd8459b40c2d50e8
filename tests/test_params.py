"""params.yaml is checked before any work, in words that name the field, the finding, what is allowed and the mend."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from pipeline import params
from pipeline.commands import options
from pipeline.core.errors import SitterError
from pipeline.core.registry import Options
from pipeline.params.adaptations import ADAPTATIONS
from pipeline.params.backbones import BACKBONES
from pipeline.params.detectors import DETECTORS
from pipeline.params.fusions import FUSIONS
from pipeline.params.losses import LOSSES
from pipeline.params.metrics import METRICS
from pipeline.params.outside_systems import OUTSIDE
from pipeline.params.sources import SOURCES

PROJECT = Path(__file__).parents[1]
STUDIES = [
    PROJECT / "params.yaml",
    *sorted((PROJECT / "studies").glob("*.yaml")),
    PROJECT / "tests/workflow/study.yaml",
    PROJECT / "studies/shrunk/faces.yaml",
]
OVERLAYS = sorted((PROJECT / "studies/overlays").glob("*.yaml"))
DEMO = yaml.safe_load((PROJECT / "params.yaml").read_text())


def with_value(path: str, value: Any) -> dict[str, Any]:
    """The demo with one value changed (or, with ..., taken out)."""
    study = here = copy.deepcopy(DEMO)
    *sections, field = path.split("/")
    for section in sections:
        here = here[int(section)] if isinstance(here, list) else here[section]
    if value is ...:
        del here[field]
    else:
        here[field] = value
    return study


def message(study: Any) -> str:
    with pytest.raises(SitterError) as caught:
        params.check(study)
    return str(caught.value)


@pytest.mark.parametrize("path", STUDIES, ids=lambda p: p.name)
def test_every_study_that_ships_is_sound_and_fits_the_schema(path: Path) -> None:
    params.load(path)
    jsonschema.validate(yaml.safe_load(path.read_text()), json.loads(params.SCHEMA.read_text()))


@pytest.mark.parametrize("path", OVERLAYS, ids=lambda p: p.name)
def test_every_overlay_that_ships_fits_the_demo(path: Path) -> None:
    assert params.load(PROJECT / "params.yaml", path) != params.load(PROJECT / "params.yaml")


@pytest.mark.parametrize("path", OVERLAYS, ids=lambda p: p.name)
def test_an_overlay_alone_is_told_to_stand_after_the_file_that_it_changes(path: Path) -> None:
    with pytest.raises(SitterError, match=rf"is no whole study.*--params params.yaml --params .*{path.name}") as said:
        params.load(path)
    assert "\n" not in str(said.value), "what it lacks is no mistake"


def test_every_field_of_params_has_a_description() -> None:
    schema = params.schema()
    sections = {"params.yaml": schema, **schema["$defs"]}
    fields = {(name, f): p for name, section in sections.items() for f, p in section.get("properties", {}).items()}
    assert len(fields) > 300
    bare = [f"{name}.{field}" for (name, field), p in fields.items() if field != "kind" and not p.get("description")]
    assert bare == []


def test_the_schema_that_is_checked_in_is_the_one_that_is_made() -> None:
    assert json.loads(params.SCHEMA.read_text()) == json.loads(json.dumps(params.schema())), (
        "run: python -m pipeline schema"
    )


def test_each_class_of_options_stands_once_in_the_reference() -> None:
    anchors = re.findall(r'<a id="([^"]*)"', options.reference())
    assert len(anchors) == len(set(anchors)) > 50


def test_the_reference_of_options_that_is_checked_in_is_the_one_that_is_made() -> None:
    assert options.REFERENCE.read_text(encoding="utf-8") == options.reference(), "run: sitter options"


GROUPS: dict[str, dict[str, type[Options]]] = {
    "sources": SOURCES, "detectors": DETECTORS, "backbones": BACKBONES, "outside_systems": OUTSIDE,
    "adaptations": ADAPTATIONS, "losses": LOSSES, "fusions": FUSIONS, "metrics": METRICS,
}  # fmt: skip


def test_the_reference_has_every_section() -> None:
    assert set(re.findall(r"^## `(.*)`$", options.reference(), re.M)) == params.Study.model_fields.keys()


@pytest.mark.parametrize("group", GROUPS)
def test_the_reference_has_every_kind_with_the_meaning_of_every_field(group: str) -> None:
    _, *parts = options.reference().partition(f"\n## {group}\n")[2].partition("\n## ")[0].split("`kind: ")
    shown = {part.partition("`")[0]: re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", part, re.M) for part in parts}
    assert shown.keys() == GROUPS[group].keys()
    for kind, found in GROUPS[group].items():
        assert {field for field, _ in shown[kind]} == found.model_fields.keys() - {"kind"}
        assert all(meaning.strip() for _, meaning in shown[kind]), kind


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("epochs", "integer, ≥ 1 | `20` | Largest number of passes"),
        ("lr", "number, > 0 | `0.001` | The highest learning rate."),
        ("fold", "integer or null, ≥ 0 | `null` |"),
        ("compile", "true or false or `auto` | `auto` |"),
        ("train_on", "list of text | `[]` |"),
    ],
)
def test_the_reference_says_type_bounds_and_default(field: str, words: str) -> None:
    assert f"\n| `{field}` | {words}" in options.reference()


def test_the_demo_names_its_schema_so_that_editors_find_it() -> None:
    first = (PROJECT / "params.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=pipeline/params/schema.json"
    assert params.SCHEMA == PROJECT / "pipeline/params/schema.json"


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (
            "models/dlib-head/loss/kind",
            "tripplet",
            ["models.dlib-head.loss.kind", "'tripplet'", "did you mean 'triplet'"],
        ),
        ("models/dlib-head/loss/margn", 0.2, ["models.dlib-head.loss", "'margn'", "did you mean 'margin'"]),
        ("models/dlib-head/loss/margin", -1, ["models.dlib-head.loss.margin", "-1", "greater than"]),
        ("models/dlib-head/loss/margin", "wide", ["models.dlib-head.loss.margin", "'wide'", "number"]),
        ("models/dlib/backbone/weights", "dlip", ["models.dlib.backbone.weights", "'dlip'", "did you mean 'dlib'"]),
        ("models/dlib/adaptation/kind", "lora", ["models.dlib", "a frozen model has neither"]),
        (
            "models/dlib-lora/adaptation/roles",
            ["convv"],
            ["models.dlib-lora.adaptation.roles", "'convv', which is no role", "did you mean 'conv'"],
        ),
        (
            "models/dlib-lora/backbone",
            {"kind": "onnx", "weights": "dlib"},
            ["models.dlib-lora.adaptation is 'lora'", "backbone onnx has no layers", "use kind: head"],
        ),
        ("models/dlib-head/training", {"batch": 8}, ["models.dlib-head.training.batch is 8", "set these, or sampler"]),
        ("models/dlib-head/training", {"sampler": "pairs"}, ["sampler is pairs, but batch is not set"]),
        ("models/dlib-head/training", {"sampler": "pairs", "batch": 9}, ["batch is 9", "give an even number"]),
        (
            "models/dlib-head/training",
            {"sampler": "shuffle", "batch": 9},
            ["the loss triplet compares images of one sitter", "set sampler: sitters or pairs"],
        ),
        ("models/dlib-head/training", {"lrr": 1}, ["models.dlib-head.training", "'lrr'", "did you mean 'lr'"]),
        ("models/dlib-head/training", {"optimiser": "adm"}, ["models.dlib-head.training.optimiser", "'adm'", "'adam'"]),
        ("models/dlib-head/training", {"train_on": ["orll"]}, ["train_on", "'orll'", "did you mean 'orl'"]),
        (
            "models/dlib-head/loss",
            {"kind": "sum", "losses": [{"kind": "arcface", "margn": 1}]},
            ["models.dlib-head.loss.losses.0", "'margn'", "did you mean 'margin'"],
        ),
        (
            "models/dlib-head/loss",
            {"kind": "sum", "losses": [{"kind": "arcfase"}]},
            ["models.dlib-head.loss.losses.0.kind", "'arcfase'", "did you mean 'arcface'", "infonce, subcentre"],
        ),
        (
            "models/dlib-head/loss",
            {"kind": "sum", "losses": [{"kind": "arcface"}, {"kind": "infonce"}], "weights": [1]},
            ["models.dlib-head: ", "loss.weights has 1 values for 2 losses"],
        ),
        ("models/dlib-head/loss", {"kind": "cosface", "sample": 0}, ["models.dlib-head.loss.sample", "0", "greater"]),
        ("models/dlib-head/training", {"chunk": 0}, ["models.dlib-head.training.chunk", "0", "at least 1"]),
        ("modells", {}, ["the file", "unknown field 'modells'", "did you mean 'models'"]),
        ("compare", {}, ["the file", "field 'compare' is called 'published' now"]),
        (
            "evaluate/benchmarks/style-carried/kind",
            "probe",
            ["style-carried.kind is 'probe'", "called 'linear-probe' now"],
        ),
        ("embed", ..., ["embed is missing"]),
        ("embed/datasets", ["orl", "lfw"], ["embed.datasets", "'lfw'", "orl-painted"]),
        ("evaluate/far", [2], ["evaluate.far", "2", "less than 1"]),
        ("evaluate/benchmarks/paintings/probe", "orl-paint", ["paintings.probe", "did you mean 'orl-painted'"]),
        (
            "fuse/concat-dlib-head/models",
            ["dlib", "dlib-haed"],
            ["concat-dlib-head.models", "did you mean 'dlib-head'"],
        ),
        ("fuse/concat-dlib-head/fit_on", [], ["centre is true by default, which needs fit_on"]),
        ("render/orl-painted/styles", ["oli"], ["render.orl-painted.styles", "'oli'", "did you mean 'oil'"]),
        ("render/orl", {"dataset": "orl"}, ["render.orl", "rename one of them"]),
        ("align/orl/detectors/0/weights", "retina", ["align.orl.detectors.0.weights", "did you mean 'retinaface'"]),
        ("split/orl-painted/dataset", "orl-paintd", ["split.orl-painted.dataset", "'orl-paintd'"]),
        ("split/orl/test", 1.5, ["split.orl.test", "1.5", "at most 1"]),
        ("download/orl/kind", "packge", ["download.orl.kind", "did you mean 'package'"]),
        ("models/Dlib Head", DEMO["models"]["dlib"], ["models", "Dlib Head"]),
        ("seed", "one", ["seed", "'one'"]),
    ],
)
def test_a_mistake_is_named_with_its_mend(path: str, value: Any, expected: list[str]) -> None:
    text = message(with_value(path, value))
    assert text.startswith("params.yaml: ")
    for words in expected:
        assert words in text, text


def test_the_batch_of_embed_need_not_be_given() -> None:
    study = with_value("seed", 1)
    del study["embed"]["batch"]
    assert params.check(study).embed.batch == 64


def test_all_mistakes_are_told_at_once() -> None:
    study = with_value("seed", "one")
    study["embed"]["batch"] = 0
    assert message(study).count("params.yaml: ") == 2


@pytest.mark.parametrize("content", [None, [], "text", {}])
def test_a_file_that_is_no_study_is_refused(content: Any) -> None:
    assert "params.yaml: " in message(content)


def test_a_missing_file_and_broken_yaml_are_named(tmp_path: Path) -> None:
    with pytest.raises(SitterError, match=r"none\.yaml does not exist"):
        params.load(tmp_path / "none.yaml")
    (tmp_path / "broken.yaml").write_text("a: [1")
    with pytest.raises(SitterError, match=r"broken\.yaml, line 1 .* is not YAML"):
        params.load(tmp_path / "broken.yaml")


def test_of_several_files_the_last_that_speaks_of_a_field_counts(tmp_path: Path) -> None:
    demo, change, further = PROJECT / "params.yaml", tmp_path / "change.yaml", tmp_path / "further.yaml"
    change.write_text(
        "train: {epochs: 3, sitters: 5}\n"
        "embed: {datasets: [orl]}\n"
        "models: {dlib-head: {loss: {margin: 0.4}}, dlib-lora: {loss: {kind: supcon}}}\n"
        "evaluate: {benchmarks: {paintings: {kind: geometry, dataset: orl}}}\n"
    )
    further.write_text("train: {epochs: 4}\n")
    read = params.read(demo, change, further)
    assert read["train"] == DEMO["train"] | {"epochs": 4, "sitters": 5}
    assert read["embed"] == {"datasets": ["orl"], "batch": 64}, "a list is taken as a whole"
    assert read["models"]["dlib-head"]["loss"] == {"kind": "triplet", "margin": 0.4, "hard": 0.3}
    assert read["models"]["dlib-lora"]["loss"] == {"kind": "supcon"}, "options of one kind say nothing to another"
    assert read["evaluate"]["benchmarks"]["paintings"] == {"kind": "geometry", "dataset": "orl"}
    assert read["models"]["dlib"] == DEMO["models"]["dlib"]
    with pytest.raises(SitterError, match=r"params\.yaml \+ .*change\.yaml: .*'orl-painted'"):
        params.load(demo, change)


def test_a_model_trains_as_train_says_but_for_what_it_says_itself() -> None:
    study = params.check(with_value("models/dlib-head/training", {"lr": 0.5}))
    assert study.training("dlib-head").lr == 0.5
    assert study.training("dlib-lora").lr == (study.models["dlib-lora"].training.lr or study.train.lr)
    assert study.training("dlib-head").epochs == (study.models["dlib-head"].training.epochs or study.train.epochs)
