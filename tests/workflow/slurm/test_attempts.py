"""After an attempt without success, the progress on disk decides what follows, not only the job's state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.layout import HERE
from pipeline.training import status
from snakemake_executor_plugin_sitter_slurm.attempts import (
    LATE,
    Follows,
    Standing,
    duration,
    lead,
    standing,
    verdict,
)
from snakemake_executor_plugin_sitter_slurm.executor import OVER, warning
from snakemake_executor_plugin_sitter_slurm.states import State

HOUR, DAY = 3600.0, 86400.0
BEFORE = Standing("mine", 10, "epoch 2, 2 of 8 batches done", 1.0)
AHEAD = replace(BEFORE, done=30, place="epoch 4, 6 of 8 batches done")
TOLD = {"stopped": "SIGTERM", "stop": [1, 2, 3]}


def train(state: State, before: Standing = BEFORE, now: Standing = AHEAD) -> tuple[Follows, str]:
    return verdict("train", "lora", state, before, now)


def job(stage: str, name: str, **resources: Any) -> SimpleNamespace:
    """Return the part of a Snakemake job that the rules use."""
    return SimpleNamespace(
        is_group=lambda: False,
        rule=SimpleNamespace(name=stage),
        wildcards=[name],
        output=[f"models/{name}/manifest.csv"],
        resources=resources,
    )


@pytest.mark.parametrize(
    "state", [State("TIMEOUT", seconds=180, limit=180), State("FAILED", seconds=120, limit=180)], ids=lambda s: s.name
)
def test_a_training_that_was_stopped_at_its_limit_and_is_ahead_goes_on(state: State) -> None:
    follows, words = train(state, now=replace(AHEAD, **TOLD))
    assert follows is Follows.AGAIN
    assert words == "stopped at its time limit of 3 minutes at epoch 4, 6 of 8 batches done, goes on."
    assert "\n" not in words


@pytest.mark.parametrize("before", [BEFORE, Standing()], ids=["from a checkpoint", "from nothing"])
@pytest.mark.parametrize("name", ["TIMEOUT", "FAILED"])
def test_a_training_that_is_no_further_at_its_limit_fails_and_names_limit_progress_and_mend(
    name: str, before: Standing
) -> None:
    follows, words = train(State(name, seconds=7200, limit=7200), before, replace(before, **TOLD))
    assert follows is Follows.END
    for part in ("time limit of 2 hours", before.place or "not written a checkpoint", "resources.train.lora.hours"):
        assert part in words


def test_steps_of_another_training_are_no_progress_lost() -> None:
    assert Standing("new", 3).is_beyond(Standing("old", 100))
    assert not Standing("new", 0).is_beyond(Standing("old", 100))
    assert not Standing("same", 3).is_beyond(Standing("same", 3))


@pytest.mark.parametrize("by", ["anna", ""])
@pytest.mark.parametrize("now", [BEFORE, replace(AHEAD, **TOLD)], ids=["no further", "ahead"])
def test_a_job_that_was_cancelled_is_not_sent_again(by: str, now: Standing) -> None:
    follows, words = train(State("CANCELLED", by, 100, 180), now=now)
    assert follows is Follows.END
    assert words.startswith(f"was cancelled{' by anna' if by else ''}, so it is not sent again.")


def test_a_stop_in_order_far_from_the_limit_is_no_failure_either() -> None:
    state = State("FAILED", seconds=HOUR, limit=DAY)
    assert train(state, now=replace(AHEAD, **TOLD)) == (
        Follows.AGAIN, "was stopped by SIGTERM at epoch 4, 6 of 8 batches done, goes on.",
    )  # fmt: skip
    assert train(state, now=replace(BEFORE, **TOLD))[0] is Follows.RETRY


@pytest.mark.parametrize("name", ["NODE_FAIL", "PREEMPTED"])
def test_a_lost_node_costs_a_retry_only_where_nothing_is_ahead(name: str) -> None:
    assert train(State(name))[0] is Follows.AGAIN
    assert train(State(name), now=BEFORE)[0] is Follows.RETRY


@given(st.sampled_from(sorted(OVER)), st.floats(0, 2 * DAY), st.floats(60, 2 * DAY), st.booleans(), st.booleans())
def test_nothing_goes_on_for_free_without_progress_and_no_crash_does(
    name: str, seconds: float, limit: float, ahead: bool, told: bool
) -> None:
    now = replace(AHEAD if ahead else BEFORE, **TOLD if told else {})
    follows, words = train(State(name, seconds=seconds, limit=limit), now=now)
    assert words
    if follows is Follows.AGAIN:
        assert ahead
        assert name == "TIMEOUT" or (name == "FAILED" and told)
    if name == "FAILED" and not told:
        assert follows is Follows.RETRY


def test_an_old_record_of_a_stop_does_not_excuse_a_crash() -> None:
    before = replace(BEFORE, **TOLD)
    assert train(State("FAILED", seconds=DAY, limit=DAY), before, replace(AHEAD, **TOLD))[0] is Follows.RETRY


def test_an_alignment_in_parts_goes_on_while_parts_are_finished_and_other_stages_say_that_they_start_over() -> None:
    late = State("TIMEOUT", seconds=HOUR, limit=HOUR)
    follows, words = verdict("align", "ms1m", late, Standing(done=1), Standing(done=3, place="3 finished parts"))
    assert (follows, words) == (Follows.AGAIN, "stopped at its time limit of 60 minutes at 3 finished parts, goes on.")
    follows, words = verdict("align", "ms1m", late, Standing(done=1), Standing(done=1))
    assert follows is Follows.END
    assert "resources.align.ms1m.hours, or" in words
    follows, words = verdict("embed", "lora", late, Standing(), Standing())
    assert follows is Follows.END
    assert "starts over" in words
    assert "resources.embed.lora.hours" in words


def test_how_far_a_job_is_stands_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert standing(job("train", "lora")) == Standing()
    folder = HERE.checkpoints("lora")
    status.write(folder, status.Progress("mine", 7, "epoch 2, 3 of 4 batches done", 0.5))
    first = standing(job("train", "lora"))
    assert (first.key, first.done, first.place, first.writing, first.stopped) == (
        "mine", 7, "epoch 2, 3 of 4 batches done", 0.5, "",
    )  # fmt: skip
    stops = []
    for _ in range(2):
        status.note_stop(folder, "SIGTERM")
        stops.append(standing(job("train", "lora")))
    assert {stop.stopped for stop in stops} == {"SIGTERM"}
    assert stops[0].stop != stops[1].stop
    for part in (1, 3):
        (HERE.checkpoints("align--ms1m") / f"key/{part}-of-4").mkdir(parents=True)
    (HERE.checkpoints("align--ms1m") / "key/3-of-4/manifest.csv").touch()
    assert standing(job("align", "ms1m")).done == 1
    assert standing(job("embed", "lora")) == Standing()


@given(st.floats(60, 14 * DAY), st.none() | st.floats(0, 3600))
def test_the_lead_leaves_time_to_train_and_time_to_write(limit: float, writing: float | None) -> None:
    seconds = lead(limit, writing)
    assert 15 <= seconds <= max(15, limit / 2 + 1)
    assert seconds <= 301 or writing is not None
    if writing is not None:
        assert seconds >= min(2 * writing, limit / 2)


def test_the_lead_fits_limits_of_minutes_and_of_days() -> None:
    assert lead(180, None) + LATE < 120, "of three minutes, a part is left to train in whenever SLURM looks"
    assert lead(DAY, None) == 300
    assert lead(DAY, 200.0) == 610
    assert lead(float("inf"), None) == 300


def test_only_trainings_are_told_to_stop_and_the_users_own_signal_goes_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert warning(job("train", "lora", runtime=3)) == " --signal=TERM@18"
    assert warning(job("train", "lora", runtime=1440, slurm_extra="--exclusive")) == " --signal=TERM@300"
    assert warning(job("train", "lora", runtime=3, slurm_extra="'--signal=USR1@9'")) == ""
    assert warning(job("embed", "lora", runtime=3)) == ""


def test_limits_are_told_in_round_words() -> None:
    assert [duration(s) for s in (60, 180, 5400, 2 * HOUR, 12000, DAY)] == [
        "1 minute", "3 minutes", "90 minutes", "2 hours", "3.33 hours", "24 hours",
    ]  # fmt: skip
