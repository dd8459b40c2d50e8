"""A split read by columns says of each image which subset it is in, with and without a fold that is left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.core.files import write_csv
from pipeline.core.layout import Layout
from pipeline.store.splits import read_seats

SUBSETS = ("train", "val", "test", "unused", "unidentified")
ROWS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(SUBSETS), st.integers(0, 3)), min_size=1, max_size=12
)


def dealt(rows: list[tuple[str, str, int]], fold: int | None) -> list[str]:
    """Return the subset of each row, one by one."""
    if fold is None or any(subset in ("train", "val") for _, subset, _ in rows):
        return [subset for _, subset, _ in rows]
    count = 1 + max(own if subset == "test" else 0 for _, subset, own in rows)
    roles = {(fold + 1) % count: "val"} | {fold: "test"}
    return [roles.get(own, "train") if subset == "test" else subset for _, subset, own in rows]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.none() | st.integers(0, 4), st.booleans())
def test_each_image_is_in_the_subset_that_the_rule_gives_it(
    tmp_path: Path, rows: list[tuple[str, str, int]], fold: int | None, only_test: bool
) -> None:
    rows = [(name, "test" if only_test else subset, own) for name, subset, own in rows]
    at = Layout(tmp_path)
    table = at.split("some") / "split.csv"
    table.parent.mkdir(parents=True, exist_ok=True)
    names = ("image_id", "sitter", "subset", "fold")
    written = [
        dict(zip(names, (str(n), name, subset, "" if subset == "unidentified" else own), strict=True))
        for n, (name, subset, own) in enumerate(rows)
    ]
    write_csv(table, written, names)
    seats, expected = read_seats("some", at, fold), dealt(rows, fold)
    for subset in SUBSETS:
        assert seats.are_in(subset).tolist() == [one == subset for one in expected]
    assert seats.are_in("train", "val").tolist() == [one in ("train", "val") for one in expected]
    assert set(seats.sitters_in("train", "val")) == {
        name for (name, _, _), one in zip(rows, expected, strict=True) if one in ("train", "val")
    }
    assert seats.image_ids.to_pylist() == [str(n) for n in range(len(rows))]


@pytest.mark.parametrize("fold", [0, 1])
def test_a_single_fold_is_never_both_tested_and_validated(tmp_path: Path, fold: int) -> None:
    at = Layout(tmp_path)
    at.split("one").mkdir(parents=True)
    (at.split("one") / "split.csv").write_text("image_id,sitter,subset,fold\n1,a,test,0\n2,b,test,0\n")
    seats = read_seats("one", at, fold)
    assert not (seats.are_in("test") & seats.are_in("val")).any()
