"""The user's own files in real runs: both engines go by their content, and nothing stale is recorded."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from rules.watch import JUST_NOW
from tests.workflow.conftest import Workplace, checkout
from tests.workflow.test_agreement import assert_both_have_nothing_to_do

pytestmark = pytest.mark.slow

SITTER = "portraits/sitter-00/0.png"


def test_images_replaced_by_older_ones_behind_a_link_count_in_both(workplace: Workplace) -> None:
    file = workplace.folder / "elsewhere/sitter-11/2.png"
    before = file.read_bytes()
    file.write_bytes((workplace.folder / SITTER).read_bytes())
    os.utime(file, (1.5e9, 1.5e9))
    assert "download/photos" in workplace.snakemake_would_run()
    assert "download/photos" in workplace.dvc_would_run()
    file.write_bytes(before)
    assert_both_have_nothing_to_do(workplace)


def test_an_image_that_looks_the_same_but_for_its_content_counts_in_both(workplace: Workplace) -> None:
    """DVC recognises a file by size, time and inode, so Snakemake must tell it that the file has changed."""
    file = workplace.folder / SITTER
    os.utime(file, ns=(10**18, 10**18))
    (workplace.folder / ".snakemake/sitter-own/download-photos.json").unlink()
    assert_both_have_nothing_to_do(workplace)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    with file.open("r+b") as opened:
        opened.write(content)
    os.utime(file, ns=(10**18, 10**18))
    assert "download/photos" in workplace.snakemake_would_run()
    assert "download/photos" in workplace.dvc_would_run()


def test_what_dvc_finds_changed_and_snakemake_does_not_is_never_recorded(workplace: Workplace) -> None:
    """Snakemake is deceived here: its memory is edited to say that a new image has the old content."""
    file = workplace.folder / SITTER
    file.write_bytes((workplace.folder / "portraits/sitter-01/1.png").read_bytes())
    os.utime(file, (1.5e9, 1.5e9))
    memory = workplace.folder / ".snakemake/sitter-own/download-photos.json"
    known = json.loads(memory.read_text())
    now = file.stat()
    known[SITTER][:4] = [now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_ino]
    memory.write_text(json.dumps(known))
    time.sleep(2 * JUST_NOW)  # a file that changed just now would be read again
    lock = workplace.text("dvc.lock")
    assert workplace.snakemake_would_run() == set()
    refused = workplace.sync("run", check=False)
    assert refused.returncode != 0
    assert "portraits, which has changed for DVC, but not for Snakemake" in refused.stdout
    assert workplace.text("dvc.lock") == lock
    assert workplace.dvc_would_run() == {"download/photos"}


def test_what_was_pulled_and_is_stale_is_made_anew(finished: Workplace, tmp_path: Path) -> None:
    """Snakemake has no record of the files that DVC pulls, and would by itself regard all of them as up to date."""
    place = finished.copy_to(tmp_path / "sitter")
    place.call("dvc", "remote", "add", "-d", "store", str(tmp_path / "store"))
    place.commit("a remote")
    place.call("dvc", "push", "-q")
    place.call("git", "clone", "-q", str(place.folder), str(tmp_path / "clone"))
    clone = Workplace(tmp_path / "clone")
    clone.call("dvc", "pull", "-q")
    clone.change("explain.pairs", 2)
    assert clone.snakemake_would_run() == {"explain/base", "report"}
    clone.call("snakemake", "all")
    assert_both_have_nothing_to_do(clone)


def test_what_stood_before_a_failed_job_comes_back_and_is_known_to_be_stale(workplace: Workplace) -> None:
    workplace.change("models.tuned.loss.margin", 0.4)
    loss = workplace.folder / "pipeline/losses/triplet.py"
    whole = loss.read_text()
    loss.write_text(whole + "\nraise RuntimeError('broken')\n")
    before = {path.name: path.read_bytes() for path in (workplace.folder / "models/tuned").iterdir()}
    for command in (("dvc", "repro"), ("snakemake", "all")):
        failed = workplace.call(*command, check=False)
        assert failed.returncode != 0
        assert {path.name: path.read_bytes() for path in (workplace.folder / "models/tuned").iterdir()} == before
        assert "train/tuned" in workplace.snakemake_would_run()
        assert "train/tuned" in workplace.dvc_would_run()
    report = workplace.folder / "results/report.html"
    (workplace.folder / "pipeline/reporting/page.py").open("a").write("\nraise RuntimeError('broken')\n")
    shown = report.read_bytes()
    for command in (("dvc", "repro", "-s", "report"), ("snakemake", "--", "results/report.html")):
        assert workplace.call(*command, check=False).returncode != 0
        assert report.read_bytes() == shown


def test_the_project_and_a_study_may_have_any_name(tmp_path: Path) -> None:
    place = checkout(tmp_path / "a {x} [y]* 100% $HOME it's")
    study = "a {y} study's.yaml"
    (place.folder / "params.yaml").rename(place.folder / study)
    place.call("snakemake", "--configfile", study, "--", "runs/a-y-study-s/data/raw/photos/manifest.csv")
    copied = (place.folder / "runs/a-y-study-s/data/raw/photos").rglob("*.png")
    assert len(list(copied)) == 48
    (place.folder / study).rename(place.folder / "params.yaml")
    refused = place.call("dvc", "repro", "plan", check=False)
    assert refused.returncode != 0
    assert "because of the braces in this path" in refused.stdout
    place.call("dvc", "config", "--local", "cache.dir", str(tmp_path / "cache"))
    place.call("dvc", "repro", "download")
    assert place.dvc_would_run().isdisjoint({"plan", "download/photos"})
