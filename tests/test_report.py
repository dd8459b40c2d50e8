"""The stage `report`: the page says what the results say, stands alone, and does not break on what is missing."""

from __future__ import annotations

import csv
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.errors import SitterError
from pipeline.core.files import read_csv, read_json, write_csv, write_json
from pipeline.core.layout import Layout
from pipeline.params import Study
from pipeline.stages import report
from pipeline.store.accounts import account_file
from tests.programs import find, needs
from tests.reporting.page_reader import PageReader
from tests.reporting.standin import drawn_crops, small_study, write_data, write_run

HOSTILE = """<script>alert("x")</script>' onload='y"""
CHROMIUM = find("chromium")
MOST_BYTES = 5_000_000


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small run that lacks only its report."""
    folder = tmp_path_factory.mktemp("finished")
    write_run(small_study(), drawn_crops(48, 12), folder)
    return folder


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Layout:
    """A copy of that run."""
    shutil.copytree(finished, tmp_path / "project")
    return Layout(tmp_path / "project")


@pytest.fixture
def study() -> Study:
    """The run's params."""
    return small_study()


def made(study: Study, project: Layout) -> PageReader:
    report.run(study, project.root)
    return PageReader(project.report().read_text(encoding="utf-8"))


def test_stage_prints_the_table_and_where_the_page_is(
    project: Layout, study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    report.run(study, project.root)
    printed = capsys.readouterr().out
    assert "photographs (all-pairs" in printed
    assert printed.endswith(f"report: {project.root}/results/report.html\n")


def test_page_loads_nothing_from_anywhere(project: Layout, study: Study) -> None:
    page = made(study, project)
    assert all(address.startswith(("#", "data:")) for address in page.addresses)
    assert {address[1:] for address in page.addresses if address.startswith("#")} <= set(page.ids())
    assert len(page.ids()) == len(set(page.ids()))
    assert page.count("script") == page.count("iframe") == 0
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "img-src data:" in policy
    assert project.report().stat().st_size < MOST_BYTES


def test_page_is_well_formed(project: Layout, study: Study) -> None:
    assert made(study, project).unclosed == []


def test_every_model_and_benchmark_appears_with_its_figures(project: Layout, study: Study) -> None:
    page = made(study, project)
    metrics = read_json(project.results() / "metrics.json")
    for benchmark, models in metrics.items():
        assert benchmark in page.text
        for model, figures in models.items():
            assert model in page.text
            if figures.get("eer") is not None:
                assert f"{100 * figures['eer']:.1f}" in page.text
    assert "rank-1" in page.text
    assert "uniformity" in page.text


def test_answer_names_the_best_model_and_whether_its_lead_is_significant(project: Layout, study: Study) -> None:
    metrics = read_json(project.results() / "metrics.json")["photographs"]
    ranked = sorted(metrics, key=lambda m: metrics[m]["eer"])
    rows = read_csv(project.results() / "tables/photographs-differences.csv")
    test = next(r for r in rows if r["metric"] == "eer" and {r["model_a"], r["model_b"]} == set(ranked[:2]))
    page = " ".join(made(study, project).text.split())
    start = page.index(f"photographs: {ranked[0]}, EER {100 * metrics[ranked[0]]['eer']:.1f}")
    sentence = page[start : page.index("across:", start)]
    assert f"{ranked[1]} ({100 * metrics[ranked[1]]['eer']:.1f}" in sentence
    assert ("is significant" if test["significant"] == "1" else "may be chance") in sentence


def test_unsupported_figure_is_a_dash_with_its_reason(project: Layout, study: Study) -> None:
    page = made(study, project)
    note = read_json(project.results() / "metrics.json")["photographs"]["dlib"]["tar@0.0001_note"]
    assert any(note in a.get("title", "") for tag, a in page.tags if tag == "td")
    assert note in page.text


@pytest.mark.parametrize("place", ["sitter", "image_id", "title", "reason"])
def test_hostile_names_stay_text(project: Layout, study: Study, place: str) -> None:
    if place == "sitter":
        crops = [(HOSTILE if sitter == "s2" else sitter, crop) for sitter, crop in drawn_crops(48, 12)]
        for dataset in study.align:
            write_data(study, dataset, crops, project)
    elif place == "title":
        study = small_study(report={"title": HOSTILE})
    else:
        path = account_file("photos", project)
        rows = read_csv(path)
        write_csv(path, [{**row, place: HOSTILE} for row in rows], list(rows[0]))
    page = made(study, project)
    assert "<script>alert" in page.text  # shown as it is
    assert page.count("script") == 0
    assert page.unclosed == []
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)


def test_same_inputs_give_the_same_bytes(project: Layout, study: Study) -> None:
    made(study, project)
    first = project.report().read_bytes()
    made(study, project)
    assert project.report().read_bytes() == first
    assert str(project.root).encode() not in first


def test_gallery_shows_the_crops_of_the_hardest_pairs(project: Layout, study: Study) -> None:
    page = made(study, project)
    pairs = [r for r in read_csv(project.results() / "pairs/photographs.csv") if r["sort"] == "hardest_genuine"]
    labels = [a.get("aria-label", "") for tag, a in page.tags if tag == "svg"]
    for row in [r for r in pairs if int(r["rank"]) <= study.report.pairs]:
        assert any(label.endswith(f"image {row['probe']}") for label in labels)
    assert "no crop" not in page.text


def test_pairs_without_crops_are_still_listed(project: Layout, study: Study) -> None:
    shutil.rmtree(project.faces("photos"))
    assert "no crop" in made(study, project).text


def test_images_without_a_face_are_accounted_for(project: Layout, study: Study) -> None:
    page = made(study, project)
    assert "no face scored above 0.5" in page.text
    assert "no image but text" in page.text
    assert "images have several faces" in page.text


def test_everything_optional_may_be_missing(project: Layout, study: Study) -> None:
    for folder in ("data", "models", "results/curves", "results/pairs"):
        shutil.rmtree(project.root / folder)
    for path in (project.results() / "tables").glob("*-differences.csv"):
        path.unlink()
    page = made(study, project)
    assert page.unclosed == []
    assert "is untested" in page.text


def test_study_without_fusions_or_paintings(project: Layout, study: Study) -> None:
    bare = study.model_copy(update={"fuse": {}, "render": {}, "align": {"photos": study.align["photos"]}})
    metrics = read_json(project.results() / "metrics.json")
    write_json(project.results() / "metrics.json", {b: {"dlib": models["dlib"]} for b, models in metrics.items()})
    page = made(bare, project)
    assert "dlib is best on" in " ".join(page.text.split())
    assert "fusions" not in page.text


def test_figures_may_all_be_null(project: Layout, study: Study) -> None:
    metrics = read_json(project.results() / "metrics.json")
    nothing = {"eer": None, "eer_low": None, "eer_high": None, "eer_note": "there is no impostor pair"}
    for model in metrics["photographs"]:
        metrics["photographs"][model] = nothing
    write_json(project.results() / "metrics.json", metrics)
    page = made(study, project)
    assert "there is no impostor pair" in page.text
    assert page.unclosed == []


def test_model_of_no_study_is_shown_as_such(project: Layout, study: Study) -> None:
    metrics = read_json(project.results() / "metrics.json")
    metrics["photographs"]["vendor"] = {"eer": 0.126, "eer_low": 0.11, "eer_high": 0.14}
    write_json(project.results() / "metrics.json", metrics)
    page = made(study, project)
    assert "vendor" in page.text
    assert "12.6" in page.text
    assert "not of this study" in page.text


def test_licences_and_checksums_of_everything_fetched_are_named(project: Layout, study: Study) -> None:
    text = made(study, project).text
    for name, source in study.download.items():
        assert name in text
        assert (source.licence or "not stated") in text
        assert source.sha256[:12] in text


def test_absent_results_are_a_clear_error(at: Layout, study: Study) -> None:
    with pytest.raises(SitterError, match=r"results/metrics\.json does not exist.*run the stage `evaluate` first"):
        report.run(study, at.root)
    assert not at.report().exists()


@pytest.mark.parametrize("content", ["[]", '{"photographs": {"dlib": 0.1}}', "{}"])
def test_results_of_another_shape_are_a_clear_error(project: Layout, study: Study, content: str) -> None:
    (project.results() / "metrics.json").write_text(content)
    with pytest.raises(SitterError, match=r"results/metrics\.json"):
        report.run(study, project.root)


def test_failed_report_leaves_the_old_page(project: Layout, study: Study) -> None:
    made(study, project)
    before = project.report().read_bytes()
    (project.results() / "metrics.json").write_text("[]")
    with pytest.raises(SitterError):
        report.run(study, project.root)
    assert project.report().read_bytes() == before
    assert [p.name for p in project.results().iterdir() if p.suffix in (".html", ".part")] == ["report.html"]


def test_page_counts_every_row_of_the_account(project: Layout, study: Study) -> None:
    with open(account_file("photos", project), newline="") as file:
        statuses = [row["status"] for row in csv.DictReader(file)]
    page = " ".join(made(study, project).text.split())
    counts = [len(statuses), *(statuses.count(s) for s in ("aligned", "no_face", "unreadable"))]
    assert f"as delivered (package){counts[0]}{counts[1]}{counts[2]}{counts[3]}" in page.replace(" ", " ")


def chromium(page: Path, picture: Path, profile: Path) -> str:
    """Render a page to a picture; returns what the browser wrote to its console."""
    assert CHROMIUM is not None
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
    options += ["--disable-background-networking", "--disable-component-update", "--enable-logging=stderr"]
    options += [f"--user-data-dir={profile}", "--window-size=900,2000", f"--screenshot={picture}"]
    done = subprocess.run([CHROMIUM, *options, page.resolve().as_uri()], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


@pytest.mark.slow
@needs("chromium")
def test_browser_renders_the_page_and_complains_of_nothing(project: Layout, study: Study, tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    report.run(study, project.root)
    assert chromium(project.report(), tmp_path / "page.png", tmp_path / "profile") == ""
    pixels = np.asarray(Image.open(tmp_path / "page.png").convert("L"), int)
    assert pixels.shape == (2000, 900)
    assert (abs(pixels - np.median(pixels)) > 60).mean() > 0.01  # there is something on the paper
    assert (abs(pixels[1000:] - np.median(pixels)) > 60).mean() > 0.01

    text, outside = project.report().read_text(encoding="utf-8"), tmp_path / "outside.html"
    outside.write_text(text.replace("<main>", '<main><img src="https://example.org/x.png">'), encoding="utf-8")
    complaint = chromium(outside, tmp_path / "outside.png", tmp_path / "profile")
    assert "Content Security Policy" in complaint  # this test would notice, and the page's policy holds


def test_page_takes_settings_from_the_study(project: Layout, study: Study) -> None:
    none = study.model_copy(update={"report": study.report.model_copy(update={"pairs": 0, "title": "Other"})})
    page = made(none, project)
    assert "Other" in page.text
    assert study.report.title not in page.text
    assert "The hardest pairs" not in page.text


def test_versions_are_those_that_were_recorded_and_not_those_of_this_machine(project: Layout, study: Study) -> None:
    for name, torch in zip(study.models, ("1.2.3", "4.5.6"), strict=False):
        file = project.model(name) / "model.json"
        write_json(file, read_json(file) | {"versions": {"python": "3.99", "torch": torch}})
    first, dataset = next(iter(study.models)), study.embed.datasets[0]
    write_json(project.embeddings(first, dataset) / "versions.json", {"torch": "7.8.9"})
    run = read_json(project.results() / "run.json")
    assert run["versions"]["numpy"] == np.__version__, "evaluate has recorded its own"
    write_json(project.results() / "run.json", run | {"versions": {"numpy": "0.0.7"}})
    text = " ".join(made(study, project).text.split())
    assert "Models were made with python 3.99 · torch 1.2.3 and 4.5.6" in text
    assert "Embeddings were made with torch 7.8.9" in text
    assert "Figures were made with numpy 0.0.7" in text
    assert np.__version__ not in text


def test_without_a_record_no_version_is_shown(project: Layout, study: Study) -> None:
    run = read_json(project.results() / "run.json")
    del run["versions"]
    write_json(project.results() / "run.json", run)
    text = made(study, project).text
    assert "The versions of the packages were not recorded." in text
    assert np.__version__ not in text
