"""Base classes of what `params.yaml` holds: sections, and the options of a kind with its class or function."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, model_validator

from pipeline.core.errors import nearest

if TYPE_CHECKING:
    from pipeline.core.layout import Layout


class Strict(BaseModel):
    """A section of `params.yaml`: an unknown field is refused, and the error names the nearest known one."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    renamed: ClassVar[dict[str, str]] = {}
    """Fields that had another name in earlier versions, as {old name: present name}."""

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_fields(cls, value: Any) -> Any:
        known = {f.alias or name for name, f in cls.model_fields.items()}
        for field in value if isinstance(value, Mapping) else ():
            if field in cls.renamed:
                raise ValueError(f"field {field!r} is called {cls.renamed[field]!r} now: rename it")
            if field not in known:
                raise ValueError(f"unknown field {field!r}; {nearest(str(field), known)}")
            if isinstance(value[field], bool) and field in _numbers(cls):  # pydantic would take true for 1
                raise ValueError(
                    f"field {field!r} is {str(value[field]).lower()} to YAML (as are yes, no, on and off); expected: a "
                    "number, or null for none"
                )
        return value


@cache
def _numbers(section: type[BaseModel]) -> frozenset[str]:
    """Return fields of a section that hold a number and never true or false."""

    def within(annotation: Any) -> set[Any]:
        return {annotation}.union(*(within(a) for a in get_args(annotation))) if get_args(annotation) else {annotation}

    fields = {f.alias or name: within(f.annotation) for name, f in section.model_fields.items()}
    return frozenset(name for name, types in fields.items() if types & {int, float} and bool not in types)


def _kind_is_required(schema: dict[str, Any]) -> None:
    """Make `kind` required in the schema of params.yaml, although Python code may leave it out."""
    schema["properties"]["kind"].pop("default", None)
    schema["required"] = ["kind", *(name for name in schema.get("required", ()) if name != "kind")]


class Options(Strict):
    """Options of one kind of detector, backbone, loss …; the fields of a subclass are its fields in params.yaml.

    Subclasses import no implementation, so that checking a study needs neither torch nor OpenCV.
    """

    model_config = ConfigDict(json_schema_extra=_kind_is_required)
    implementation: ClassVar[str | None] = None
    """The class or function behind the kind, as `package.module:Name`; None if there is nothing to call."""
    kind: str

    @classmethod
    def module(cls) -> str | None:
        """Return the full name of the module that holds the implementation."""
        return cls.implementation.partition(":")[0] if cls.implementation else None

    def entries(self) -> dict[str, str]:
        """Return the entries under `download` that the kind reads, by the field that names each; most read none."""
        return {}

    def make(self, *given: Any, at: Layout | None = None) -> Any:
        """Import the implementation and call it with the pipeline's arguments and, where it has any, these options.

        Args:
            given: the arguments.
            at: the project that holds the downloads; only a kind that reads some of them is told.
        """
        assert self.implementation is not None, f"there is nothing behind kind {self.kind!r}"
        module, _, name = self.implementation.partition(":")
        options = (self,) if type(self).model_fields.keys() - {"kind"} else ()
        where = {"at": at} if at is not None and self.entries() else {}
        return vars(importlib.import_module(module))[name](*given, *options, **where)

    def kinds(self) -> tuple[str, ...]:
        """Return this kind, and the kinds of the options within it."""
        return (self.kind,)


def by_kind(union: Any) -> dict[str, type[Options]]:
    """Return the option classes of a union `Annotated[A | B | …, Field(discriminator="kind")]`, by their kind."""
    return {options.model_fields["kind"].default: options for options in get_args(get_args(union)[0])}
