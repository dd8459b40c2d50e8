"""Registries: the name a kind has in `params.yaml`, and the class or function behind it.

A registered class or function takes what the pipeline hands it as positional arguments and what `params.yaml` sets
as **keyword-only** arguments. The latter, with their annotations, bounds and defaults, are the kind's options; they
are read from the source without importing it, so that checking a study needs neither torch nor OpenCV.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from pipeline.core.errors import nearest
from pipeline.core.own_files import OwnPath

PROJECT = Path(__file__).parents[2]
# What an option's annotation may be made of.
VOCABULARY = {"Annotated": Annotated, "Literal": Literal, "Field": Field, "OwnPath": OwnPath}


class Strict(BaseModel):
    """A section of `params.yaml`: unknown fields are refused, with the nearest known one."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    renamed: ClassVar[dict[str, str]] = {}
    """Fields that had another name in earlier versions: the old name, and the one of today."""

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
    """Fields of a section that hold a number and never true or false."""

    def within(annotation: Any) -> set[Any]:
        return {annotation}.union(*(within(a) for a in get_args(annotation))) if get_args(annotation) else {annotation}

    fields = {f.alias or name: within(f.annotation) for name, f in section.model_fields.items()}
    return frozenset(name for name, types in fields.items() if types & {int, float} and bool not in types)


class Options(Strict):
    """The options of one kind: the `kind` itself and the keyword-only arguments behind it."""

    # Made from signatures, these classes have no source in which to look for docstrings: the search took half a second.
    model_config = ConfigDict(use_attribute_docstrings=False)
    kind: str

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments for the registered class or function."""
        return {name: getattr(self, name) for name in type(self).model_fields if name != "kind"}

    def kinds(self) -> tuple[str, ...]:
        """This kind, and those of the options within it (`list[Options]`)."""
        within = [o for v in self.arguments().values() if isinstance(v, list) for o in v if isinstance(o, Options)]
        return tuple(dict.fromkeys([self.kind, *(kind for options in within for kind in options.kinds())]))


@dataclass(frozen=True, eq=False)
class Registry:
    """Kinds of one sort. `entries` maps a name to `"module.Name"`, relative to `package` where it is not named in full;
    None: nothing to load.

    A kind may be made of others of its sort: in its options, the annotation `Options` stands for any of them, except
    those that are themselves made of others.
    """

    sort: str
    package: str
    entries: Mapping[str, str | None]

    def module(self, kind: str) -> str | None:
        """Full name of the module that holds a kind."""
        entry = self.entries[kind]
        if entry is None:
            return None
        module = entry.rpartition(".")[0]
        return module if module.startswith("pipeline.") else f"{self.package}.{module}"

    def load(self, kind: str) -> Any:
        """The class or function behind a kind; imports its module."""
        entry = self.entries[kind]
        assert entry is not None, f"{self.sort} {kind!r} has nothing to load"
        return getattr(importlib.import_module(self.module(kind) or ""), entry.rpartition(".")[2])

    def make(self, options: Options, *given: Any) -> Any:
        """Call what is registered with the pipeline's arguments and the options of `params.yaml`."""
        return self.load(options.kind)(*given, **options.arguments())

    @cache  # noqa: B019  (registries live as long as the program; the options of a kind are one class)
    def options(self, kind: str) -> type[Options]:
        """The pydantic model of a kind's options, read from its source."""
        fields: dict[str, Any] = {"kind": (Literal[kind], ...)}
        if self.entries[kind] is None:
            return create_model(f"{self.sort}-{kind}", __base__=Options, **fields)
        arguments, doc = self._signature(kind)
        known = VOCABULARY | ({"Options": self._either(self._simple())} if _is_composed(arguments) else {})
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            assert argument.annotation is not None, f"{self.sort} {kind}: option {argument.arg} has no annotation"
            is_path = argument.arg in ("path", "root")
            assert not is_path or "OwnPath" in ast.unparse(argument.annotation), f"{kind}: {argument.arg} is an OwnPath"
            annotation = eval(ast.unparse(argument.annotation), dict(known))  # our own source
            fields[argument.arg] = (annotation, ... if default is None else ast.literal_eval(default))
        return create_model(f"{self.sort}-{kind}", __base__=Options, __doc__=doc, **fields)

    def constant(self, kind: str, name: str) -> Any:
        """A literal in the body of a kind's class, read from its source; None where it has none of that name."""
        if self.entries[kind] is None:
            return None
        module, owner = self.module(kind) or "", (self.entries[kind] or "").rpartition(".")[2]
        tree = ast.parse((PROJECT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
        body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == owner)
        for node in body:
            targets = getattr(node, "targets", [getattr(node, "target", None)])
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return ast.literal_eval(cast(ast.Assign, node).value)
        return None

    def union(self) -> Any:
        """The type of a field that holds one of these kinds, told apart by `kind`."""
        return self._either(list(self.entries))

    def _either(self, kinds: list[str]) -> Any:
        models = [self.options(kind) for kind in kinds]
        either: Any = reduce(or_, models)
        return models[0] if len(models) == 1 else Annotated[either, Field(discriminator="kind")]

    def _simple(self) -> list[str]:
        """Kinds that something is behind and that are not made of others."""
        return [k for k, entry in self.entries.items() if entry is not None and not _is_composed(self._signature(k)[0])]

    def _signature(self, kind: str) -> tuple[ast.arguments, str]:
        module, name = self.module(kind) or "", (self.entries[kind] or "").rpartition(".")[2]
        return _signature(PROJECT / f"{module.replace('.', '/')}.py", name)


def _is_composed(arguments: ast.arguments) -> bool:
    """Whether an option's annotation names `Options`."""
    annotations = (a.annotation for a in arguments.kwonlyargs if a.annotation is not None)
    return any(isinstance(n, ast.Name) and n.id == "Options" for a in annotations for n in ast.walk(a))


@cache
def _signature(path: Path, name: str) -> tuple[ast.arguments, str]:
    """Arguments of a function, or of a class's `__init__`, and the first line of its docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    node = next(
        (n for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef) and n.name == name),
        None,
    )
    assert node is not None, f"{path} defines no {name}"
    doc = (ast.get_docstring(node) or "").partition("\n")[0]
    if isinstance(node, ast.FunctionDef):
        return node.args, doc
    init = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
    return (init.args if init else ast.arguments([], [], None, [], [], None, [])), doc
