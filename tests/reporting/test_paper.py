"""Tables and figures for a paper: every figure of the study in every form, with the digits that intervals support."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pipeline.commands import paper
from pipeline.reporting.paper_tables import paper_tables, rounded
from pipeline.store.benchmarks import Benchmark
from tests.reporting.standin import drawn_crops, small_study, write_run

pytestmark = pytest.mark.slow


def benchmark(**figures: dict[str, float]) -> Benchmark:
    """A benchmark with an EER of each model."""
    scalars = {"eer": {"percent": True, "better": "lower"}, "d_prime": {"percent": False, "better": "higher"}}
    return Benchmark("faces", "all-pairs", "faces", "faces", scalars, figures)


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [
        (0.13244, 0.0921, 0.167, ("13.2", "9.2", "16.7")),
        (0.5912, 0.46, 0.721, ("59", "46", "72")),
        (0.00123, 0.0011, 0.00141, ("0.123", "0.110", "0.141")),
        (0.5, 0.5, 0.5, ("50.0", "50.0", "50.0")),
    ],
)
def test_a_value_has_the_digits_that_its_interval_supports(
    value: float, low: float, high: float, expected: tuple[str, str, str]
) -> None:
    found = benchmark(one={"eer": value, "eer_low": low, "eer_high": high})
    assert rounded(found, "one", "eer") == expected


def test_values_without_an_interval_and_absent_values() -> None:
    found = benchmark(one={"eer": 0.1234}, two={})
    assert rounded(found, "one", "eer") == ("12.3", "", "")
    assert rounded(found, "two", "eer") is None


def test_names_with_characters_of_latex_are_escaped_and_the_best_is_bold() -> None:
    found = benchmark(
        **{
            "a_b & 50%": {"eer": 0.2, "eer_low": 0.1, "eer_high": 0.3},
            "c": {"eer": 0.1, "eer_low": 0.05, "eer_high": 0.2},
        }
    )
    told = paper_tables(found)
    assert r"a\_b \& 50\%" in told[".tex"]
    assert r"\textbf{10.0} [5.0, 20.0]" in told[".tex"]
    assert "**10.0** [5.0, 20.0]" in told[".md"]
    assert not re.search(r"[^\x00-\x7f]", told[".tex"].replace("′", "")), "plain LaTeX"
    rows = list(csv.DictReader(io.StringIO(told[".csv"])))
    assert [(row["model"], row["eer"], row["eer_low"]) for row in rows] == [
        ("a_b & 50%", "20", "10"),
        ("c", "10.0", "5.0"),
    ]


def test_a_study_becomes_tables_and_figures_equal_in_every_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    study = small_study()
    write_run(study, drawn_crops(48, 12))
    paper.run(study, "one")
    paper.run(study, "two")
    names = {path.relative_to("one") for path in Path("one").rglob("*") if path.is_file()}
    assert {path.suffix for path in names} == {".tex", ".md", ".csv", ".svg", ".pdf"}
    for benchmark in study.evaluate.benchmarks:
        assert {f"tables/{benchmark}{ending}" for ending in (".tex", ".md", ".csv")} <= {str(name) for name in names}
    assert any(name.name.endswith("-roc.svg") for name in names)
    assert any("-scores-" in name.name for name in names)
    for name in names:
        assert (Path("one") / name).read_bytes() == (Path("two") / name).read_bytes(), name
        if name.suffix == ".svg":
            text = ElementTree.parse(Path("one") / name).getroot()
            assert any(element.tag.endswith("text") for element in text.iter()), "letters stay letters"
    assert f"one/: {len(study.evaluate.benchmarks)} tables" in capsys.readouterr().out


def test_letters_of_a_pdf_are_embedded_as_truetype(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = small_study()
    write_run(study, drawn_crops(48, 12))
    paper.run(study, "out")
    content = next(Path("out").rglob("*-roc.pdf")).read_bytes()
    assert b"/CIDFontType2" in content or b"/TrueType" in content
    assert b"/Type3" not in content
