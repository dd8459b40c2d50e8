"""The account of a data set's images, `data/faces/<dataset>/faces.csv`: what became of each, and where its face is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.core.files import each_row, read_csv
from pipeline.plan.layout import HERE, Layout

ACCOUNT = "faces.csv"
REQUIRED = ("image_id", "sitter", "status")
ALIGNED = "aligned"
"""The status of an image whose face is in the store."""


def account_file(dataset: str, at: Layout = HERE) -> Path:
    """Return the path of a data set's account."""
    return at.faces(dataset) / ACCOUNT


def has_account(dataset: str, at: Layout = HERE) -> bool:
    """Whether faces have been looked for in a data set."""
    return account_file(dataset, at).exists()


def each_account(dataset: str, columns: Sequence[str] = ("image_id",), at: Layout = HERE) -> Iterator[dict[str, str]]:
    """Yield the rows of a data set's account as text; `columns` have to be there."""
    return each_row(account_file(dataset, at), columns)


def read_account(
    dataset: str, columns: Sequence[str] = ("image_id",), only: Sequence[str] | None = None, at: Layout = HERE
) -> list[dict[str, str]]:
    """Read a data set's account as text: `columns` have to be there, and only those of `only` are kept.

    Raises:
        SitterError: the file or one of the columns is absent.
    """
    return read_csv(account_file(dataset, at), columns, only=only)
