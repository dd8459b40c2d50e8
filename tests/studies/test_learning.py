"""What is trained learns, whatever the processor: the study of it, over five seeds, on a part of its faces."""

from __future__ import annotations

from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from pipeline import params
from pipeline.core.files import read_json
from tests.spread import surely_gained
from tests.studies.conftest import SHRUNK, run

SETS = ["lfw", "cfp-ff", "cfp-fp"]
SEEDS = [1, 2, 3, 4, 5]
# Random starts differ more than trainings, and cost nothing but to embed their vectors.
STARTS = list(range(1, 21))

pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.training]


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Any:
    """The figures of the study on two fifths of its photographs, in as many more epochs: about as many steps."""
    folder, study = tmp_path_factory.mktemp("learning"), params.read(SHRUNK / "learning.yaml")
    study["train"] |= {"epochs": 16, "warmup_epochs": 4}
    study["models"]["untrained"] = {**study["models"]["untrained"], "sweep": {"training.seed": STARTS}}
    study["evaluate"]["bootstrap"] = {"replicates": 100}
    run(params.check(study), folder, prepared)
    return read_json(folder / "results/metrics.json")


@pytest.mark.parametrize("model", ["arcface", "infonce"])
def test_a_trained_network_tells_strangers_apart_better_than_its_own_random_start(metrics: Any, model: str) -> None:
    """The mean accuracy over seeds is above that of random starts by far more than the error of the difference."""
    accuracy = {
        name: [mean(metrics[benchmark][f"{name}-seed-{seed}"]["accuracy"] for benchmark in SETS) for seed in seeds]
        for name, seeds in (("untrained", STARTS), (model, SEEDS))
    }
    assert surely_gained(accuracy["untrained"], accuracy[model], errors=4) > 0, accuracy
