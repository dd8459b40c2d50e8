"""The stage `identify`: candidates, what people decided, a page, annotations; and what both engines know of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.core.errors import SitterError
from pipeline.core.files import read_csv, read_json
from pipeline.core.layout import HERE, Layout
from pipeline.params import Study, check
from pipeline.plan.requirements import missing
from pipeline.plan.stages import jobs
from pipeline.stages import identify
from pipeline.store.candidates import COLUMNS, NONE, AnswerRow, read_candidates
from pipeline.store.questions import read_question
from tests.demo import demo
from tests.identification.project import EACH, FOUND, LOST, SITTERS, study, write_project
from tests.reporting.page_reader import PageReader
from tests.reporting.standin import small_study

HEADER = "image,verdict,sitter,by,when,evidence\n"


@pytest.fixture(autouse=True)
def project(at: Layout) -> None:
    write_project(at.root)


def decided(at: Layout, rows: str, **changes: object) -> Study:
    (at.root / "decisions.csv").write_text(HEADER + rows)
    return study(decisions="decisions.csv", **changes)


def of(at: Layout, image: str) -> list[AnswerRow]:
    return [row for row in read_candidates("who", at) if row.image == image]


def present(number: float | None) -> float:
    assert number is not None
    return number


def test_the_right_sitter_comes_first_with_evidence_and_the_absent_one_is_none_of_these(at: Layout) -> None:
    identify.run(study(), "who", at.root)
    found, lost = of(at, FOUND), of(at, LOST)
    assert [row.rank for row in found] == [1, 2, 3, NONE]
    first = found[0]
    assert first.sitter == "s03"
    assert present(first.posterior) > 0.5
    assert "support for this sitter" in first.words
    assert present(first.log10_lr_lowest) < 0 < present(first.log10_lr) <= present(first.log10_lr_highest)
    assert first.reference.startswith("s03/")
    assert first.columns["title"].startswith("Portrait <")
    assert first.sitter_id == first.columns["sitter_id"] != ""
    assert first.made_by == "machine"
    assert lost[-1].rank == NONE
    assert present(lost[-1].posterior) > max(present(row.posterior) for row in lost[:-1])
    for rows in (found, lost):
        assert sum(present(row.posterior) for row in rows) < 1 + 1e-4
    assert "both by Frans Hals" in "; ".join(found[0].warnings)
    assert "Frans Hals" not in "; ".join(lost[0].warnings)


def test_the_table_has_the_columns_of_the_contract_and_empty_cells_where_there_is_no_number(at: Layout) -> None:
    identify.run(decided(at, f"{LOST},accept,s03,E. H.,,\n"), "who", at.root)
    rows = [row for row in read_csv(at.identify("who") / "candidates.csv") if row["image"] in (FOUND, LOST)]
    assert tuple(rows[0])[: len(COLUMNS)] == COLUMNS
    assert [row["rank"] for row in rows if row["image"] == FOUND] == ["1", "2", "3", "none"]
    assert rows[0]["reference_title"].startswith("Portrait <")
    (person,) = (row for row in rows if row["image"] == LOST)
    filled = {column: cell for column, cell in person.items() if cell}
    decision = {"status": "identified", "sitter": "s03", "decision": "accepted as s03 by E. H.", "made_by": "person"}
    assert filled == {"dataset": "photos", "image": LOST, **decision, "question": "who", "model": "dlib"}
    assert [f"{present(row.score):.6f}" for row in of(at, FOUND)[:3]] == [row["score"] for row in rows[:3]]


def test_a_cell_that_is_no_number_is_told(at: Layout) -> None:
    identify.run(study(), "who", at.root)
    file = at.identify("who") / "candidates.csv"
    file.write_text(file.read_text().replace(f"{FOUND},unidentified,1,", f"{FOUND},unidentified,first,", 1))
    with pytest.raises(SitterError, match=r"candidates\.csv, row \d+: rank is 'first' and no number"):
        read_candidates("who", at)


def test_the_same_bytes_at_each_run(at: Layout) -> None:
    identify.run(study(), "who", at.root)
    first = read_csv(at.identify("who") / "manifest.csv")
    identify.run(study(), "who", at.root)
    assert read_csv(at.identify("who") / "manifest.csv") == first


def test_how_good_the_lists_are_stands_beside_them(at: Layout) -> None:
    identify.run(study(), "who", at.root)
    record = read_question("who", at)
    assert record.known.with_their_sitter_in_the_gallery == SITTERS * EACH
    assert record.known.first is not None
    first, low, high = record.known.first
    assert 0.5 < low <= first <= high <= 1
    rows = read_csv(at.identify("who") / "known.csv")
    whole = next(row for row in rows if (row["rank"], row["likelihood_ratio"]) == ("1", "any"))
    assert int(whole["searches"]) == 2 * SITTERS * EACH
    assert float(whole["right_low"]) <= float(whole["right"]) <= float(whole["right_high"])
    assert of(at, FOUND)[0].right


def test_an_accepted_portrait_is_identified_and_helps_to_find_others(at: Layout) -> None:
    identify.run(study(), "who", at.root)
    before = of(at, FOUND)
    identify.run(decided(at, f'{LOST},accept,s03,E. H.,2026-05-01,"signed, and dated"\n'), "who", at.root)
    (row,) = of(at, LOST)
    assert (row.status, row.sitter, row.made_by) == ("identified", "s03", "person")
    assert row.decision == "accepted as s03 by E. H., 2026-05-01: signed, and dated"
    assert of(at, FOUND)[0].score != before[0].score  # a further portrait of s03
    assert read_csv(at.split("photos") / "split.csv")[-1]["subset"] == "unidentified"  # for no benchmark
    record = read_question("who", at)
    assert record.accepted == 1
    assert record.known.portraits == SITTERS * EACH


def test_rejected_pairs_are_not_proposed_again_and_nothing_else_changes(at: Layout) -> None:
    identify.run(study(candidates=13), "who", at.root)
    before, untouched = of(at, FOUND), of(at, LOST)
    identify.run(decided(at, f"{FOUND},reject,s03,,,\n", candidates=13), "who", at.root)
    after = of(at, FOUND)
    assert "s03" not in {row.sitter for row in after}
    assert [row.sitter for row in after[:2]] == [row.sitter for row in before[1:3]]
    assert present(after[-1].posterior) > present(before[-1].posterior)
    assert of(at, LOST) == untouched
    assert "ruled out: s03" in (at.root / "results/identify/who/index.html").read_text().lower()


def test_the_unsure_stays_and_the_unsuitable_goes(at: Layout) -> None:
    identify.run(
        decided(at, f"{FOUND},unsure,s03,A. B.,,the nose\n{LOST},unsuitable,,A. B.,,a caricature\n"), "who", at.root
    )
    assert of(at, FOUND)[0].decision == "left open s03 by A. B.: the nose"
    (row,) = of(at, LOST)
    assert (row.status, row.sitter) == ("unsuitable", "")


def test_a_decision_on_somebody_unknown_names_the_row_before_anything_is_searched(at: Layout) -> None:
    with pytest.raises(SitterError, match=r"decisions\.csv, line 2: sitter 's99' is not in the gallery"):
        identify.run(decided(at, f"{FOUND},accept,s99,,,\n"), "who", at.root)
    with pytest.raises(SitterError, match=r"decisions\.csv, line 2: image 's03/1' is not among"):
        identify.run(decided(at, "s03/1,accept,s03,,,\n"), "who", at.root)
    assert not at.identify("who").exists()


def test_known_sitters_are_asked_about_as_if_nobody_knew_them(at: Layout) -> None:
    identify.run(study(as_unidentified=["s05", "s06"], without=["s06"]), "who", at.root)
    assert {row.truth for row in of(at, "s05/1")} == {"s05"}
    assert of(at, "s05/1")[0].sitter == "s05"
    assert all(row.reference != "s05/1" for row in of(at, "s05/1"))
    record = read_question("who", at)
    assert record.pretended.in_gallery == EACH
    assert record.pretended.first >= EACH - 1
    assert record.pretended.not_in_gallery == EACH
    assert record.known.sitters == SITTERS - 2
    assert {row.sitter for row in read_candidates("who", at)} & {"s06"} == set()


def test_few_known_sitters_give_scores_and_say_why_there_is_no_more(
    at: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    hidden = [f"s{n:02}" for n in range(6)]
    identify.run(study(as_unidentified=hidden), "who", at.root)
    assert "it takes 10" in caplog.text
    assert of(at, FOUND)[0].sitter == "s03"
    assert {row.log10_lr for row in read_candidates("who", at)} == {None}
    assert "no likelihood ratios" in (at.root / "results/identify/who/index.html").read_text()


def test_faults_of_a_question_are_told(at: Layout) -> None:
    with pytest.raises(SitterError, match=r"identify\.who\.as_unidentified: 's5' has no portrait there; did you mean"):
        identify.run(study(as_unidentified=["s5"]), "who", at.root)
    with pytest.raises(SitterError, match=r"identify\.who\.model is 'dlip'.*did you mean 'dlib'"):
        study(model="dlip")
    with pytest.raises(SitterError, match=r"identify\.who\.gallery is 'foto'"):
        study(gallery=["foto"])


def test_the_annotations_are_a_w3c_page_marked_as_a_machines(at: Layout) -> None:
    identify.run(decided(at, f"{LOST},accept,s04,E. H.,,\n"), "who", at.root)
    page = read_json(at.identify("who") / "annotations.json")
    assert page["type"] == "AnnotationPage"
    assert page["@context"][0] == "http://www.w3.org/ns/anno.jsonld"
    assert {item["motivation"] for item in page["items"]} == {"identifying"}
    first, last = page["items"][0], page["items"][-1]
    assert first["target"]["selector"]["value"] == "xywh=20,15,70,85"
    assert first["target"]["source"] == f"data/raw/photos/{FOUND}.png"
    assert "Made by a machine (dlib); no person has judged it." in first["body"][0]["value"]
    assert first["body"][1]["source"].startswith("http://www.wikidata.org/entity/Q")
    assert first["likelihoodRatio"] > 1
    assert "By a person" in last["body"][0]["value"]
    assert len({item["id"] for item in page["items"]}) == len(page["items"]) == 3 + 1


def test_the_page_stands_alone_and_shows_what_the_table_says(at: Layout) -> None:
    identify.run(study(), "who", at.root)
    text = (at.identify("who") / "index.html").read_text()
    assert "http" not in text.replace("http://www.w3.org", "").replace("http-equiv", "")
    assert "Portrait &lt;" in text
    assert "<script" not in text
    assert "1. s03" in text
    assert "None of these" in text
    page = PageReader(text)
    assert page.unclosed == []
    assert {address[:5] for address in page.addresses} <= {"data:", *(a[:5] for a in page.addresses if a[0] == "#")}


def test_both_engines_know_what_a_question_is_made_of(at: Layout) -> None:
    (job,) = (job for job in jobs(decided(at, "", prior=0.25), at.root) if job.stage == "identify")
    folders = [
        at.faces("photos"),
        at.raw("photos"),
        at.split("photos"),
        at.embeddings("dlib", "photos"),
    ]
    assert {*folders, at.model("dlib")} == set(job.inputs)
    assert job.outputs == (at.identify("who"),)
    assert job.own == (Path("decisions.csv"),)
    assert job.parameters == ("seed", "identify.who")
    report = next(job for job in jobs(study(), at.root) if job.stage == "report")
    assert at.identify("who") in report.inputs
    adapted = next(job for job in jobs(study(model="both"), at.root) if job.stage == "identify")
    assert at.split("painted") in adapted.inputs  # whom its members have learned from


def test_one_decision_touches_its_question_and_the_report() -> None:
    """By the plan of a whole study: what reads the file, and what reads that in turn."""
    raw = demo()
    raw["identify"]["who-sat"]["decisions"] = "decisions.csv"
    raw["identify"]["other"] = {"probes": ["orl-painted"], "gallery": ["orl"], "model": "dlib"}
    work = jobs(check(raw))
    stale = {job.outputs for job in work if Path("decisions.csv") in (*job.own, *job.beside)}
    assert len(stale) == 1
    while more := {j.outputs for j in work if {f for outputs in stale for f in outputs} & {*j.inputs}} - stale:
        stale |= more
    assert {(j.stage, *j.names) for j in work if j.outputs in stale} == {("identify", "who-sat"), ("report",)}


def test_a_file_of_decisions_that_is_not_there_is_missed_before_any_work(at: Layout) -> None:
    found = missing(study(decisions="nowhere.csv"), at)
    assert "identify.who.decisions is nowhere.csv, which does not exist" in found["identify.who"]


def test_a_model_that_is_fitted_by_folds_is_refused() -> None:
    split = {"photos": {"kind": "sitters", "test": 1.0, "folds": 5}, "painted": {"kind": "like", "dataset": "photos"}}
    fuse = {
        "crossed": {
            "models": ["dlib", "dlib-head"],
            "method": {"kind": "concat"},
            "fit_on": ["photos"],
            "crossval": True,
        }
    }
    entry = {"probes": ["photos"], "gallery": ["photos"], "model": "crossed"}
    benchmarks = {"b": {"kind": "all-pairs", "probe": "photos", "within_folds": True}}
    with pytest.raises(SitterError, match=r"identify\.who\.model is 'crossed'"):
        small_study(split=split, fuse=fuse, identify={"who": entry}, evaluate={"benchmarks": benchmarks})


def test_evaluation_leaves_the_answers_alone(at: Layout) -> None:
    from pipeline.core.files import output_parts

    identify.run(study(), "who", at.root)
    before = json.dumps(read_csv(at.identify("who") / "manifest.csv"))
    with output_parts(at.results()) as folder:
        (folder / "metrics.json").write_text("{}")
    assert json.dumps(read_csv(at.identify("who") / "manifest.csv")) == before
    assert {row["path"] for row in read_csv(at.results() / "manifest.csv")} == {"metrics.json"}
    assert Layout(Path()).identify("who") == HERE.identify("who")


def test_the_report_and_the_terminal_say_who_comes_first_and_how_often_that_is_right(at: Layout) -> None:
    from pipeline.core.typed_files import find_folder
    from pipeline.faces.project_pictures import ProjectPictures
    from pipeline.reporting.album import StudyAlbum
    from pipeline.reporting.questions import lines, questions
    from pipeline.store.candidates import QuestionAnswers

    asked = study(as_unidentified=["s05", "s06"], without=["s06"])
    assert find_folder(at.identify("who"), QuestionAnswers) is None  # nothing has been answered yet
    identify.run(asked, "who", at.root)
    answered = {"who": find_folder(at.identify("who"), QuestionAnswers)}
    told = lines(answered)
    assert told[0] == "who (who sat? 8 portraits; 13 candidates, compared by dlib)"
    assert any(line.startswith(FOUND) and line.split()[2] == "s03" for line in told)
    assert any(line.startswith("s06/0") and line.endswith("s06, not in the gallery") for line in told)
    first = read_question("who", at).pretended.first
    assert f"the right one comes first for {first} and among the first 3 for 3" in "\n".join(told)
    assert "results/identify/who/index.html" in told[-2]
    (question,) = questions(answered, StudyAlbum(ProjectPictures(at)))
    assert len(question.firsts) == 8
    assert all(f.probe.picture is not None and f.reference is not None for f in question.firsts)
