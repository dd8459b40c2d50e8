"""Scores are written in formats that other programs read; read back, they give the same figures."""

from __future__ import annotations

import json

import numpy as np
import pyarrow
import pytest

from pipeline.cli import main
from pipeline.commands import scores
from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.formats.score_files import ScoreBlock, read_bob, write_scores
from pipeline.metrics.verification import eer, roc, tally, tar_at_far
from pipeline.sources.outside.outside_file import read_columns
from pipeline.stages import evaluate
from tests.sources.outside.project import SCORES, given, put_vectors, run, study
from tests.sources.outside.test_scores import BENCHMARKS, put_pairs

pytestmark = pytest.mark.usefixtures("project")

PYEER = {"eer": 0.2128036, "fmr100": 0.7885714, "fmr1000": 0.8942857, "zero_fmr": 0.9414286}
KINDS = {name: BENCHMARKS[name] for name in ("all", "who", "folds")}


def figures(at: Layout) -> dict:
    return json.loads((at.results() / "metrics.json").read_text())


def test_scores_that_are_read_back_give_the_figures_of_the_model_that_they_came_from(at):
    put_pairs(at)
    put_vectors(at)
    first = study(benchmarks=KINDS)
    run(at, first)
    evaluate.run(first, at.root)
    before = figures(at)
    given(at, "cots.csv").unlink()
    scores.run(first, "who", "own", str(given(at, "cots.five-column")), at.root)
    second = study(SCORES, benchmarks=KINDS)
    run(at, second)
    evaluate.run(second, at.root)
    after = figures(at)
    for benchmark, names in (("all", ("eer", "tar@0.1", "auc", "d_prime")), ("who", ("rank-1", "dir@0.1"))):
        for name in names:
            assert after[benchmark]["cots"][name] == pytest.approx(before[benchmark]["own"][name], abs=1e-9), name


@pytest.mark.parametrize("ending", ["four-column", "five-column", "csv", "arrow"])
def test_every_format_holds_the_pairs_that_the_benchmark_counts(at, ending):
    put_pairs(at)
    put_vectors(at)
    studied = study(benchmarks=KINDS)
    run(at, studied)
    evaluate.run(studied, at.root)
    file = at.root / f"all.{ending}"
    scores.run(studied, "all", "own", str(file), at.root)
    if ending == "csv":
        import pandas

        table = pyarrow.Table.from_pandas(pandas.read_csv(file))
    else:
        table = read_bob(file) if ending != "arrow" else pyarrow.ipc.open_file(file).read_all()
    assert table.num_columns == 4 + (ending != "four-column")
    genuine = np.array(table["claimed_id"].to_pylist()) == np.array(table["real_id"].to_pylist())
    score = table["score"].to_numpy()
    mine = figures(at)["all"]["own"]
    assert (genuine.sum(), (~genuine).sum()) == (mine["genuine"], mine["impostor"])
    curve = roc(tally(score[genuine], score[~genuine]))
    assert eer(curve)[0] == mine["eer"]
    assert tar_at_far(curve, 0.1) == (mine["tar@0.1"], mine["threshold@0.1"])  # to the last digit


def test_names_with_spaces_and_other_signs_come_back_as_they_were(tmp_path):
    names = ["Rembrandt van Rijn", "100 %", "ligne\u00a0été", "a\tb", "%20"]
    block = ScoreBlock(names, [f"{n}/1" for n in names], names[::-1], names, np.array([0.1, 1 / 3, -2.0, 1e-300, 5]))
    assert write_scores(tmp_path / "a.five-column", iter([block])) == 5
    assert all(len(line.split()) == 5 for line in (tmp_path / "a.five-column").read_text().splitlines())
    found = read_bob(tmp_path / "a.five-column")
    assert {name: found[name].to_pylist() for name in found.column_names} == {
        n: c.tolist() if isinstance(c, np.ndarray) else c for n, c in block.columns().items()
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a b c 0.1\na b 0.2\n", "line 2: 3 columns; expected: 4, as the lines before it"),
        ("a 0.1\n", "line 1: 2 columns; expected: 4 or 5"),
        ("a b c d x\n", "line 1: the score is 'x'; expected: a number"),
        ("\n", "holds no scores"),
    ],
)
def test_a_broken_line_is_named(tmp_path, text, message):
    (tmp_path / "a.five-column").write_text(text)
    with pytest.raises(SitterError, match=message):
        read_bob(tmp_path / "a.five-column")


def test_what_cannot_be_written_or_read_is_told(at, tmp_path):
    studied = study(benchmarks=BENCHMARKS)
    for benchmark, model, file, message in (
        ("al", "own", "a.csv", "no 'al' under evaluate.benchmarks; did you mean 'all'"),
        ("all", "owm", "a.csv", "no model or fusion 'owm'; did you mean 'own'"),
        ("all", "own", "a.txt", r"a\.txt: the name must end in one of \.four-column"),
        ("shape", "own", "a.csv", "a benchmark of kind geometry compares no images"),
    ):
        with pytest.raises(SitterError, match=message):
            scores.run(studied, benchmark, model, str(tmp_path / file), at.root)
        assert not (tmp_path / file).exists()
    (tmp_path / "four.five-column").write_text("a b c 0.1\n")
    with pytest.raises(SitterError, match="four columns, which do not name the gallery image"):
        read_columns(tmp_path / "four.five-column", ["probe_id"])
    with pytest.raises(SystemExit):
        main(["scores", "--help"])


def test_error_rates_of_a_file_are_those_of_pyeer(tmp_path):
    """The figures were recorded from pyeer 0.5.6 (`eer_stats`) on the last column of this file, as it reads scores.

    pyeer itself cannot be a dependency of the tests: it imports `pkg_resources`, which setuptools no longer has.
    """
    rng = np.random.default_rng(20)
    genuine, impostor = rng.normal(1.6, 1, 700).round(4), rng.normal(0, 1, 4000).round(4)
    score = np.concatenate([genuine, impostor])
    same = ["a"] * 700 + ["b"] * 4000
    block = ScoreBlock(same, [f"m{n}" for n in range(4700)], ["a"] * 4700, [f"p{n}" for n in range(4700)], score)
    write_scores(tmp_path / "a.four-column", iter([block]))
    table = read_bob(tmp_path / "a.four-column")
    is_genuine = np.array(table["claimed_id"].to_pylist()) == "a"
    read = table["score"].to_numpy()
    curve = roc(tally(read[is_genuine], read[~is_genuine]))
    assert eer(curve)[0] == pytest.approx(PYEER["eer"], abs=1e-3)
    assert 1 - tar_at_far(curve, 1e-2)[0] == pytest.approx(PYEER["fmr100"], abs=1e-7)
    assert 1 - tar_at_far(curve, 1e-3)[0] == pytest.approx(PYEER["fmr1000"], abs=1e-7)
    assert 1 - curve.tar[curve.far == 0].max() == pytest.approx(PYEER["zero_fmr"], abs=1e-7)
