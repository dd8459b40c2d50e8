"""The command line: documented, light, clear about errors."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.core.log_format import configure_logging
from pipeline.core.progress import progress
from pipeline.plan.commands import EVERY
from tests.suite.environment import environment

PROJECT = Path(__file__).parents[1]
STAGES = ["download", "render", "align", "split", "train", "embed", "fuse", "overlap", "evaluate", "explain",
          "identify", "report"]  # fmt: skip
HEAVY = {"torch", "cv2", "pyarrow", "pandas", "sklearn", "scipy", "matplotlib", "onnxruntime", "numpy", "PIL"}


def modules_after(code: str) -> set[str]:
    """Top-level modules that are loaded after some code ran in a fresh interpreter."""
    code += "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_documents_itself(stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main([stage, "--help"])
    assert stopped.value.code == 0
    told = capsys.readouterr().out
    assert EVERY[stage].what.split(",")[0].split(".")[0] in " ".join(told.split())
    assert "--params" in told


def test_help_imports_nothing_heavy() -> None:
    loaded = modules_after("from pipeline import cli; cli.parser().format_help()")
    assert loaded & (HEAVY | {"pydantic", "yaml"}) == set()


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_imported_without_what_only_its_work_needs(stage: str) -> None:
    assert modules_after(f"import pipeline.stages.{stage}") & (HEAVY - {"numpy"}) == set()


def test_checking_a_study_needs_no_torch() -> None:
    assert modules_after("from pipeline.params import load; load()") & HEAVY == set()


def test_an_error_is_one_message_and_no_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipeline", "align", "orl", "--params", "none.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment())
    assert done.returncode == 1
    assert done.stderr.startswith("sitter align: none.yaml does not exist")
    assert "Traceback" not in done.stderr


def test_an_unknown_name_is_told_with_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "dlib-haed", "--params", str(PROJECT / "params.yaml")]) == 1
    assert "'dlib-haed'" in (told := capsys.readouterr().err)
    assert "did you mean 'dlib-head'" in told


def test_files_that_make_no_valid_study_are_not_merged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("train: {epochs: -1}\n")
    study = str(Path(__file__).parents[1] / "params.yaml")
    assert cli.main(["merge", "--params", study, "--params", str(wrong)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "train.epochs is -1" in printed.err


def test_messages_go_to_stderr_and_only_a_warning_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    told = logging.getLogger("pipeline.stages.split")
    configure_logging()
    told.info("done: 100 %")
    told.warning("look")
    told.debug("nobody asked")
    logging.getLogger("another.package").info("chatter")
    assert capsys.readouterr() == ("", "done: 100 %\nwarning: look\n")
    configure_logging(logging.WARNING)
    told.info("done")
    told.warning("look")
    assert capsys.readouterr().err == "warning: look\n", "and each message once"


def test_quiet_leaves_the_results(capsys: pytest.CaptureFixture[str]) -> None:
    study = str(Path(__file__).parents[1] / "params.yaml")
    assert cli.main(["check", "--quiet", "--params", study]) == 0
    assert "data sets: " in capsys.readouterr().out
    assert not logging.getLogger("pipeline").isEnabledFor(logging.INFO)


def test_quiet_shows_no_progress_either(capsys: pytest.CaptureFixture[str]) -> None:
    for level, shown in ((logging.WARNING, False), (logging.INFO, True)):
        configure_logging(level)
        assert list(progress([1, 2], "count")) == [1, 2]
        assert ("count" in capsys.readouterr().err) == shown
