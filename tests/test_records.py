"""The records of the store: each is written as its text here says, and a text that was read is written the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.core.typed_files import as_json, of_json, read_object, write_object
from pipeline.params.identify import Identify
from pipeline.store.candidates import QUESTION
from pipeline.store.overlaps import SUMMARY, Side, Summary
from pipeline.store.questions import GallerySize, KnownPortraits, Pretended, Question, Share, read_question

ASKED = Question(
    question="who",
    probes=("painted",),
    gallery=GallerySize(37, 370),
    model="dlib",
    as_unidentified=("s2",),
    without=(),
    pooling="mean",
    normalise=True,
    calibration="pav",
    candidates=5,
    prior=0.5,
    decisions=None,
    portraits=60,
    accepted=1,
    unsuitable=0,
    known=KnownPortraits(340, 34, 34, 340, first=Share(0.9412, 0.91, 1.0), among=None),
    no_ratios_because="",
    pretended=Pretended(30, 28, 29, 30, ["s2", "é"], 25),
)
QUESTION_AS_TEXT = """{
 "question": "who",
 "probes": [
  "painted"
 ],
 "gallery": {
  "sitters": 37,
  "portraits": 370
 },
 "model": "dlib",
 "as_unidentified": [
  "s2"
 ],
 "without": [],
 "pooling": "mean",
 "normalise": true,
 "calibration": "pav",
 "candidates": 5,
 "prior": 0.5,
 "decisions": null,
 "portraits": 60,
 "accepted": 1,
 "unsuitable": 0,
 "known": {
  "portraits": 340,
  "sitters": 34,
  "calibrated_on": 34,
  "with_their_sitter_in_the_gallery": 340,
  "first": [
   0.9412,
   0.91,
   1.0
  ],
  "among": null
 },
 "no_ratios_because": "",
 "pretended": {
  "in_gallery": 30,
  "first": 28,
  "among": 29,
  "not_in_gallery": 30,
  "absent": [
   "s2",
   "\\u00e9"
  ],
  "none_likelier": 25
 },
 "model_manifest": "abc"
}
"""
SHARED = Summary(Side(400, 40), Side(43, 6), 1, 0, None, None, None, None, "nothing", 0)
SUMMARY_AS_TEXT = """{
 "train": {
  "images": 400,
  "sitters": 40
 },
 "test": {
  "images": 43,
  "sitters": 6
 },
 "near_duplicates": 1,
 "sitters_by_name": 0,
 "sitters_by_embedding": null,
 "model": null,
 "threshold": null,
 "by_chance": null,
 "exclude": "nothing",
 "excluded": 0
}
"""


@pytest.mark.parametrize(
    ("record", "text"),
    [(replace(ASKED, model_manifest="abc"), QUESTION_AS_TEXT), (SHARED, SUMMARY_AS_TEXT)],
    ids=["question", "overlap"],
)
def test_a_record_is_written_as_this_text_and_again_after_it_was_read(tmp_path: Path, record: Any, text: str) -> None:
    file = tmp_path / "record.json"
    write_object(file, record)
    assert file.read_text() == text
    again = read_object(file, type(record))
    write_object(file, again)
    assert file.read_text() == text
    assert as_json(again) == as_json(record)


def test_answers_that_no_stage_has_written_have_no_checksum() -> None:
    assert list(json.loads(QUESTION_AS_TEXT)) == [*as_json(ASKED), "model_manifest"]


def test_a_question_has_the_fields_of_its_entry_in_their_order() -> None:
    assert list(as_json(ASKED))[1 : 1 + len(Identify.model_fields)] == list(Identify.model_fields)


def test_a_record_that_lacks_a_key_is_an_error_with_file_and_key(at: Layout) -> None:
    told = as_json(ASKED)
    del told["known"]["first"]
    at.identify("who").mkdir(parents=True)
    (at.identify("who") / QUESTION).write_text(json.dumps(told))
    with pytest.raises(SitterError, match=r"question\.json: known\.first: Field required\. Run the stage"):
        read_question("who", at)


def test_further_keys_are_ignored(tmp_path: Path) -> None:
    assert of_json(Summary, json.loads(SUMMARY_AS_TEXT) | {"further": 1}, tmp_path / SUMMARY) == SHARED
