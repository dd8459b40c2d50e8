"""Ctrl-C in every stage, as its first output is written, loses no earlier output, and the next run makes the same."""

from __future__ import annotations

import pytest

from tests.workflow.conftest import Workplace

pytestmark = pytest.mark.slow

# Runs the command line and sends itself a real SIGINT as it opens or renames the first unfinished file.
INTERRUPTED = """
import os, signal, sys
seen = []
def at_the_first_write(event, arguments):
    written = event == "os.rename" or (event == "open" and "r" not in str(arguments[1] or "r"))
    if written and not seen and ".part" in str(arguments[0]):
        seen.append(arguments[0])
        os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(at_the_first_write)
from pipeline.cli import main
code = main(sys.argv[1:])
assert seen, "nothing was written"
sys.exit(code)
"""

STAGES = {
    "download photos": "data/raw/photos/manifest.csv",
    "render painted": "data/raw/painted/manifest.csv",
    "align painted": "data/faces/painted/manifest.csv",
    "split painted": "data/splits/painted/manifest.csv",
    "train tuned": "models/tuned/manifest.csv",
    "embed tuned painted": "embeddings/tuned/painted/manifest.csv",
    "fuse with-tuned": "models/with-tuned/manifest.csv",
    "overlap known": "data/overlap/known/manifest.csv",
    "evaluate": "results/manifest.csv",
    "explain base": "attributions/base/manifest.csv",
    "report": "results/report.html",
}


@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c_leaves_what_was_made_and_the_next_run_makes_the_same(workplace: Workplace, stage: str) -> None:
    output = workplace.folder / STAGES[stage]
    if stage.startswith("train"):  # so that its first write is a checkpoint during training
        workplace.change("train.checkpoint_seconds", 0)
        workplace.call("python", "-m", "pipeline", *stage.split())
    before = output.read_bytes()
    stopped = workplace.call("python", "-c", INTERRUPTED, *stage.split(), check=False)
    assert stopped.returncode == 130, stopped.stdout
    assert "interrupted; what was finished stays, run it again to go on" in stopped.stdout
    assert output.read_bytes() == before
    left = [p for p in workplace.folder.rglob("*.part") if ".git" not in p.parts and ".dvc" not in p.parts]
    assert left == []
    workplace.call("python", "-m", "pipeline", *stage.split())
    assert output.read_bytes() == before
