"""Names that read the same are recognised as such, and told where they stand in two data sets."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.core.names import alike, nfc, same, spelled_alike, warn_of_alike

FORMS = ("NFC", "NFD", "NFKC", "NFKD")


@given(st.text(), st.sampled_from(FORMS))
@example("O´Neil", "NFKC")
@example("ŉ", "NFKD")
def test_a_name_has_one_encoding_and_one_key_however_it_came(name: str, form: str) -> None:
    other = unicodedata.normalize(form, name)
    assert same(name) == same(other)
    if form in ("NFC", "NFD"):
        assert nfc(name) == nfc(other)
    assert nfc(nfc(name)) == nfc(name)


@given(st.text())
def test_the_key_of_a_key_is_the_key(name: str) -> None:
    assert same(same(name)) == same(name)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Anna van Dyck", "anna_van_dyck"),
        ("Anna van Dyck", " Anna  van\u00a0Dyck "),
        ("Zoë", "ZOE\u0308"),
        ("O'Neil", "O’Neil"),
        ("O'Neil", "O´Neil"),
        ("Anne-Marie", "Anne‑Marie"),
        ("Anna\u200b", "Anna"),
        ("Straße", "STRASSE"),
        ("ﬁne", "fine"),
    ],
)
def test_what_a_reader_overlooks_does_not_count(name: str, other: str) -> None:
    assert same(name) == same(other)


@pytest.mark.parametrize(("name", "other"), [("Anna", "Anne"), ("Zoë", "Zoe"), ("s1", "s 1"), ("Ann B", "AnnB")])
def test_what_a_reader_sees_counts(name: str, other: str) -> None:
    assert same(name) != same(other)


def test_only_names_without_a_partner_are_alike() -> None:
    names, others = {"Ann", "Bea", "zoë", "Eve"}, {"Ann", "ann", "BEA", "Zoë", "Ada"}
    assert alike(names, others) == [("Bea", "BEA"), ("zoë", "Zoë")]


def test_names_written_in_two_ways_are_told_once_with_their_number(capsys: pytest.CaptureFixture[str]) -> None:
    warn_of_alike([f"Sitter {n}" for n in range(9)], [f"sitter_{n}" for n in range(8)], "photos", "paintings")
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "8 sitters of photos" in said
    assert "'Sitter 0' / 'sitter_0'" in said
    warn_of_alike(["Ann"], ["Ann", "Eve"], "photos", "paintings")
    assert capsys.readouterr().err == ""


def test_spellings_of_one_name_are_tied_in_a_chain_and_told(caplog: pytest.LogCaptureFixture) -> None:
    names = ["Ann Lee", "ann_lee", "Bo", "ANN LEE", "Bo"]
    assert spelled_alike(names) == [("ANN LEE", "Ann Lee"), ("Ann Lee", "ann_lee")]
    assert "'ANN LEE' / 'Ann Lee' / 'ann_lee'" in caplog.text
    caplog.clear()
    assert spelled_alike(["Ann", "Bo"]) == []
    assert not caplog.messages
