"""Read params files: YAML in UTF-8, with unique keys, and without numbers that YAML misreads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.errors import SitterError

# The parser in C, where PyYAML was built with it, is five to ten times as fast.
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
STRING, MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"
INT, FLOAT, DATE = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp"
KINDS = {
    INT: "a number",
    FLOAT: "a number",
    "tag:yaml.org,2002:bool": "true or false",
    "tag:yaml.org,2002:null": "nothing",
    DATE: "a date",
}
# The first bytes of files in other encodings. UTF-32 stands before UTF-16, because its mark begins with UTF-16's.
MARKS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
# The usual meaning of YAML's own messages, from its parsers in C and in Python.
MEANINGS = {
    r"\t|cannot start any token": "a tab or a character such as @ or ` begins something: indent with spaces, and write "
    "a text that begins with such a character in quotes",
    r"mapping values are not allowed": "there is a colon too many, or the indentation is wrong: write a text that "
    "holds a colon and a space in quotes",
    r"did not find expected|expected <block end>|could not find expected|expected a comment or a line break": "the "
    "indentation, a bracket or a quotation mark is wrong here or in a line above",
    r"undefined alias": "a name after * is not defined above by a name after &",
    r"single document": "a second document begins (a line ---): a params file holds one",
    r"quoted scalar|end of stream": "a quotation mark is not closed",
    r"determine a constructor": "a word begins with ! or is a lone =, which params files cannot hold: write it in "
    "quotes",
    r"merging": "<<: needs a section of the same file, or a list of sections, such as *name",
    r"special characters|control characters": "there is a character that cannot be seen or printed: delete it",
}


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the content of a params file.

    Raises:
        SitterError: the file does not exist, is not UTF-8 or not YAML, is empty, has a repeated key, a key that is not
            text, or a number in a form that YAML reads as another number. The message names file and line.
    """
    text = _text(path)
    loader = Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise SitterError(f"{path} is empty: it must hold the sections of a study (download:, align:, …).")
        if not isinstance(node, yaml.MappingNode):
            raise SitterError(
                f"{path}, line {_line(node)}: the file holds {_sort(node)}; expected: the sections of a study, each "
                "with its name and a colon (download:, align:, …)."
            )
        problems = list(_problems(path, loader, node, set(), set()))
        if problems:
            raise SitterError("\n".join(problems))
        found: dict[str, Any] = loader.construct_document(node)
        return found
    except yaml.YAMLError as error:
        raise SitterError(_broken(path, text, error)) from None
    finally:
        loader.dispose()


def as_written(files: Sequence[Path], field: Sequence[str]) -> tuple[str, int, str] | None:
    """Return file, line and text of a field, from the last file that has it; None if no file has it."""
    for path in reversed(files):
        try:
            node = yaml.compose(_text(path), Loader=Loader)
        except (SitterError, yaml.YAMLError):
            continue
        for part in field:
            node = _within(node, part)
        if isinstance(node, yaml.ScalarNode):
            return str(path), _line(node), node.value
    return None


def _within(node: Any, part: str) -> Any:
    """Return the node of a field in a section, or of an item in a list; merged sections are searched last."""
    if isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
        return node.value[int(part)]
    if not isinstance(node, yaml.MappingNode):
        return None
    for key, value in node.value:
        if key.value == part:
            return value
    for key, value in node.value:
        if key.tag == MERGE:
            for section in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if (found := _within(section, part)) is not None:
                    return found
    return None


def _text(path: Path) -> str:
    """Return a file's text, which must be UTF-8, since DVC and Snakemake read it so."""
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise SitterError(
            f"{path} does not exist: run from the project's root, or name the file by --params."
        ) from None
    except IsADirectoryError:
        raise SitterError(f"{path} is a folder; expected: a params file.") from None
    encoding = next((name for mark, name in MARKS.items() if content.startswith(mark)), None)
    if encoding is None and b"\x00" in content[:4]:
        encoding = "UTF-16 or UTF-32"
    if encoding is not None:
        raise SitterError(f"{path}, line 1: the file is in {encoding}: save it as UTF-8 in your editor.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The position counts in the file, including a byte-order mark, which the decoded content lacks.
        start = error.start + (3 if content.startswith(b"\xef\xbb\xbf") else 0)
        line = content.count(b"\n", 0, start) + 1
        began = content.rfind(b"\n", 0, start) + 1
        shown = content[began:].split(b"\n")[0].decode("cp1252", errors="replace").strip()[:80]
        raise SitterError(
            f"{path}, line {line}: byte 0x{content[start]:02x} at place {start - began + 1} of the line is not UTF-8 "
            f"(in Windows' encoding the line reads {shown!r}): save the file as UTF-8 in your editor."
        ) from None


def _problems(path: Path, loader: Any, node: Any, seen: set[int], above: set[int]) -> Iterator[str]:
    """Yield faults: keys that are repeated or not text, ambiguous values, and sections that hold themselves."""
    if isinstance(node, yaml.ScalarNode):
        yield from _value_problems(path, loader, node)
        return
    if id(node) in above:
        yield f"{path}, line {_line(node)}: a section holds itself (by & and *): write it out."
        return
    if id(node) in seen:  # an alias of a node that has been checked
        return
    seen.add(id(node))
    above.add(id(node))
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            yield from _key_problems(path, key, lines)
            yield from _problems(path, loader, value, seen, above)
    else:
        for value in node.value:
            yield from _problems(path, loader, value, seen, above)
    above.discard(id(node))


def _key_problems(path: Path, key: Any, lines: dict[str, int]) -> Iterator[str]:
    """Yield what is wrong with a key, and add it to `lines`, the lines of the earlier keys in its section."""
    where = f"{path}, line {_line(key)}"
    if not isinstance(key, yaml.ScalarNode):
        yield f"{where}: a key is {_sort(key)}; expected: a name."
    elif key.tag not in (STRING, MERGE):
        yield (
            f"{where}: YAML reads key {key.value} as {KINDS.get(key.tag, key.tag)}; expected: a name. If it is a name, "
            f'write it in quotes: "{key.value}":'
        )
    elif key.value in lines:
        mend = "Delete one, or join what is under them."
        if key.tag == MERGE:
            mend = "Write both in a list such as <<: [*one, *other]."
        yield (
            f"{where}: key {key.value!r} stands in line {lines[key.value]} already, in the same section: only one of "
            f"the two would count. {mend}"
        )
    else:
        lines[key.value] = _line(key)


def _value_problems(path: Path, loader: Any, node: Any) -> Iterator[str]:
    """Yield faults: dates that do not exist, and numbers that YAML 1.1 (here) and YAML 1.2 (DVC) read differently.

    For example, 010 is 8 or 10, and 12:30 is 750 or text.
    """
    where = f"{path}, line {_line(node)}: {node.value}"
    if node.tag in (INT, FLOAT) and not node.style and re.match(r"[-+]?(0[0-7_]+$|[0-9_]+:)", node.value):
        yield (
            f"{where} is a number in base {8 if ':' not in node.value else 60} to YAML. If it is text, write it in "
            f'quotes: "{node.value}". If it is a number, write it in base 10, without leading zeros or colons.'
        )
    if node.tag == DATE:
        try:
            loader.construct_yaml_timestamp(node)
        except (ValueError, OverflowError) as error:
            yield f'{where} is a date to YAML, but {error}. Write it in quotes: "{node.value}"'


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


def _sort(node: Any) -> str:
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return "a section" if isinstance(node, yaml.MappingNode) else f"the single value {node.value[:40]!r}"


def _broken(path: Path, text: str, error: yaml.YAMLError) -> str:
    """Return one of YAML's errors in plain words: file, line, the line's text, what is wrong."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error).splitlines()[0]
    words = f"{getattr(error, 'context', None) or ''} {problem}"
    meaning = next((m for pattern, m in MEANINGS.items() if re.search(pattern, words)), "")
    if mark is None:
        return f"{path} is not YAML: {meaning or problem}."
    lines = text.splitlines()
    # At the end of the file, the place where the construct began says more.
    if mark.line >= len(lines) and getattr(error, "context_mark", None):
        mark = error.context_mark  # type: ignore[attr-defined]
    shown = lines[mark.line].strip()[:80] if mark.line < len(lines) else ""
    return f"{path}, line {mark.line + 1} ({shown!r}) is not YAML: {meaning or problem}."
