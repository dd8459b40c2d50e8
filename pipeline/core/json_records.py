"""JSON files as typed objects: the object in a file becomes a dataclass; its fields are the keys in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pipeline.core.errors import SitterError
from pipeline.core.files import read_json, write_json

Content = TypeVar("Content")
UNWRITTEN = "unwritten"


def unwritten(default: Any = None) -> Any:
    """Declare a field of a record whose key the file does not have where the field has this value."""
    return field(default=default, metadata={UNWRITTEN: True})


def as_json(value: Any) -> Any:
    """Return a record as values of JSON: its fields are the keys, in their order; see `unwritten`."""
    if is_dataclass(value):
        told = ((declared, getattr(value, declared.name)) for declared in fields(value))
        return {
            declared.name: as_json(found)
            for declared, found in told
            if not (declared.metadata.get(UNWRITTEN) and found == declared.default)
        }
    if isinstance(value, Mapping):
        return {key: as_json(found) for key, found in value.items()}
    return [as_json(found) for found in value] if isinstance(value, list | tuple) else value


def of_json(kind: type[Content], content: Any, path: Path) -> Content:
    """Return the content of a JSON file as a record, as `read_object` does."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        wrong = "is absent" if first["type"] == "missing" else f"is {first['input']!r}: {first['msg']}"
        raise SitterError(f"{path}: {where} {wrong}. Run the stage that makes this file again.") from None


def read_object(path: Path, kind: type[Content]) -> Content:
    """Return the object of a JSON file; each field is a key, and further keys are ignored.

    Args:
        path: the file.
        kind: a dataclass. Its annotations are the types of the values; a key with a default may be absent.

    Raises:
        SitterError: the file or a key is absent, or a value does not have its field's type; the message names it.
    """
    return of_json(kind, read_json(path), path)


def write_object(path: Path, record: Any) -> None:
    """Write a record as a JSON file; see `as_json`."""
    write_json(path, as_json(record))


def object_of(kind: type[Content]) -> Callable[[Path], Content]:
    """Return a reader for `from_file`: the object of a JSON file, as `read_object` returns it."""
    return partial(read_object, kind=kind)
