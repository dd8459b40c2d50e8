"""Tables and plots for a paper: every figure of the study in every format, with the digits that intervals support."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pipeline.commands import paper
from pipeline.reporting.paper_figures import draw
from pipeline.reporting.paper_folds import folds, written
from pipeline.reporting.paper_tables import paper_tables, rounded
from pipeline.reporting.series import Series
from pipeline.store.benchmarks import Benchmark, GroupErrors, GroupRate
from pipeline.store.curves import CrossEntropy, Curve, ExpectedPerformance, Placed, Reliability, Tippett
from pipeline.store.figures import Shown, from_record
from tests.reporting.standin import drawn_crops, small_study, write_run

pytestmark = pytest.mark.slow


def benchmark(**figures: dict[str, float]) -> Benchmark:
    """Return a benchmark with an EER for each model."""
    shown = {"eer": Shown(True, "lower"), "d_prime": Shown(False, "higher")}
    metrics = {model: from_record(record) for model, record in figures.items()}
    return Benchmark("faces", "all-pairs", "faces", "faces", shown, metrics)


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
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, one, two = small_study(), tmp_path / "one", tmp_path / "two"
    write_run(study, drawn_crops(48, 12), tmp_path)
    for folder in (one, two):
        paper.run(study, str(folder), tmp_path)
    names = {path.relative_to(one) for path in one.rglob("*") if path.is_file()}
    assert {path.suffix for path in names} == {".tex", ".md", ".csv", ".svg", ".pdf"}
    for benchmark in study.evaluate.benchmarks:
        assert {f"tables/{benchmark}{ending}" for ending in (".tex", ".md", ".csv")} <= {str(name) for name in names}
    assert any(name.name.endswith("-roc.svg") for name in names)
    assert any("-scores-" in name.name for name in names)
    tables = {"photographs-thresholds", "search-investigation", "across-differences"}
    assert {f"tables/{table}{ending}" for table in tables for ending in (".tex", ".md", ".csv")} <= set(map(str, names))
    assert {"figures/photographs-discard-norm.svg", "figures/photographs-discard-norm.pdf"} <= set(map(str, names))
    for name in names:
        assert (one / name).read_bytes() == (two / name).read_bytes(), name
        if name.suffix == ".tex":
            text = (one / name).read_text(encoding="utf-8").replace("′", "")
            assert not re.search(r"[^\x00-\x7f]", text), f"{name}: plain LaTeX"
        if name.suffix == ".svg":
            picture = ElementTree.parse(one / name).getroot()
            assert any(element.tag.endswith("text") for element in picture.iter()), "letters stay letters"
    count = len({name.stem for name in names if name.suffix == ".tex"})
    assert f"{one}/: {count} tables" in capsys.readouterr().out


def test_letters_of_a_pdf_are_embedded_as_truetype(tmp_path: Path) -> None:
    study, out = small_study(), tmp_path / "out"
    write_run(study, drawn_crops(48, 12), tmp_path)
    paper.run(study, str(out), tmp_path)
    content = next(out.rglob("*-roc.pdf")).read_bytes()
    assert b"/CIDFontType2" in content or b"/TrueType" in content
    assert b"/Type3" not in content


def test_errors_by_group_expected_performance_and_maps_are_drawn_from_their_curves(tmp_path: Path) -> None:
    fnmr = GroupRate(0.2, 0.1, 0.3, 0.1, p=0.04, significant=False)
    groups = [
        GroupErrors.of(
            column="a/b", group=name, sitters=9, genuine=9, impostor=9, threshold=0.5, fmr=GroupRate(0.01), fnmr=fnmr,
            note="",
        )
        for name in ("oil", "chalk")
    ]  # fmt: skip
    rows: dict[type[Curve], list[dict[str, str]]] = {
        Tippett: [{"llr": f"{n - 3}", "genuine": f"{1 - n / 9}", "impostor": f"{1 - n / 6}"} for n in range(6)],
        Reliability: [{"llr": f"{n - 3}", "pav": f"{n / 2}"} for n in range(6)],
        CrossEntropy: [{"log10_odds": f"{n - 3}", "ece": f"{n / 9}", "neutral": f"{n / 6}"} for n in range(6)],
        ExpectedPerformance: [{"alpha": str(a), "hter": str(a / 3)} for a in (0.0, 0.5, 1.0)],
    }
    found = Benchmark(
        name="paintings",
        kind="all-pairs",
        probe="p",
        gallery="p",
        shown={},
        metrics={"one": {}},
        curves={curve: {"one": curve.of(points)} for curve, points in rows.items()},
        groups={"one": groups},
        maps={"one": [Placed(n, n % 3, {"sitter": f"s{n % 9}"}) for n in range(40)]},
    )
    styles = {"one": Series("one", "frozen", 0)}
    assert draw(tmp_path, [found], styles, {}) == 7
    drawn = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.svg")}
    names = ("tippett", "reliability", "ece", "epc", "groups-a-b-fnmr", "groups-a-b-fmr", "map-sitter-one")
    assert set(drawn) == {f"paintings-{name}.svg" for name in names}
    assert ">chalk<" in drawn["paintings-groups-a-b-fnmr.svg"]
    headings, rows = folds(found, styles)["groups-a/b"]
    assert headings[:4] == ["model", "a/b", "pairs", "FNMR, %"]
    assert [row[:2] for row in rows] == [["one", "oil"], ["one", "chalk"]]
    assert rows[0][3:5] == ["20.0", "10.0–30.0"]
    assert r"10.0--30.0" in written((headings, rows))[".tex"]
