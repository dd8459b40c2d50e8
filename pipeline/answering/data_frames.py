"""The results of a study as data frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.core.errors import SitterError, nearest
from pipeline.core.layout import Layout
from pipeline.store.accounts import NUMBERS, TEXTS, account_file
from pipeline.store.candidates import MEASURED, each_candidate_as_text
from pipeline.store.embeddings import read_embeddings
from pipeline.store.results import read_metrics

if TYPE_CHECKING:
    from pipeline.params import Study

COLUMNS = ("benchmark", "model", "figure", "value", "low", "high", "note")


def results(at: Layout) -> pd.DataFrame:
    """Return a row for each benchmark, model and figure: value, and low, high and note where there are any.

    Raises:
        SitterError: nothing has been evaluated yet.
    """
    rows: list[tuple[Any, ...]] = []
    for benchmark, models in read_metrics(at.results()).items():
        for model, figures in models.items():
            for name, figure in figures.items():
                rows.append((benchmark, model, name, figure.value, *figure.ends, figure.note or None))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def faces(study: Study, dataset: str, at: Layout) -> pd.DataFrame:
    """Return what became of a data set's images (`faces.csv`), with numbers as numbers and names as text.

    Raises:
        SitterError: there is no such data set, or it has not been aligned.
    """
    if dataset not in study.align:
        raise SitterError(f"{dataset!r} is no data set under align; {nearest(dataset, study.align)}")
    file = account_file(dataset, at)
    if not file.is_file():
        raise SitterError(f"{file} does not exist: run `sitter align {dataset}` first.")
    numbers = {column: [""] for column in NUMBERS}
    return pd.read_csv(file, dtype=dict.fromkeys(TEXTS, str), keep_default_na=False, na_values=numbers)


def embeddings(model: str, dataset: str, at: Layout) -> pd.DataFrame:
    """Return vectors, one row per image, indexed by image id."""
    table = read_embeddings(model, dataset, at)
    return pd.DataFrame(table.vectors, index=pd.Index(table.image_ids, name="image_id"))


def candidates(study: Study, question: str, at: Layout) -> pd.DataFrame:
    """Return the answers to a question, with numbers as numbers.

    Raises:
        SitterError: there is no such question, or it has not been answered.
    """
    if question not in study.identify:
        raise SitterError(f"identify has no entry {question!r}; {nearest(question, study.identify)}")
    found = pd.DataFrame(list(each_candidate_as_text(question, at)))
    for column in MEASURED:
        found[column] = pd.to_numeric(found[column])
    return found
