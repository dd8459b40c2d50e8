"""Words for nobody are known in whatever form a museum writes them, and names stay names."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.nobody import is_helper, nobody

NOBODY = """
Unknown | unknown | UNKNOWN | unidentified | Anonymous | anon. | N.N. | N. N. | NN | n/a | NA | none | nan | Null | #N/A
? | ?? | - | – | … | | [unknown] | (Unknown) | <unknown> | unknown? | unidentified man | Unknown woman | An Unknown Lady
unknown_artist | Artist unknown | Unknown Sitter | Unknown (male) | Sitter not identified | not known
Portrait of a Man | Portrait of an unidentified gentleman | Unknown man, formerly called Raleigh
Anonymous (Dutch) | Anonymous, 17th century
Unknown artist, Flemish | unbekannt | Unbekannte Frau | unbekannter Künstler | Bildnis eines Mannes | anonym
nicht bekannt | inconnu | Femme inconnue | Portrait d'un inconnu | Portrait d’homme | anonyme | non identifié | onbekend
Onbekende man | ignoto | Ritratto di ignoto | desconocido | Anónimo | desconhecido | okänd | неизвестный | 佚名 | 不明
"""
SOMEBODY = """
Ann | A | Na | Nan | Nil | Young | Man | Mann | Thomas Mann | A. Mann | King | Master | Lady | 12 | 0 | s1 | No
Ann Unknown | Unknown, Ann | Unknown 3 | unknown man (3) | unnamed-12 | The Master of Frankfurt | Nobody Owens
Hals, Frans | 子 | 😺 | Mary, Queen of Scots | male | person_01 | Christopher Null
"""


def names(listed: str) -> list[str]:
    return [name.strip() for line in listed.strip().splitlines() for name in line.split("|")]


@pytest.mark.parametrize("name", names(NOBODY))
def test_a_word_for_nobody_is_nobody(name: str) -> None:
    assert nobody()(name)
    assert nobody()(unicodedata.normalize("NFD", name))


@pytest.mark.parametrize("name", names(SOMEBODY))
def test_a_name_is_somebody(name: str) -> None:
    assert not nobody()(name)


@given(st.sampled_from(["unknown", "inconnu", "n.n.", "unbekannte dame"]), st.booleans(), st.sampled_from(' _.-?!"*'))
def test_case_spaces_and_punctuation_do_not_matter(name: str, upper: bool, mark: str) -> None:
    written = (name.upper() if upper else name).replace(" ", mark if mark in " _" else " ")
    assert nobody()(f"{mark}{written}{mark}")


@given(st.from_regex(r"[0-9]{1,9}", fullmatch=True))
def test_labels_of_training_sets_are_sitters(label: str) -> None:
    assert not nobody()(label)


def test_a_study_adds_words_and_takes_names_out() -> None:
    is_nobody = nobody(also=["Mister X", "geen"], names=["Anonymous", "NONE"])
    assert [is_nobody(n) for n in ("mister_x", "GEEN", "anonymous", "None", "Unknown")] == [
        True,
        True,
        False,
        False,
        True,
    ]


def test_helpers_beside_a_name_are_no_artists() -> None:
    assert all(map(is_helper, ("workshop", "his Workshop", "another", "et al.")))
    assert not any(map(is_helper, ("Rubens", "Workshop of Rubens", "de")))
