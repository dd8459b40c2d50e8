"""What the pages show is what the last run has written, with today's decisions; and the command serves it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import yaml

from pipeline.core.errors import SitterError
from pipeline.core.files import read_csv
from pipeline.core.layout import Layout
from pipeline.faces.project_pictures import ProjectPictures
from pipeline.identification.deciding import Said, decide
from pipeline.reporting.album import Album
from pipeline.reporting.sheets import page
from pipeline.serving import answered_question, review
from pipeline.serving.answered_question import IDENTIFIED, NOBODY, OPEN, STATES, UNSURE, UNUSABLE
from pipeline.serving.desk import Desk
from pipeline.stages import identify
from tests.identification.project import FOUND, LOST, study, write_project

PROJECT = Path(__file__).parents[2]
ASKED = {"as_unidentified": ["s05", "s06"], "without": ["s06"]}


@pytest.fixture(autouse=True)
def project(at: Layout) -> None:
    write_project(at.root)


def assert_same(made: str, wanted: str) -> None:
    """Two pages say the same; percentages may differ in the last digit, since the tables have four decimals."""
    number = re.compile(r"\d+\.\d+")
    assert number.sub("#", made) == number.sub("#", wanted)
    apart = [abs(float(a) - float(b)) for a, b in zip(number.findall(made), number.findall(wanted), strict=True)]
    assert max(apart) < 0.101


def test_the_sheets_that_are_read_make_the_page_that_the_run_has_made(at: Layout) -> None:
    asked = study(**ASKED)
    identify.run(asked, "who", at.root)
    read = answered_question.read(asked, "who", at)
    made = page("who", read.entry, read.sheets, read.known, read.record, Album(ProjectPictures(at)))
    assert_same(made, (at.identify("who") / "index.html").read_text())


def test_the_same_where_there_are_scores_only(at: Layout) -> None:
    asked = study(as_unidentified=[f"s{n:02}" for n in range(6)])
    identify.run(asked, "who", at.root)
    read = answered_question.read(asked, "who", at)
    made = page("who", read.entry, read.sheets, read.known, read.record, Album(ProjectPictures(at)))
    assert_same(made, (at.identify("who") / "index.html").read_text())
    assert review.view(read, read.sheets, 0, review.Filter()).none is None


def test_a_question_without_an_answer_is_told(at: Layout) -> None:
    with pytest.raises(SitterError, match="run the stage that makes it first"):
        answered_question.read(study(), "who", at)
    assert Desk(study(), at).answered() == []


def test_states_progress_and_filters_follow_the_decisions(at: Layout, decisions: Path) -> None:
    asked = study(**ASKED, decisions="decisions.csv")
    decisions.write_text("image,verdict,sitter\n")
    identify.run(asked, "who", at.root)
    desk = Desk(asked, at)
    read = desk.question("who")
    file = read.decision_file
    assert file is not None
    by_name = {sheet.answer.probe.image_id: sheet for sheet in read.sheets}
    listed = [c.candidate.sitter for c in by_name["s05/2"].candidates]
    for image, said in {
        FOUND: [Said("accept", "s03")],
        LOST: [Said("unsuitable")],
        "s05/0": [Said("unsure")],
        "s05/1": [Said("reject", by_name["s05/1"].candidates[0].candidate.sitter)],
        "s05/2": [Said("reject", sitter) for sitter in listed],
    }.items():
        decide(file, ("photos", image), said)
    sheets, trouble = desk.sheets(read)
    assert trouble == ""
    now = {sheet.answer.probe.image_id: answered_question.state(sheet) for sheet in sheets}
    assert now == {FOUND: IDENTIFIED, LOST: UNUSABLE, "s05/0": UNSURE, "s05/2": NOBODY} | dict.fromkeys(
        ["s05/1", "s06/0", "s06/1", "s06/2"], OPEN
    )
    assert review.progress(sheets).sentence == "4 of 8 reviewed"
    for name in STATES:
        shown = review.entries(sheets, review.Filter(show=name))
        assert {entry.image_id for entry in shown} == {image for image, state in now.items() if state == name}
    likely = review.entries(sheets, review.Filter.of("", "0.5", ""))
    assert {e.image_id for e in likely} == {
        row["image"] for row in read_rows(at) if row["rank"] == "1" and float(row["posterior"]) >= 0.5
    }
    assert review.Filter.of("nonsense", "7", "  ") == review.Filter()
    assert review.Filter.of("unsure", "", "a & b").query == "?show=unsure&words=a+%26+b"


def read_rows(at: Layout) -> list[dict[str, str]]:
    return read_csv(at.identify("who") / "candidates.csv")


def test_files_that_are_named_and_absent_are_made_in_the_project(at: Layout, decisions: Path) -> None:
    asked = study(decisions=decisions.name)
    decisions.write_text("image,verdict,sitter\n")
    identify.run(asked, "who", at.root)
    decisions.unlink()
    asked.align["photos"] = asked.align["photos"].model_copy(update={"corrections": "corrections.csv"})
    Desk(asked, at).prepare()
    assert decisions.read_text().startswith("image,verdict,sitter,")
    assert (at.root / "corrections.csv").read_text().startswith("image_id,")


def test_a_new_run_is_read_anew(at: Layout, decisions: Path) -> None:
    asked = study(decisions="decisions.csv")
    decisions.write_text(f"image,verdict,sitter\n{FOUND},reject,s03\n")
    identify.run(asked, "who", at.root)
    desk = Desk(asked, at)
    before = desk.question("who")
    assert desk.question("who") is before
    decisions.write_text("image,verdict,sitter\n")
    identify.run(asked, "who", at.root)
    names = [[c.candidate.sitter for c in q.sheets[0].candidates] for q in (before, desk.question("who"))]
    assert "s03" not in names[0]
    assert names[1][0] == "s03"


@pytest.mark.slow
def test_the_command_serves_prints_an_address_and_ends_by_ctrl_c(at: Layout, decisions: Path) -> None:
    asked = study(decisions="decisions.csv")
    decisions.write_text("image,verdict,sitter\n")
    identify.run(asked, "who", at.root)
    decisions.unlink()
    (at.root / "params.yaml").write_text(yaml.safe_dump(asked.model_dump(mode="json", exclude_unset=True)))
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    with subprocess.Popen(
        [sys.executable, "-m", "pipeline", "serve"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment, cwd=at.root,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            lines = iter(process.stdout.readline, "")
            address = next(
                found[0] for line in lines if (found := re.search(r"http://127\.0\.0\.1:\d+/\?key=\S+", line))
            )
            opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
            assert "Who sat for these portraits?" in opener.open(address, timeout=20).read().decode()
            assert decisions.read_text().startswith("image,verdict,sitter,")
        finally:
            process.send_signal(signal.SIGINT)
            told = process.communicate(timeout=30)[1]
    assert process.returncode == 0, told
    assert "All decisions are saved" in told
    assert "Traceback" not in told
