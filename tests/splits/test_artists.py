"""No artist stands on two sides or in two folds if the study asks for it; messages tell of unused images."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from pathlib import Path

import networkx
import numpy as np
import pytest

from pipeline.core.errors import SitterError
from pipeline.core.files import read_csv
from pipeline.core.layout import Layout
from tests.faces.real import shared
from tests.test_split import aligned, run, sides

Row = dict[str, str]


def painted(sitters: int = 60, images: int = 3, artists: int = 120, seed: int = 0) -> list[Row]:
    """Return images with artists drawn at random; some are unknown, and names are written in two ways."""
    random = np.random.default_rng(seed)
    rows = []
    for sitter in range(sitters):
        for image in range(images):
            artist = random.choice(["", "Unknown", f"Painter {random.integers(artists)}", f"painter_{sitter}"])
            rows.append({"image_id": f"{sitter}/{image}", "sitter": f"sitter {sitter}", "artist": str(artist)})
    return rows


def artist_of(row: Row) -> str:
    name = row["artist"].lower().replace("_", " ")
    return "" if name in ("unknown", "unsure", "anonymous") else name


def places(faces: list[Row], rows: list[Row], *columns: str) -> dict[str, set[tuple[str, ...]]]:
    """Return the values of some columns for each artist's used images, such as their subsets."""
    artist = {face["image_id"]: artist_of(face) for face in faces}
    found: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for row in rows:
        if row["subset"] != "unused" and artist[row["image_id"]]:
            found[artist[row["image_id"]]].add(tuple(row[c] for c in columns))
    return found


@pytest.mark.parametrize("how", ["join", "drop"])
@pytest.mark.parametrize("seed", range(5))
def test_each_artist_stands_on_one_side_and_in_one_fold(how: str, seed: int, tmp_path: Path) -> None:
    faces = painted(seed=seed)
    aligned(tmp_path, "set", faces)
    rows = run(tmp_path, test=0.4, val=0.2, folds=4, seed=seed, artists=how)
    assert all(len(place) == 1 for place in places(faces, rows, "subset", "fold").values())
    assert set(sides(rows).values()) == {"train", "val", "test"}
    folds = defaultdict(set)
    for row in rows:
        folds[row["sitter"]].add(row["fold"])
    assert all(len(fold) == 1 for fold in folds.values())
    ignored = run(tmp_path, test=0.4, val=0.2, folds=4, seed=seed)
    assert any(len(place) > 1 for place in places(faces, ignored, "subset").values())


def test_joined_sitters_are_the_components_of_the_graph_of_sitters_and_artists(tmp_path: Path) -> None:
    faces = painted(seed=7)
    aligned(tmp_path, "set", faces)
    rows = run(tmp_path, test=0.5, artists="join", folds=2)
    assert not any(row["subset"] == "unused" for row in rows)
    graph = networkx.Graph()
    for face in faces:
        graph.add_node(face["sitter"])
        if artist_of(face):
            graph.add_edge(face["sitter"], ("artist", artist_of(face)))
    seat = {row["sitter"]: (row["subset"], row["fold"]) for row in rows}
    components = [[seat[n] for n in c if isinstance(n, str)] for c in networkx.connected_components(graph)]
    assert all(len(set(seats)) == 1 for seats in components)
    assert sum(len(seats) > 1 for seats in components) > 1


def test_an_artists_images_stay_where_most_of_them_are(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    faces = painted(seed=3)
    aligned(tmp_path, "set", faces)
    before = {r["image_id"]: r["subset"] for r in run(tmp_path, test=0.4, val=0.2)}
    capsys.readouterr()
    after = {r["image_id"]: r["subset"] for r in run(tmp_path, test=0.4, val=0.2, artists="drop")}
    count: dict[str, Counter[str]] = defaultdict(Counter)
    for face in faces:
        count[artist_of(face)][before[face["image_id"]]] += 1
    for face in faces:
        artist, was, now = artist_of(face), before[face["image_id"]], after[face["image_id"]]
        assert now in (was, "unused")
        if now == "unused":
            assert artist
            assert count[artist][was] <= max(count[artist].values())
        elif artist:
            assert count[artist][was] == max(count[artist].values())
    unused = sum(subset == "unused" for subset in after.values())
    said = capsys.readouterr().err
    assert f"{unused} of their images unused" in said
    assert f"{sum(not artist_of(face) for face in faces)} images without a known artist tie nobody" in said
    table = read_csv(Layout(tmp_path).split("set") / "artists.csv")
    assert sum(int(row["unused"]) for row in table) == unused > 0
    assert {row["artist"] for row in table} == {artist_of(face) for face in faces} - {""}


def test_renderings_of_what_is_left_out_are_left_out_too(tmp_path: Path) -> None:
    faces = painted(seed=4)
    aligned(tmp_path, "set", faces)
    entry = {"kind": "sitters", "test": 0.4, "artists": "drop", "near_duplicates": False}
    left = {r["image_id"] for r in run(tmp_path, test=0.4, artists="drop") if r["subset"] == "unused"}
    aligned(
        tmp_path,
        "painted",
        [{**f, "image_id": f"{f['image_id']}~0", "origin": f["image_id"], "rendering": "0"} for f in faces],
    )
    rows = run(tmp_path, "painted", other={"set": entry}, kind="like", dataset="set")
    assert left
    assert {row["origin"] for row in rows if row["subset"] == "unused"} == left


def test_where_one_artist_ties_all_it_cannot_be_done_and_the_other_way_is_named(tmp_path: Path) -> None:
    aligned(tmp_path, "set", [{"image_id": str(i), "sitter": f"s{i // 2}", "artist": "Rembrandt"} for i in range(40)])
    with pytest.raises(SitterError, match=r"20 are kept together, the largest group 20.*set `artists: drop`"):
        run(tmp_path, test=0.5, artists="join")
    with pytest.raises(SitterError, match=r"one side, .* is left with 0 sitters.*set `artists: join`"):
        run(tmp_path, test=0.5, artists="drop")
    assert not Layout(tmp_path).split("set").exists()


def test_a_data_set_that_names_no_artists_is_explained(tmp_path: Path) -> None:
    rows = [{"image_id": str(i), "sitter": f"s{i // 2}"} for i in range(40)]
    aligned(tmp_path, "set", rows)
    with pytest.raises(SitterError, match=r"faces.csv has no column artist: add it.*columns: \{artist: NAME\}"):
        run(tmp_path, test=0.5, artists="join")
    aligned(tmp_path, "set", [{**row, "artist": "Unsure"} for row in rows])
    with pytest.raises(SitterError, match=r"no image of .* has a known artist"):
        run(tmp_path, test=0.5, artists="join")


def test_on_real_paintings(tmp_path: Path) -> None:
    with open(shared("data", "portraits", "manifest.csv"), newline="", encoding="utf-8") as file:
        faces = [{"image_id": r["image"], "sitter": r["sitter"], "artist": r["artist"]} for r in csv.DictReader(file)]
    aligned(tmp_path, "set", faces)
    for how in ("join", "drop"):
        rows = run(tmp_path, test=0.5, folds=5, artists=how)
        assert all(len(place) == 1 for place in places(faces, rows, "subset", "fold").values())
        images = Counter(row["subset"] for row in rows)
        assert images["unused"] < 0.2 * len(faces), images


def write_artists(root: Path, cells: dict[str, str]) -> None:
    """Write a data set with one sitter for each cell of artists, and three images of each sitter."""
    aligned(
        root,
        "set",
        [{"image_id": f"{s}/{i}", "sitter": s, "artist": c} for s, c in cells.items() for i in range(3)],
    )


def test_all_artists_of_a_cell_tie_its_sitter(tmp_path: Path) -> None:
    cells = {
        "a": "Rembrandt",
        "b": "Rembrandt|Jan Lievens",
        "c": "JAN LIEVENS",
        "d": "Hals, Frans",
        "e": "Leyster & Hals",
    }
    cells |= {"f": "Judith Leyster; Hals, Frans", "g": "Bol and Flinck", "h": "Flinck\nMaes", "i": "Maes / unknown"}
    cells |= {
        "j": "Unknown artist",
        "k": "anonymous|?",
        "l": "Rubens and workshop",
        "m": "Rubens",
        "n": "Workshop of X",
    }
    write_artists(tmp_path, cells)
    rows = run(tmp_path, test=0.5, folds=2, artists="join")
    side = {row["sitter"]: (row["subset"], row["fold"]) for row in rows}
    for tied in ("abc", "df", "ghi", "lm"):
        assert len({side[sitter] for sitter in tied}) == 1
    found = {row["artist"]: row["sitters"] for row in read_csv(Layout(tmp_path).split("set") / "artists.csv")}
    assert found["rembrandt"] == found["jan lievens"] == found["hals, frans"] == found["rubens"] == "2"
    assert not {"unknown", "?", "workshop", "anonymous", "unknown artist"} & found.keys()


def test_with_drop_an_image_of_several_artists_stays_where_all_of_them_stand(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    cells = {f"s{n}": "|".join(f"p{k}" for k in random.choice(12, size=1 + n % 2, replace=False)) for n in range(40)}
    write_artists(tmp_path, cells)
    rows = run(tmp_path, test=0.5, artists="drop")
    side: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row["subset"] != "unused":
            for artist in cells[row["sitter"]].split("|"):
                side[artist].add(row["subset"])
    assert side
    assert all(len(sides) == 1 for sides in side.values())
    assert any(row["subset"] == "unused" for row in rows)


def test_words_for_unknown_artists_come_from_the_study_too(tmp_path: Path) -> None:
    write_artists(tmp_path, {f"s{n}": ("Meister Niemand", "geen", "Hals")[n % 3] for n in range(12)})
    run(tmp_path, test=0.5, artists="join", unknown_artists=["Meister Niemand", "GEEN"])
    assert [row["artist"] for row in read_csv(Layout(tmp_path).split("set") / "artists.csv")] == ["hals"]
