"""Decisions are written so that nothing of anybody else is lost, and the next reading takes them."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from pipeline.core.errors import SitterError
from pipeline.identification.deciding import DecisionFile, Outdated, Said, decide, fingerprint, undo, withdraw

ONE, TWO = ("museum", "unknown/1"), ("museum", "unknown/2")
SITTERS = ["Ada Lovelace", "Mary Shelley", "Zoë"]


@pytest.fixture
def at(tmp_path: Path) -> DecisionFile:
    return DecisionFile(tmp_path / "decisions.csv", "identify.who.decisions", [ONE, TWO], SITTERS)


def verdicts(at: DecisionFile, image: tuple[str, str] = ONE) -> list[tuple[str, str]]:
    return [(d.verdict, d.sitter) for d in at.read().get(image, [])]


def test_the_first_decision_makes_the_file(at: DecisionFile) -> None:
    assert at.read() == {}
    decide(at, ONE, [Said("accept", "Zoë", "E. H.", "2026-05-01", 'signed, "Z"')])
    assert at.read()[ONE][0].sentence() == 'accepted as Zoë by E. H., 2026-05-01: signed, "Z"'
    assert at.file.read_text(encoding="utf-8").startswith("image,verdict,sitter,dataset,by,when,evidence\n")


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ([Said("accept", "Zoë"), Said("accept", "Mary Shelley")], [("accept", "Mary Shelley")]),
        ([Said("accept", "Zoë"), Said("reject", "Zoë")], [("reject", "Zoë")]),
        ([Said("reject", "Zoë"), Said("accept", "Mary Shelley")], [("reject", "Zoë"), ("accept", "Mary Shelley")]),
        ([Said("accept", "Zoë"), Said("unsuitable")], [("unsuitable", "")]),
        ([Said("unsuitable"), Said("accept", "Zoë")], [("accept", "Zoë")]),
        ([Said("unsure"), Said("unsuitable")], [("unsuitable", "")]),
        ([Said("unsure"), Said("accept", "Zoë")], [("accept", "Zoë")]),
        ([Said("accept", "Zoë"), Said("unsure")], [("unsure", "")]),
        ([Said("unsure", "Zoë"), Said("reject", "Mary Shelley")], [("unsure", "Zoë"), ("reject", "Mary Shelley")]),
    ],
)
def test_what_is_contradicted_goes_and_the_rest_stays(
    at: DecisionFile, said: list[Said], left: list[tuple[str, str]]
) -> None:
    for one in said:
        decide(at, ONE, [one])
    assert verdicts(at) == left


def test_every_sequence_of_verdicts_leaves_a_file_that_can_be_read(at: DecisionFile) -> None:
    from itertools import product

    every = [Said("accept", "Zoë"), Said("reject", "Zoë"), Said("unsure", "Zoë"), Said("unsure"), Said("unsuitable")]
    every += [Said("accept", "Mary Shelley")]
    for sequence in product(every, repeat=3):
        at.file.unlink(missing_ok=True)
        for one in sequence:
            decide(at, ONE, [one])
        assert verdicts(at)[-1] == (sequence[-1].verdict, sequence[-1].sitter)


def test_undo_restores_the_rows_with_all_their_columns(at: DecisionFile) -> None:
    before = "image;verdict;sitter;room;by\nunknown/2;reject;Zoë;7;A. B.\nunknown/1;accept;Zoë;12;A. B.\n"
    at.file.write_bytes(b"\xef\xbb\xbf" + before.encode())
    change = decide(at, ONE, [Said("accept", "Ada Lovelace", "E. H.")])
    assert verdicts(at) == [("accept", "Ada Lovelace")]
    text = at.file.read_bytes()
    assert text.startswith(b"\xef\xbb\xbfimage;verdict;sitter;room;by;dataset;when;evidence\n")
    assert "unknown/2;reject;Zoë;7;A. B." in text.decode()
    again = undo(at, change)
    assert "unknown/1;accept;Zoë;12;A. B." in at.file.read_text(encoding="utf-8-sig")
    undo(at, again)
    assert verdicts(at) == [("accept", "Ada Lovelace")]


def test_undo_refuses_where_somebody_else_has_decided_since(at: DecisionFile) -> None:
    change = decide(at, ONE, [Said("accept", "Zoë")])
    decide(at, ONE, [Said("reject", "Zoë", "another")])
    with pytest.raises(Outdated, match="changed again since"):
        undo(at, change)
    assert verdicts(at) == [("reject", "Zoë")]


def test_a_decision_on_what_is_no_longer_so_is_refused(at: DecisionFile) -> None:
    seen = fingerprint(at.read().get(ONE, []))
    decide(at, ONE, [Said("accept", "Zoë")], seen)
    with pytest.raises(Outdated, match="in the meantime"):
        decide(at, ONE, [Said("reject", "Zoë")], seen)
    decide(at, TWO, [Said("reject", "Zoë")], seen)  # another portrait
    assert verdicts(at) == [("accept", "Zoë")]


def test_a_portrait_s_decisions_are_taken_back_one_by_one(at: DecisionFile) -> None:
    decide(at, ONE, [Said("reject", "Zoë"), Said("reject", "Mary Shelley"), Said("unsure")])
    withdraw(at, ONE, ["Zoë"])
    assert verdicts(at) == [("reject", "Mary Shelley"), ("unsure", "")]
    withdraw(at, ONE, [""])
    assert verdicts(at) == [("reject", "Mary Shelley")]


def test_many_at_once_lose_nothing(at: DecisionFile) -> None:
    images = [("museum", f"unknown/{n}") for n in range(24)]
    many = DecisionFile(at.file, at.field, images, SITTERS)
    gate = threading.Barrier(8)

    def work(worker: int) -> None:
        gate.wait()
        for image in images[worker::8]:
            decide(many, image, [Said("accept", "Zoë", f"worker {worker}")])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {image: [d.sitter for d in said] for image, said in many.read().items()}
    assert found == {image: ["Zoë"] for image in images}


def test_a_fault_in_the_file_is_told_and_nothing_is_written(at: DecisionFile) -> None:
    at.file.write_text("image,verdict,sitter\nunknown/1,accept,Nobody\n")
    before = at.file.read_bytes()
    with pytest.raises(SitterError, match="line 2: sitter 'Nobody' is not in the gallery"):
        decide(at, TWO, [Said("accept", "Zoë")])
    assert at.file.read_bytes() == before


def test_a_link_stays_a_link_and_permissions_stay(at: DecisionFile, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "list.csv"
    real.parent.mkdir()
    real.write_text("sep=;\r\nimage;verdict;sitter\n")
    real.chmod(0o640)
    at.file.symlink_to(real)
    decide(at, ONE, [Said("accept", "Zoë")])
    assert at.file.is_symlink()
    assert os.stat(real).st_mode & 0o777 == 0o640
    assert real.read_text().startswith("sep=;\nimage;verdict;sitter;")
    assert verdicts(at) == [("accept", "Zoë")]
