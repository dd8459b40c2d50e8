"""What is trained learns, whatever the processor: the study of it, over five seeds, on a part of its faces."""

from __future__ import annotations

from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from pipeline import params
from pipeline.core.files import read_json
from tests.spread import surely
from tests.studies.conftest import SHRUNK, run

SETS = ["lfw", "cfp-ff", "cfp-fp"]
SEEDS = [1, 2, 3, 4, 5]

pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.training]


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Any:
    """The figures of the study, each of its epochs a quarter as long."""
    folder, study = tmp_path_factory.mktemp("learning"), params.read(SHRUNK / "learning.yaml")
    study["evaluate"]["bootstrap"] = {"replicates": 100}
    run(params.check(study), folder, prepared)
    return read_json(folder / "results/metrics.json")


@pytest.mark.parametrize("model", ["arcface", "infonce"])
def test_a_trained_network_tells_strangers_apart_better_than_its_own_random_start(metrics: Any, model: str) -> None:
    """The gain in accuracy, each seed against the untrained network of the same seed, is far above its error."""
    accuracy = {
        name: [mean(metrics[benchmark][f"{name}-seed-{seed}"]["accuracy"] for benchmark in SETS) for seed in SEEDS]
        for name in ("untrained", model)
    }
    gains = [after - before for before, after in zip(*accuracy.values(), strict=True)]
    assert surely(gains, errors=4) > 0, accuracy
