"""Trackers and benchmarks during training get all figures, and change nothing."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import params
from pipeline.core.errors import SitterError
from pipeline.core.files import read_csv, write_csv
from pipeline.core.layout import Layout
from pipeline.params import Study, check
from pipeline.plan.fingerprint import job_sources
from pipeline.plan.requirements import missing
from pipeline.plan.stages import jobs
from pipeline.stages import train
from pipeline.store.splits import pairs_file
from pipeline.training.tracking import Tracked
from tests.training.study import STUDY, make_faces

BOTH = {"tracker": "tensorboard", "benchmarks": ["all"], "every": 2, "images": 8}


def watched(tracking: dict[str, Any], **changes: Any) -> Study:
    """Return the small study with a section `tracking`."""
    raw = STUDY | {"tracking": tracking} | changes
    return check(raw)


def content(folder: Path) -> dict[str, bytes]:
    """Return the content of every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.training
def test_a_benchmark_is_measured_every_so_many_epochs_and_the_model_is_the_same_to_the_bit(
    at: Layout, project: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_faces(at, train=4)  # three of nine sitters are test sitters
    train.run(watched({}), "head", at.root)
    plain = content(at.model("head"))
    sizes, units = [], Tracked._units
    monkeypatch.setattr(
        Tracked, "_units", lambda self, faces, network: sizes.append(len(faces)) or units(self, faces, network)
    )
    caplog.set_level("INFO")
    train.run(watched(BOTH | {"tracker": None}), "head", at.root)
    assert content(at.model("head")) == plain
    said = [line for line in caplog.messages if "all: eer" in line]
    assert [line.split(",")[0] for line in said] == ["head: epoch 0", "head: epoch 2"]
    assert sizes
    assert max(sizes) <= 10  # two whole sitters, or as many as fit in eight images


@pytest.mark.training
def test_a_benchmark_of_listed_pairs_is_measured_too(
    at: Layout, project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_faces(at, "more")
    names = [f"s{sitter}/{image}" for sitter in range(8) for image in range(2)]
    pairs = [
        {"image_a": a, "image_b": b, "genuine": int(a[:2] == b[:2]), "fold": i % 2}
        for i, (a, b) in enumerate(zip(names[::2] * 2, names[1::2] + names[3::2] + names[1:2], strict=True))
    ]
    write_csv(at.split("more") / "pairs.csv", pairs, ["image_a", "image_b", "genuine", "fold"])
    split = STUDY["split"] | {"more": {"kind": "pairs", "folds": 2}}
    evaluate = {"benchmarks": {"listed": {"kind": "kfold", "dataset": "more"}}, "far": [0.1]}
    changes = {"split": split, "evaluate": evaluate, "embed": {"datasets": ["tiny", "more"]}}
    caplog.set_level("INFO")
    train.run(watched({"benchmarks": ["listed"], "every": 3}, **changes), "head", at.root)
    said = [line for line in caplog.messages if "listed: accuracy" in line]
    assert [line.split(",")[0] for line in said] == ["head: epoch 0", "head: epoch 3"]
    pairs_file("more", at).unlink()
    train.run(watched({"benchmarks": ["listed"], "every": 3}, **changes), "head", at.root)
    assert any("is not measured yet" in line for line in caplog.messages), "a job of `split` may come later"


@pytest.mark.training
def test_tensorboard_gets_each_epoch(at: Layout, project: Path) -> None:
    pytest.importorskip("tensorboardX", reason="needs tensorboardX: pip install -r envs/test.lock")
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import masked_crc32c

    make_faces(at, train=4)
    train.run(watched(BOTH), "head", at.root)
    (file,) = (at.root / "logs/tracking/head").glob("events.*")
    data, told = file.read_bytes(), {}
    while data:  # a record: length, checksum of the length, content, checksum of the content
        length = int.from_bytes(data[:8], "little")
        assert int.from_bytes(data[8:12], "little") == masked_crc32c(data[:8])
        event = Event.FromString(data[12 : 12 + length])
        told |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
        data = data[16 + length :]
    history = read_csv(at.model("head") / "history.csv")
    assert told["val_eer", 3] == np.float32(history[3]["val_eer"])
    assert told["loss", 1] == np.float32(history[1]["loss"])
    assert {step for tag, step in told if tag == "all/eer"} == {0, 2}


def test_a_tracker_makes_no_job_stale(project: Path) -> None:
    assert jobs(watched({})) == jobs(watched(BOTH))
    counted = {path.as_posix() for path in job_sources("train")}
    assert not {path for path in counted if path.endswith("tracking.py") or "/params/metrics/" in path}


def test_a_tracker_that_is_not_installed_is_told_before_any_work(at: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr("pipeline.params.tracking.find_spec", lambda name: None if name == "mlflow" else there(name))
    study = watched({"tracker": "mlflow"})
    assert "`pip install mlflow`" in missing(study, at)["tracking"]
    with pytest.raises(SitterError, match="pip install mlflow"):
        train.run(study, "head", at.root)


@pytest.mark.parametrize(
    ("benchmarks", "said"),
    [
        ({"all": {"kind": "geometry", "dataset": "tiny", "centres": "tiny"}}, "of kind 'geometry'"),
        ({"al": {"kind": "all-pairs", "probe": "tiny"}}, "no entry under evaluate.benchmarks; did you mean 'al'"),
    ],
)
def test_a_benchmark_that_cannot_be_measured_is_refused(benchmarks: dict[str, Any], said: str) -> None:
    with pytest.raises(SitterError, match=said):
        watched({"benchmarks": ["all"]}, evaluate={"benchmarks": benchmarks})


def test_tracking_is_off_by_default() -> None:
    tracking = params.load().tracking
    assert (tracking.tracker, tracking.benchmarks) == (None, ())
