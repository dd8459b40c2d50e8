"""Write docs/options.md, the reference of all options of params.yaml: `sitter options`.

It is made from the option classes in `pipeline/params`: the types, bounds and defaults of their fields, and the
docstrings below the fields.
"""

from __future__ import annotations

from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types as bounds
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipeline.params import Study
from pipeline.params.described import describe

REFERENCE = Path(__file__).parents[2] / "docs/options.md"
HEAD = """# Options

This page lists all options of `params.yaml`, section by section, and then the kinds of everything that has a `kind`.
`sitter options` writes it from the classes in `pipeline/params`; `sitter check` checks a file against the same classes.

"""
WORDS: dict[Any, str] = {int: "integer", float: "number", bool: "true or false", str: "text", Any: "any value"}
KINDS = ("sources", "detectors", "backbones", "outside_systems", "adaptations", "losses", "fusions", "metrics")
"""The folders under `pipeline/params` with one kind per module, in the order of the stages."""


def run() -> None:
    """Write the reference."""
    from pipeline.core.files import atomic_file

    with atomic_file(REFERENCE) as part:
        part.write_text(reference(), encoding="utf-8")


def reference() -> str:
    """Return the reference as Markdown."""
    describe(Study)
    sections: list[str] = []
    told: set[type[BaseModel]] = set()
    kinds: dict[str, dict[str, type[BaseModel]]] = {group: {} for group in KINDS}
    for name, field in Study.model_fields.items():
        inside = _classes(field.annotation)
        lines = [f"## `{name}`\n"]
        if not inside:
            lines.append(_table({name: field}))
        elif field.description:
            lines.append(f"{_line(field.description)}\n")
        if get_origin(_bare(field.annotation)) is dict:
            lines.append("Entries by name; a name becomes a folder.\n")
        for found in inside:
            if found in told:  # of another section, or of several
                continue
            told.add(found)
            if (group := _group(found)) is None:
                lines.append(_section(found, title=found is not inside[0] or _kind(found) != ""))
            else:
                kinds[group][_kind(found)] = found
        if groups := dict.fromkeys(group for found in inside if (group := _group(found))):
            lines.append(f"Kinds: {', '.join(f'[{group}](#{group})' for group in groups)}.\n")
        sections.append("\n".join(filter(None, lines)))
    for group, members in kinds.items():
        sections.append("\n".join([f"## {group}\n", *(_section(found, title=True) for found in members.values())]))
    return HEAD + "\n".join(sections)


def _classes(annotation: Any) -> list[type[BaseModel]]:
    """Return the option classes within a type and within the fields of these classes, each once."""
    found: dict[type[BaseModel], None] = {}

    def visit(part: Any) -> None:
        if isinstance(part, type) and issubclass(part, BaseModel):
            if part not in found:
                found[part] = None
                for field in part.model_fields.values():
                    visit(field.annotation)
        else:
            for inner in get_args(part):
                visit(inner)

    visit(annotation)
    return list(found)


def _group(found: type[BaseModel]) -> str | None:
    """Return the folder of kinds that a class belongs to; None for a class of one section."""
    folder = found.__module__.split(".")[2]
    return folder if folder in KINDS and _kind(found) else None


def _kind(found: type[BaseModel]) -> str:
    """Return the kind of a class; "" for a class without a kind."""
    return str(get_args(found.model_fields["kind"].annotation)[0]) if "kind" in found.model_fields else ""


def _heading(found: type[BaseModel]) -> str:
    """Return the name of a class on the page."""
    return f"kind: {_kind(found)}" if _kind(found) else found.__name__


def _anchor(found: type[BaseModel]) -> str:
    """Return the target of links to a class."""
    owner = _group(found) or found.__module__.rpartition(".")[2]
    return f"{owner}-{_kind(found) or found.__name__.lower()}"


def _section(found: type[BaseModel], title: bool) -> str:
    """Return the description of a class and the table of its fields."""
    heading = [f'### <a id="{_anchor(found)}"></a>`{_heading(found)}`\n'] if title else []
    fields = {name: field for name, field in found.model_fields.items() if name != "kind"}
    if (
        not found.__annotations__ and len(found.__bases__) == 1 and fields and not _kind(found)
    ):  # as another, but for when
        section = found.__bases__[0].__module__.rpartition(".")[2]
        return "\n".join([*heading, f"{_line(found.__doc__)} The fields are the same as in [{section}](#{section}).\n"])
    return "\n".join([*heading, f"{_line(found.__doc__)}\n", _table(fields) if fields else "No options.\n"])


def _table(fields: dict[str, FieldInfo]) -> str:
    rows = ["| field | type | default | meaning |", "|---|---|---|---|"]
    for name, field in fields.items():
        cells = (f"`{field.alias or name}`", _type(field.annotation, field.metadata), _default(field))
        rows.append(f"| {' | '.join(cells)} | {_line(field.description)} |")
    return "\n".join(rows) + "\n"


def _line(text: str | None) -> str:
    """Return a text on one line, with `|` escaped, which would end a cell of a table."""
    return " ".join((text or "").split()).replace("|", "\\|")


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _type(annotation: Any, metadata: list[Any] | tuple[Any, ...] = ()) -> str:
    """Return a type in words, with its bounds."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        spread = [m for one in more for m in (one.metadata if isinstance(one, FieldInfo) else [one])]
        return _type(inner, [*metadata, *spread])
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        groups = {group for one in arguments if isinstance(one, type) and (group := _model_group(one))}
        if len(arguments) > 2 and len(groups) == 1:
            words = f"a kind of [{(group := groups.pop())}](#{group})"
        else:
            words = " or ".join("null" if one is NoneType else _type(one) for one in arguments)
    elif origin is Literal:
        words = ", ".join(f"`{one}`" for one in arguments)
    elif origin in (tuple, list):
        words = f"list of {_type(arguments[0])}"
    elif origin is dict:
        words = f"{_type(arguments[1])}, by name"
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        words = f"[{_heading(annotation)}](#{_anchor(annotation)})"
    else:
        words = WORDS[annotation]
    of = "characters" if annotation is str else "of them"
    return ", ".join([words, *filter(None, (_bound(bound, of) for bound in metadata))])


def _model_group(found: type) -> str | None:
    return _group(found) if issubclass(found, BaseModel) else None


def _bound(bound: Any, of: str) -> str:
    """Return a bound in words; "" if it is none. `of` is the unit of lengths."""
    match bound:
        case bounds.Ge(ge=least):
            return f"≥ {least}"
        case bounds.Gt(gt=below):
            return f"> {below}"
        case bounds.Le(le=most):
            return f"≤ {most}"
        case bounds.Lt(lt=above):
            return f"< {above}"
        case bounds.MultipleOf(multiple_of=step):
            return f"a multiple of {step}"
        case bounds.MinLen(min_length=1):
            return "not empty"
        case bounds.MinLen(min_length=least):
            return f"at least {least} {of}"
        case bounds.MaxLen(max_length=most):
            return f"at most {most} {of}"
    return ""


def _default(field: FieldInfo) -> str:
    """Return a default in YAML."""
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_unset=True, mode="json")
    elif isinstance(value, tuple):
        value = [one.model_dump(mode="json") if isinstance(one, BaseModel) else one for one in value]
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=1000).removesuffix("...\n").strip()
    return "" if value == {} else f"`{_line(text)}`"
