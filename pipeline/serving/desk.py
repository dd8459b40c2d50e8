"""The state that all browsers share: the study's questions, their decisions, and what each browser can undo."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from threading import Lock
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.core.names import nfc
from pipeline.core.own_files import located
from pipeline.faces.correcting import make_corrections
from pipeline.identification.deciding import Change, DecisionFile, Said, decide, undo, withdraw
from pipeline.identification.decisions import Verdict
from pipeline.identification.sheets import Sheet
from pipeline.serving.answered_question import NO_FILE, AnsweredQuestion, read
from pipeline.store.questions import question_file

if TYPE_CHECKING:
    from pipeline.params import Study

logger = logging.getLogger(__name__)

UNDONE = 200
"""Number of changes that each browser can undo."""
BROWSERS = 64
DONE = {
    "accept": "Accepted as {sitter}.",
    "reject": "Ruled out: {sitter}.",
    "unsure": "Left open.",
    "unsuitable": "Set aside as unsuitable.",
    "": "Taken back.",
}


class Wish(BaseModel):
    """A reviewer's request, made with a button or a key."""

    model_config = ConfigDict(extra="forbid", strict=True)

    verdict: Verdict | None = None
    """The verdict; None: take the earlier verdict back."""
    sitters: list[str] = Field(default=[""], min_length=1, max_length=100)
    """The sitters that the verdict is about; "": the portrait as a whole."""
    by: str = Field(default="", max_length=80)
    note: str = Field(default="", max_length=2000)
    seen: str = Field(max_length=100_000)


@dataclass
class Done:
    """A change that a browser can undo."""

    question: str
    number: int
    change: Change


@dataclass
class Desk:
    """An opened study that several browsers review at the same time."""

    study: Study
    at: Layout
    _read: dict[str, tuple[int, AnsweredQuestion]] = field(default_factory=dict)
    _done: OrderedDict[str, list[Done]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def answered(self) -> list[str]:
        """Return the questions that have been answered, in the study's order."""
        return [name for name in self.study.identify if question_file(name, self.at).exists()]

    def question(self, name: str) -> AnsweredQuestion:
        """Return a question; it is read again after each run.

        Raises:
            KeyError: the study has no such question.
            SitterError: it has not been answered yet.
        """
        if name not in self.study.identify:
            raise KeyError(name)
        file = question_file(name, self.at)
        changed = file.stat().st_mtime_ns if file.exists() else 0
        with self._lock:
            known = self._read.get(name)
            if known is None or known[0] != changed:
                known = self._read[name] = changed, read(self.study, name, self.at)
        return known[1]

    def prepare(self) -> None:
        """Read all questions, and make the files for decisions and corrections that are named but do not exist.

        A new file holds only the header line.

        Raises:
            SitterError: the results of a question are broken.
            OSError: a file cannot be written.
        """
        for name in self.answered():
            question = self.question(name)
            named = [self.study.align[dataset].corrections for dataset in question.entry.probes]
            made = [
                file for path in named if path is not None and make_corrections(file := self.at.root / located(path))
            ]
            if question.decision_file is not None and question.decision_file.make():
                made.append(question.decision_file.file)
            for file in made:
                logger.info(f"{file} was made, with its header line.")

    def sheets(self, question: AnsweredQuestion) -> tuple[list[Sheet], str]:
        """Return the sheets of a question with the current decisions, and why decisions cannot be saved (or "")."""
        file = question.decision_file
        if file is None:
            return question.decided({}), NO_FILE.format(name=question.name)
        try:
            return question.decided(file.read()), ""
        except SitterError as error:
            return question.decided(
                {}
            ), f"Decisions can be neither shown nor saved, because their file has an error. {error}"

    def decide(self, browser: str, name: str, number: int, wish: Wish) -> str:
        """Record a reviewer's decision and return it in words.

        Raises:
            KeyError, IndexError: there is no such question or portrait.
            SitterError: the decision cannot be saved; the message says why.
            OSError: the file cannot be written.
        """
        question = self.question(name)
        file, sheet = self._file(question), question.sheets[number]
        image = sheet.answer.probe[:2]
        sitters = [nfc(sitter) for sitter in wish.sitters]
        unknown = [sitter for sitter in sitters if sitter and sitter not in question.sitters]
        if unknown:
            raise SitterError(f"{unknown[0]!r} is nobody in the gallery: choose a name from the list.")
        if wish.verdict in ("accept", "reject") and "" in sitters:
            raise SitterError(f"The verdict {wish.verdict} needs a sitter.")
        if wish.verdict == "unsuitable" and sitters != [""]:
            raise SitterError("Only a portrait as a whole can be unsuitable.")
        if wish.verdict is None:
            change = withdraw(file, image, sitters, wish.seen)
        else:
            note, by = (" ".join(text.split()) for text in (wish.note, wish.by))
            today = date.today().isoformat()
            said = [Said(wish.verdict, sitter, by, today, note) for sitter in sitters]
            change = decide(file, image, said, wish.seen)
        self._remember(browser, Done(name, number, change))
        words = DONE[wish.verdict or ""].format(sitter=_listed(sitters))
        logger.info(f"{name}, {image[1]}: {words}")
        return words

    def undo(self, browser: str) -> Done | None:
        """Undo the last change of a browser and return it; None if there is none.

        Raises:
            SitterError: the decisions have been changed again since, or cannot be saved.
        """
        with self._lock:
            mine = self._done.get(browser, [])
            last = mine.pop() if mine else None
        if last is None:
            return None
        undo(self._file(self.question(last.question)), last.change)
        logger.info(f"{last.question}, {last.change.image[1]}: undone")
        return last

    def can_undo(self, browser: str) -> bool:
        """Whether a browser has a change that it can undo."""
        return bool(self._done.get(browser))

    def _file(self, question: AnsweredQuestion) -> DecisionFile:
        file = question.decision_file
        if file is None:
            raise SitterError(NO_FILE.format(name=question.name))
        return file

    def _remember(self, browser: str, done: Done) -> None:
        with self._lock:
            mine = self._done.setdefault(browser, [])
            mine.append(done)
            del mine[:-UNDONE]
            self._done.move_to_end(browser)
            while len(self._done) > BROWSERS:
                self._done.popitem(last=False)


def _listed(sitters: Sequence[str]) -> str:
    return ", ".join(sitters)
