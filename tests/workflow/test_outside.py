"""An outside system is run by both engines as a stage of its own, and both agree on it."""

from __future__ import annotations

import shutil

import pytest
import yaml

from tests.workflow.conftest import Workplace

pytestmark = pytest.mark.slow


def test_a_file_from_elsewhere_becomes_a_system_that_is_judged_and_fused(workplace: Workplace) -> None:
    """The file holds what a model of our own has made of the faces."""
    shutil.copy(workplace.folder / "embeddings/base/painted/embeddings.arrow", workplace.folder / "theirs.arrow")
    params = yaml.safe_load(workplace.text("params.yaml"))
    params["download"]["theirs"] = {"kind": "file", "path": "theirs.arrow"}
    params["outside"] = {"vendor": {"kind": "embeddings", "file": "theirs"}}
    params["fuse"]["with-vendor"] = params["fuse"]["with-tuned"] | {"models": ["vendor", "tuned"]}
    (workplace.folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    ran = workplace.jobs_of("snakemake", "all")
    assert ran == {"download/theirs", "outside/vendor", "fuse/with-vendor", "evaluate", "report"}
    assert workplace.snakemake_would_run() == set()
    assert workplace.dvc_would_run() == set()
    figures = yaml.safe_load(workplace.text("results/metrics.json"))["paintings"]
    assert figures["vendor"]["eer"] == figures["base"]["eer"]
    assert figures["with-vendor"]["eer"] == figures["with-tuned"]["eer"]
