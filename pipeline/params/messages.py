"""Says what is wrong with a params file: field, what was found, what is allowed, what to do.

pydantic makes the checks. Its own words ("discriminator", "dictionary or object to extract fields from") mean nothing
to the authors of a study, so each of its errors is put in other words.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipeline.core.errors import nearest
from pipeline.params.reading import as_written

# The expected value, by pydantic's name of an error; {…} stands for a value of the error's context.
EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number, written out (100000, not 1e5)",
    "int_parsing_size": "a smaller whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "string_sub_type": "text",
    "string_too_short": "text of at least {min_length} characters",
    "string_too_long": "text of at most {max_length} characters",
    "list_type": "a list such as [a, b]",
    "tuple_type": "a list such as [a, b]",
    "set_type": "a list such as [a, b]",
    "frozen_set_type": "a list such as [a, b]",
    "iterable_type": "a list such as [a, b]",
    "dict_type": "a section: names, each with a colon and its value",
    "mapping_type": "a section: names, each with a colon and its value",
    "model_type": "a section with fields of its own",
    "model_attributes_type": "a section with fields of its own",
    "dataclass_type": "a section with fields of its own",
    "none_required": "nothing (null)",
    "greater_than": "greater than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
    "multiple_of": "a multiple of {multiple_of:g}",
    "path_type": "the path of a file or a folder, as text",
    "url_type": "an address such as https://…",
    "url_parsing": "an address such as https://…",
    "url_scheme": "an address that begins with {expected_schemes}",
    "date_type": "a date such as 2024-12-31",
    "date_parsing": "a date such as 2024-12-31",
    "date_from_datetime_parsing": "a date such as 2024-12-31",
}
# A part of the pattern of `Name` in pipeline/params, which names of models, data sets … must match.
NAME_PATTERN = "[a-z0-9]"
# Kinds that had another name in earlier versions, as {old name: present name}.
RENAMED_KINDS = {"pairs": "kfold", "probe": "linear-probe"}
# Kinds of backbones that are a section of their own today: the old name, and the kind there.
OUTSIDE_KINDS = {"external": "embeddings", "external-scores": "scores"}
TEXT = ("string_type", "string_sub_type", "path_type", "url_type")


def sentence(name: str, raw: Any, error: Any, files: Sequence[Path] = (), entry_of: Callable[[str], str] = str) -> str:
    """Return one of pydantic's errors in plain words.

    Args:
        name: the name of the file in messages.
        raw: the content that was checked.
        error: one of `ValidationError.errors()`.
        files: the files that were read, to show a value as it is written there.
        entry_of: returns the entry under `models` that makes a model, which has another name in a sweep.
    """
    field, here = _found(raw, error)
    where, sort, context = ".".join(field) or "the file", error["type"], error.get("ctx", {})
    if error["loc"] and error["loc"][-1] == "[key]":
        expected = _expected(sort, error, context)
        return f"{name}: {where}: the name {error['loc'][-2]!r} is not allowed; expected: {expected}."
    if sort == "missing":
        return f"{name}: {where} is missing; add it."
    if sort == "extra_forbidden":
        return f"{name}: {where} is a field that does not exist here: delete it."
    if sort == "value_error":
        return f"{name}: {where}: {context['error']}"
    if here is None and sort != "none_required":
        return f"{name}: {where} is empty; expected: {_expected(sort, error, context)}."
    if sort == "union_tag_not_found":
        return f"{name}: {where} does not say which kind it is: add kind: and its name{_kinds(error)}."
    if sort == "union_tag_invalid":
        allowed = [t.strip().strip("'") for t in context["expected_tags"].split(",")]
        if isinstance(here, dict) and here.get("kind") is None:
            return f"{name}: {where}.kind is empty; expected: one of {', '.join(allowed)}."
        if (today := RENAMED_KINDS.get(context["tag"])) in allowed:
            return f"{name}: {where}.kind is {context['tag']!r}, which is called {today!r} now: rename it."
        if field[:1] == ["models"] and context["tag"] in OUTSIDE_KINDS:
            return f"{name}: {where}.kind is {context['tag']!r}: {_moved_outside(field[1], here)}"
        return f"{name}: {where}.kind is {context['tag']!r}, which does not exist; {nearest(context['tag'], allowed)}"
    changed = _changed(here)
    written = as_written(files, _in_file(field, entry_of)) if changed else None
    if changed and sort in (*TEXT, "literal_error", "enum"):
        text = written[2] if written else _text(here)
        found = f"{name}: {where}" if written is None else f"{written[0]}, line {written[1]}: {where}"
        if sort in TEXT or text in _allowed(context):
            return f'{found} is {text}, which YAML reads as {changed}; expected: text. Write it in quotes: "{text}"'
    if sort in ("literal_error", "enum"):
        return f"{name}: {where} is {_shown(here)}; {nearest(_text(here), _allowed(context))}"
    return f"{name}: {where} is {_shown(here)}; expected: {_expected(sort, error, context)}."


def _moved_outside(model: str, backbone: Any) -> str:
    """Say what to write where an outside system was a kind of backbone."""
    given = {k: v for k, v in backbone.items() if k not in ("kind", "weights")}
    options = {"kind": OUTSIDE_KINDS[backbone["kind"]], "file": backbone.get("weights", "ENTRY"), **given}
    told = ", ".join(f"{option}: {_text(value)}" for option, value in options.items())
    return (
        f"outside systems have a section of their own. Delete models.{model}, and write, at the margin, "
        f"outside: {{{model}: {{{told}}}}}."
    )


def _found(raw: Any, error: Any) -> tuple[list[str], Any]:
    """Return the field as the file has it, without the tags of unions that pydantic adds, and its value."""
    field, here = [], raw
    for part in error["loc"]:
        if (isinstance(here, dict) and part in here) or (
            isinstance(here, list | tuple) and isinstance(part, int) and part < len(here)
        ):
            field.append(str(part))
            here = here[part]
        elif part == error["loc"][-1] and error["type"] == "missing":
            field.append(str(part))
    return field, here


def _in_file(field: Sequence[str], entry_of: Callable[[str], str]) -> list[str]:
    return [*field[:1], entry_of(field[1]), *field[2:]] if field[:1] == ["models"] and len(field) > 1 else list(field)


def _changed(value: Any) -> str:
    """Return what YAML made of a word without quotes; empty where it left the word as it was."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "a date" if isinstance(value, datetime.date) else ""


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(value: Any) -> str:
    """Return a value for a message; sections and long lists are described instead."""
    if isinstance(value, dict):
        if not value:
            return "an empty section"
        return f"a section ({', '.join(map(str, list(value)[:4]))}{', …' if len(value) > 4 else ''})"
    if isinstance(value, list) and len(str(value)) > 60:
        return f"a list of {len(value)}"
    return repr(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def _allowed(context: Any) -> list[str]:
    """Return the words that a field may hold."""
    return [w.strip().strip("'") for w in str(context.get("expected", "")).replace(" or ", ", ").split(", ")]


def _kinds(error: Any) -> str:
    kinds = str(error.get("ctx", {}).get("expected_tags", ""))
    return f" ({kinds})" if kinds else ""


def _expected(sort: str, error: Any, context: Any) -> str:
    if sort in ("literal_error", "enum"):
        return f"one of {', '.join(_allowed(context))}"
    if sort in ("union_tag_not_found", "union_tag_invalid"):
        return "a section with kind: and the fields of that kind"
    if sort == "string_pattern_mismatch":
        pattern = str(context.get("pattern", ""))
        if NAME_PATTERN in pattern:
            return "a name of small letters and digits, with single - or _ between them"
        return f"text of the form {pattern}"
    if sort in ("too_short", "too_long"):
        bound = context.get("min_length", context.get("max_length"))
        return f"at {'least' if sort == 'too_short' else 'most'} {bound} {'entry' if bound == 1 else 'entries'}"
    if sort in EXPECTED:
        return EXPECTED[sort].format(**context)
    message = str(error["msg"])
    for words in ("Input should be ", "Value should be ", "Input should have ", "Input should "):
        message = message.removeprefix(words)
    return message.replace("dictionary", "section").replace("a valid ", "a ").replace("valid ", "")
