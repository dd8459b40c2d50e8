"""The ten agreements between Snakemake and DVC (one truth about what is stale), each on real runs of a small study."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from pipeline.core.layout import Layout
from pipeline.store.candidates import read_candidates
from tests.suite.scheduling import once
from tests.workflow.conftest import Workplace, checkout

pytestmark = pytest.mark.slow

# The jobs that follow from a change to the model `tuned`, and no others.
DOWNSTREAM_OF_TUNED = {
    "train/tuned",
    "embed/tuned/painted",
    "fuse/with-tuned",
    "evaluate",
    "report",
}
# A parameter that is cheap to change, for tests that need any change, and the jobs that follow from it.
REPLICATES, DOWNSTREAM_OF_REPLICATES = "evaluate.bootstrap.replicates", {"evaluate", "report"}


def assert_both_have_nothing_to_do(place: Workplace) -> None:
    assert place.snakemake_would_run() == set()
    assert place.dvc_would_run() == set()


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """Return the small study, made by `dvc repro` alone."""

    def make(folder: Path) -> None:
        checkout(folder / "sitter").call("dvc", "repro")

    return Workplace(once(tmp_path_factory, "reproduced", make) / "sitter")


def test_1_after_dvc_repro_snakemake_has_nothing_to_do(reproduced: Workplace, tmp_path: Path) -> None:
    reproduced = reproduced.copy_to(tmp_path / "sitter")
    assert reproduced.dvc_would_run() == set(), "before Snakemake was asked, too"
    assert_both_have_nothing_to_do(reproduced)


def test_2_after_snakemake_all_dvc_status_is_clean_and_the_lock_is_what_repro_writes(
    workplace: Workplace, reproduced: Workplace
) -> None:
    assert_both_have_nothing_to_do(workplace)
    assert workplace.jobs_of("dvc", "repro") == set()
    assert yaml.safe_load(workplace.text("dvc.lock")) == yaml.safe_load(reproduced.text("dvc.lock"))


@pytest.mark.parametrize("engine", ["snakemake", "dvc"])
def test_3_and_4_a_changed_parameter_reruns_what_it_touches_and_put_back_is_restored(
    workplace: Workplace, engine: str
) -> None:
    lock, metrics = workplace.text("dvc.lock"), workplace.text("results/metrics.json")
    command = ("snakemake", "all") if engine == "snakemake" else ("dvc", "repro")
    workplace.change("models.tuned.loss.margin", 0.01)  # with so small a margin, some triplets have no loss
    assert workplace.snakemake_would_run() == DOWNSTREAM_OF_TUNED
    # DVC finds later jobs changed only when it reaches them; the report shows the parameters
    assert workplace.dvc_would_run() == {"plan", "train/tuned", "report"}
    assert workplace.jobs_of(*command) == DOWNSTREAM_OF_TUNED
    assert_both_have_nothing_to_do(workplace)
    assert workplace.text("results/metrics.json") != metrics

    workplace.change("models.tuned.loss.margin", 0.3)
    assert workplace.jobs_of("dvc", "repro") == set()
    assert_both_have_nothing_to_do(workplace)
    assert workplace.text("results/metrics.json") == metrics
    assert yaml.safe_load(workplace.text("dvc.lock")) == yaml.safe_load(lock)


def test_the_report_of_snakemake_holds_the_study_s_own(finished: Workplace, tmp_path: Path) -> None:
    said = finished.call("snakemake", "--report", str(tmp_path / "report.html")).stdout
    assert "Adding report.html" in said
    assert (tmp_path / "report.html").stat().st_size > (finished.folder / "results/report.html").stat().st_size


def test_5_fresh_clone_and_pull_leave_nothing_to_do(finished: Workplace, tmp_path: Path) -> None:
    place = finished.copy_to(tmp_path / "sitter")
    place.call("dvc", "remote", "add", "-d", "store", str(tmp_path / "store"))
    place.commit("a remote")
    place.call("dvc", "push", "-q")
    subprocess.run(["git", "clone", "-q", place.folder, tmp_path / "clone"], check=True)
    clone = Workplace(tmp_path / "clone")
    clone.call("dvc", "pull", "-q")
    assert_both_have_nothing_to_do(clone)
    assert clone.jobs_of("snakemake", "all") == set()
    assert clone.jobs_of("dvc", "repro") == set()
    assert clone.text("results/metrics.json") == place.text("results/metrics.json")


def test_6_a_changed_line_of_a_loss_reruns_the_models_that_use_it(workplace: Workplace) -> None:
    loss = workplace.folder / "pipeline/losses/triplet.py"
    loss.write_text(loss.read_text() + "\n# a changed line\n")
    assert workplace.snakemake_would_run() == DOWNSTREAM_OF_TUNED
    # DVC sees the new fingerprint only after the stage `plan` has written it
    assert workplace.dvc_would_run() == {"plan"}
    # the weights are the same, so DVC may skip the jobs that follow
    assert "train/tuned" in workplace.jobs_of("dvc", "repro") <= DOWNSTREAM_OF_TUNED
    assert_both_have_nothing_to_do(workplace)


@pytest.mark.parametrize(
    "command",
    [
        ("dvc", "repro", "-s", "-f", "train@tuned"),
        ("snakemake", "--forcerun", "train", "--", "models/tuned/manifest.csv"),
    ],
    ids=["dvc", "snakemake"],
)
def test_7_a_single_stage_reruns_by_name(workplace: Workplace, command: tuple[str, ...]) -> None:
    weights = workplace.folder / "models/tuned/weights.safetensors"
    before = weights.read_bytes()
    assert workplace.jobs_of(*command) == {"train/tuned"}
    assert weights.read_bytes() == before
    assert_both_have_nothing_to_do(workplace)


def test_8_a_second_run_is_refused_by_name(workplace: Workplace) -> None:
    """The first run is held during the evaluation by stopping its whole group of processes."""
    workplace.change(REPLICATES, 120)
    shutil.rmtree(workplace.folder / "logs")
    first = subprocess.Popen(
        ["python", "rules/sync.py", "run"],
        cwd=workplace.folder,
        env=workplace.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        for _ in range(600):
            if (workplace.folder / "logs/evaluate.log").exists():
                break
            time.sleep(0.1)
        os.killpg(first.pid, signal.SIGSTOP)
        for command in (("python", "rules/sync.py", "run"), ("snakemake", "all")):
            second = workplace.call(*command, check=False)
            assert second.returncode != 0
            assert "is at work in this folder: wait for it to end" in second.stdout
            assert "sync.py run" in second.stdout
        os.killpg(first.pid, signal.SIGCONT)
        assert first.wait(300) == 0, first.stdout.read() if first.stdout else ""
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(first.pid, signal.SIGKILL)
    assert_both_have_nothing_to_do(workplace)


def test_9_dvc_experiments_run_at_once_and_from_the_queue(workplace: Workplace) -> None:
    ran = workplace.jobs_of("dvc", "exp", "run", "-n", "direct", "-S", f"{REPLICATES}=120")
    assert ran == DOWNSTREAM_OF_REPLICATES
    assert_both_have_nothing_to_do(workplace)
    workplace.call("git", "checkout", "-q", "--", ".")
    workplace.call("dvc", "checkout", "-q")
    workplace.call("dvc", "exp", "run", "--queue", "-n", "queued", "-S", f"{REPLICATES}=130")
    workplace.call("dvc", "exp", "run", "--run-all")
    shown = json.loads(workplace.call("dvc", "exp", "show", "--json").stdout)
    text = json.dumps(shown)
    assert "direct" in text
    assert "queued" in text
    assert '"error": {' not in text
    assert_both_have_nothing_to_do(workplace)
    workplace.call("dvc", "exp", "apply", "queued")
    assert yaml.safe_load(workplace.text("params.yaml"))["evaluate"]["bootstrap"]["replicates"] == 130
    assert_both_have_nothing_to_do(workplace)


def test_10_an_older_commit_checked_out_is_up_to_date_in_both(workplace: Workplace) -> None:
    before = workplace.text("results/metrics.json")
    workplace.change(REPLICATES, 120)
    workplace.sync("run")
    workplace.commit("other intervals")
    after = workplace.text("results/metrics.json")
    assert after != before
    workplace.call("git", "checkout", "-q", "HEAD~1")
    workplace.call("dvc", "checkout", "-q")
    assert_both_have_nothing_to_do(workplace)
    assert workplace.text("results/metrics.json") == before
    workplace.call("git", "checkout", "-q", "main")
    workplace.call("dvc", "checkout", "-q")
    assert_both_have_nothing_to_do(workplace)
    assert workplace.text("results/metrics.json") == after


def test_what_is_stale_is_never_committed_and_what_was_made_is(workplace: Workplace) -> None:
    before = yaml.safe_load(workplace.text("dvc.lock"))["stages"]
    workplace.change(REPLICATES, 120)
    workplace.call("snakemake", "--", "results/manifest.csv")  # and not the report
    now = yaml.safe_load(workplace.text("dvc.lock"))["stages"]
    assert now["evaluate"] != before["evaluate"]
    assert now["report"] == before["report"]
    assert workplace.jobs_of("dvc", "repro") == {"report"}
    assert_both_have_nothing_to_do(workplace)


def test_a_portrait_added_to_the_users_folder_counts_in_both(workplace: Workplace) -> None:
    sitter = workplace.folder / "portraits/sitter-00"
    shutil.copy(workplace.folder / "portraits/sitter-01/0.png", sitter / "new.png")
    assert "download/photos" in workplace.snakemake_would_run()
    assert "download/photos" in workplace.dvc_would_run()
    (sitter / "new.png").unlink()
    (sitter / "0.png").touch()  # the same content
    assert_both_have_nothing_to_do(workplace)


def test_one_decision_touches_its_question_and_the_report_in_both(workplace: Workplace) -> None:
    params = yaml.safe_load(workplace.text("params.yaml"))
    asked = {"probes": ["painted"], "gallery": ["painted"], "model": "tuned", "as_unidentified": ["sitter-00"]}
    params["identify"] = {"who": {**asked, "decisions": "decisions.csv"}, "other": asked}
    (workplace.folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    decisions = workplace.folder / "decisions.csv"
    decisions.write_text("image,verdict,sitter\n")
    assert workplace.jobs_of("snakemake", "all") == {"identify/who", "identify/other", "report"}
    assert_both_have_nothing_to_do(workplace)
    (portrait, *_) = read_candidates("who", Layout(workplace.folder))
    decisions.write_text(f"image,verdict,sitter\n{portrait.image},reject,{portrait.sitter}\n")
    assert workplace.snakemake_would_run() == {"identify/who", "report"}
    assert workplace.dvc_would_run() == {"identify/who"}  # DVC names changed jobs, not the jobs that follow
    assert workplace.jobs_of("snakemake", "all") == {"identify/who", "report"}
    assert_both_have_nothing_to_do(workplace)


def test_a_deleted_output_is_made_again_or_restored(workplace: Workplace) -> None:
    shutil.rmtree(workplace.folder / "embeddings/tuned/painted")
    assert "embed/tuned/painted" in workplace.snakemake_would_run()
    workplace.call("dvc", "repro")
    assert_both_have_nothing_to_do(workplace)


def test_a_new_model_is_known_to_dvc_once_the_study_runs(workplace: Workplace) -> None:
    params = yaml.safe_load(workplace.text("params.yaml"))
    params["models"]["third"] = params["models"]["tuned"] | {"loss": {"kind": "triplet", "margin": 0.6}}
    (workplace.folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    ran = workplace.jobs_of("snakemake", "all")
    assert ran == {"train/third", "embed/third/painted", "evaluate", "report"}
    assert_both_have_nothing_to_do(workplace)


def test_dvc_repro_says_before_any_work_that_dvc_yaml_has_to_follow_and_then_goes_on(workplace: Workplace) -> None:
    params = yaml.safe_load(workplace.text("params.yaml"))
    params["fuse"]["third"] = params["fuse"]["with-tuned"] | {"models": ["tuned", "other"]}
    params["evaluate"]["bootstrap"]["replicates"] = 120
    (workplace.folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    shutil.rmtree(workplace.folder / "logs")
    report = workplace.text("results/report.html")
    first = workplace.call("dvc", "repro", check=False)
    assert first.returncode != 0
    assert "run the same command once more" in first.stdout
    assert not (workplace.folder / "logs").exists(), "no stage ran"
    assert workplace.text("results/report.html") == report
    assert workplace.jobs_of("dvc", "repro") == {"fuse/third", "evaluate", "report"}
    assert_both_have_nothing_to_do(workplace)


@pytest.mark.parametrize("target", [(), ("train@tuned",)], ids=["all", "one"])
def test_dvc_repro_says_the_same_where_another_study_was_copied_over_params(
    workplace: Workplace, target: tuple[str, ...]
) -> None:
    """Without this message, DVC would complain about missing parameters."""
    params = workplace.text("params.yaml").replace("photos", "pictures").replace("painted", "paintings")
    (workplace.folder / "params.yaml").write_text(params)
    first = workplace.call("dvc", "repro", *target, check=False)
    assert first.returncode != 0
    assert "run the same command once more" in first.stdout
    assert "missing" not in first.stdout
    assert (workplace.folder / "results/report.html").exists()
    assert "'plan'" in workplace.call("dvc", "repro", "plan").stdout
    assert {"download/pictures", "render/paintings"} <= workplace.dvc_would_run()


def test_a_comment_in_params_makes_nothing_stale(workplace: Workplace) -> None:
    (workplace.folder / "params.yaml").write_text("# a comment\n" + workplace.text("params.yaml"))
    assert_both_have_nothing_to_do(workplace)


def test_dvc_shows_metrics_and_plots_of_every_model(workplace: Workplace, tmp_path: Path) -> None:
    shown = workplace.call("dvc", "metrics", "show", "--json").stdout
    files = json.loads(shown[shown.index("{") :])[""]["data"]
    assert {"base", "tuned", "other", "with-tuned", "without-tuned"} == set(
        files["results/metrics.json"]["data"]["paintings"]
    )
    assert files["models/tuned/metrics.json"]["data"]["epochs"] == 2
    workplace.call("dvc", "plots", "show", "-o", str(tmp_path / "plots"))
    page = (tmp_path / "plots/index.html").read_text()
    assert '"model": "without-tuned"' in page
    assert "symlog" in page, "drawn by the template of the project"
