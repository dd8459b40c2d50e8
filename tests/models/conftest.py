"""What the tests of models share: options by kind, real weights, and one thread (results do not hang on it)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline import params
from pipeline.core.registry import Options
from pipeline.params.adaptations import ADAPTATIONS
from pipeline.params.backbones import BACKBONES
from pipeline.stages import download

PROJECT = Path(__file__).parents[2]
SHARED = PROJECT / "../shared"
SMALL = {"kind": "iresnet", "depth": 18, "width": 0.0625, "embedding": 16}


def needs_shared(file: str) -> pytest.MarkDecorator:
    """Mark a test that is skipped where a file of ../shared is absent."""
    reason = f"needs ../shared/{file}, which is not part of the project"
    return pytest.mark.skipif(not (SHARED / file).exists(), reason=reason)


def _options(kinds: dict[str, type[Options]], values: dict[str, Any]) -> Options:
    return kinds[values["kind"]].model_validate(values)


def backbone_options(**values: Any) -> Options:
    return _options(BACKBONES, values or SMALL)


def adaptation_options(**values: Any) -> Options:
    return _options(ADAPTATIONS, values)


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def weights(at):
    """Fetches weights of the demo study into the empty project, as its download stage does."""
    study = params.load(PROJECT / "params.yaml")

    def fetch(name: str) -> str:
        download.run(study, name, at.root)
        return name

    return fetch
