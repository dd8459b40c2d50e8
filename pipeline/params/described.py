"""The meaning of each field of `params.yaml`: the string below it in its class.

pydantic can read these strings when a class is made (`use_attribute_docstrings`). In Snakemake, which has two
thousand modules loaded, this takes a tenth of each start; only the schema and the reference of options need them.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel


@cache
def describe(section: type[BaseModel]) -> None:
    """Set the strings below the fields of a section, and of sections within it, as the fields' descriptions."""
    for field in section.model_fields.values():
        for part in _sections(field.annotation):
            describe(part)
    found: dict[str, str] = {}
    for base in reversed(section.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            found |= _strings(base)
    for name, field in section.model_fields.items():
        field.description = field.description or found.get(name)
    section.model_rebuild(force=True)


def _sections(annotation: Any) -> list[type[BaseModel]]:
    """Return the sections that a type contains."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for part in get_args(annotation) for section in _sections(part)]


def _strings(section: type[BaseModel]) -> dict[str, str]:
    """Return the string below each field that a class declares itself, by the field's name."""
    (declared,) = ast.parse(textwrap.dedent(inspect.getsource(section))).body
    assert isinstance(declared, ast.ClassDef)
    return {
        field.target.id: inspect.cleandoc(below.value.value)
        for field, below in zip(declared.body, declared.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }
