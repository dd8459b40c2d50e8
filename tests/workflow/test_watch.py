"""Both engines watch the user's own files by their content, also behind links and with any names."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.core import files
from pipeline.core.errors import SitterError
from pipeline.plan.jobs import Job
from rules import watch
from rules.dvc_yaml import own_files

AWKWARD = [
    "{detail}.png", "${x}", "\\${x}", "${item.key}", "$HOME", "a*b", "q?", "[z]", "100%", "it's", 'say "x"', " lead",
    "trail ", "new\nline", "-dash", "#hash", "a:b", "c:\\d", "ünï", "~tilde", "${", "&amp", "a,b", "%(x)s", "{{}}",
]  # fmt: skip
NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda name: name not in (".", "..") and len(name.encode()) < 200
)
MADE = frozenset({Path("data/raw/own"), Path("results/report.html")})


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")


def job(*own: str, beside: tuple[str, ...] = ()) -> Job:
    return Job(
        "download", ("own",), (), (Path("data/raw/own"),), (), (), tuple(map(Path, own)), tuple(map(Path, beside))
    )


def write(path: str, text: str = "") -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)
    return Path(path)


def digest(*own: str, **more) -> str:
    return watch.digest(job(*own, **more), MADE)


def test_a_file_replaced_by_an_older_one_is_another():
    file = write("portraits/a/1.png", "one")
    before = digest("portraits")
    file.write_text("two")
    os.utime(file, (1, 1))
    assert digest("portraits") != before


def test_a_file_of_the_same_size_time_and_inode_with_other_content_is_another(monkeypatch):
    monkeypatch.setattr(watch, "JUST_NOW", 0.0)
    file = write("weights.bin", "one")
    os.utime(file, ns=(10**18, 10**18))
    state = file.stat()
    before = digest("weights.bin")
    time.sleep(0.02)  # a file system's clock cannot tell shorter times apart
    with file.open("r+") as opened:
        opened.write("two")
    os.utime(file, ns=(10**18, 10**18))
    after = file.stat()
    assert (state.st_ino, state.st_mtime_ns, state.st_size) == (after.st_ino, after.st_mtime_ns, after.st_size)
    assert digest("weights.bin") != before


def test_the_same_content_at_another_time_or_place_is_the_same(tmp_path):
    write("portraits/a/1.png", "one")
    before = digest("portraits")
    os.utime("portraits/a/1.png")
    assert digest("portraits") == before
    os.rename("portraits/a/1.png", "elsewhere.png")
    os.symlink(os.path.abspath("elsewhere.png"), "portraits/a/1.png")
    assert digest("portraits") == before, "a link to the file is as good as the file, for DVC as well"
    os.rename("portraits/a", "a")
    os.symlink("../a", "portraits/a")
    assert digest("portraits") != before, "DVC does not find the folder where it was"


@pytest.mark.parametrize(
    "change",
    [
        lambda: write("portraits/b/2.png"),
        lambda: os.rename("portraits/a/1.png", "portraits/a/2.png"),
        lambda: os.rename("portraits/a", "portraits/b"),
        lambda: os.remove("portraits/a/1.png"),
        lambda: write("../store/1.png", "other"),
        lambda: write("../store/deep/2.png"),
        lambda: write("portraits/.hidden"),
        lambda: os.symlink("../../../store", "portraits/a/more") or write("../store/deeper/3.png"),
    ],
)
def test_whatever_is_added_removed_renamed_or_changed_behind_links_counts(change):
    write("portraits/a/1.png", "one")
    write("../store/1.png", "linked")
    os.symlink("../../store", "portraits/linked")
    before = digest("portraits")
    change()
    assert digest("portraits") != before


def test_what_has_not_changed_is_not_read_again(monkeypatch):
    read: list[str] = []
    plain = files.sha256
    monkeypatch.setattr(watch, "sha256", lambda path: read.append(path.name) or plain(path))
    monkeypatch.setattr(watch, "JUST_NOW", 0.0)
    for number in range(20):
        write(f"portraits/a/{number}.png", str(number))
    first = digest("portraits")
    assert len(read) == 20
    read.clear()
    write("portraits/a/7.png", "other")
    assert digest("portraits") != first
    assert read == ["7.png"]


def test_a_file_written_just_now_is_read_again(monkeypatch):
    """A later change may get the same time, since clocks of file systems tick slowly."""
    monkeypatch.setattr(watch, "JUST_NOW", 3600.0)
    write("list.csv", "one")
    first = digest("list.csv")
    assert digest("list.csv") == first
    plain = watch._state
    frozen = plain("list.csv")
    write("list.csv", "two")
    monkeypatch.setattr(watch, "_state", lambda path: frozen)
    assert digest("list.csv") != first


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: os.symlink("/nowhere/1.png", "portraits/a/2.png"), "2.png is a broken link to /nowhere/1.png"),
        (lambda: os.symlink("2.png", "portraits/a/2.png"), "2.png is a broken link to 2.png"),
        (lambda: os.mkfifo("portraits/a/pipe"), "pipe is neither a file nor a folder"),
        (lambda: Path(os.fsdecode(b"portraits/a/\xff.png")).touch(), r"has a name that is not UTF-8"),
    ],
)
def test_what_neither_engine_can_watch_is_named(make, words):
    write("portraits/a/1.png")
    make()
    with pytest.raises(SitterError, match=words):
        digest("portraits")


@settings(max_examples=60, deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=4, unique=True))
@example(AWKWARD)
def test_names_may_hold_any_character(tmp_path_factory, names):
    portraits = str(tmp_path_factory.mktemp("names"))
    for name in names:
        write(f"{portraits}/a/{name}", name)
    first = digest(portraits)
    assert digest(portraits) == first
    write(f"{portraits}/a/{names[0]}", "other")
    assert digest(portraits) != first


@settings(max_examples=200, deadline=None)
@given(NAMES)
@example("${x}")
@example("\\${x}")
@example("a\\\\${item.key}")
def test_dvc_reads_the_names_as_they_are(name):
    """DVC reads dvc.yaml in two steps: first the lists of the entries, then the slots for their items."""
    from dvc.parsing.context import Context

    (written,) = own_files(job(f"./{name}"), MADE)
    entry = Context().resolve(yaml.safe_load(yaml.safe_dump(written)))
    assert Context({"item": {"deps": [entry]}}).resolve("${item.deps[0]}") == str(Path(f"./{name}"))


def test_dvc_is_told_of_the_folders_behind_links(tmp_path):
    write("portraits/a/1.png")
    for folder in ("store/b", "store/b/c", "far"):
        write(f"../{folder}/1.png")
    os.symlink("../../store/b", "portraits/b")
    os.symlink(tmp_path / "store/b/c", "portraits/c")  # it is in b already
    os.symlink("../../far", "../store/b/far")  # a link behind a link
    os.symlink("a", "portraits/z")
    os.symlink("../../store/b/1.png", "portraits/a/2.png")  # DVC follows a link to a file by itself
    assert own_files(job("portraits"), MADE) == ["portraits", str(tmp_path / "store/b"), str(tmp_path / "far")]


@pytest.mark.parametrize("target", ["..", "../data/raw", "../data/raw/own", "../.."])
def test_a_link_to_where_the_project_writes_is_named(target):
    write("portraits/1.png")
    write("data/raw/own/1.png")
    os.symlink(target, "portraits/up")
    with pytest.raises(SitterError, match=r"portraits/up is a link to .*, where this project writes"):
        digest("portraits")


def test_a_folder_stands_for_its_files_where_most_of_them_are_read():
    for name in ("images/1.jpg", "images/2.jpg", "images/3.jpg", "mixed/1.jpg", "mixed/2.jpg"):
        write(name)
    for number in range(5):
        write(f"mixed/other-{number}.jpg")
    write("nested/1.jpg")
    write("nested/2.jpg")
    write("nested/deep/3.jpg")
    write("1.jpg")
    read = (
        "images/1.jpg",
        "images/2.jpg",
        "mixed/1.jpg",
        "mixed/2.jpg",
        "nested/1.jpg",
        "nested/2.jpg",
        "1.jpg",
        "gone",
    )
    found = watch.watched(job("list.csv", beside=read), MADE)
    expected = ["list.csv", "images", "mixed/1.jpg", "mixed/2.jpg", "nested/1.jpg", "nested/2.jpg", "1.jpg"]
    assert found == [Path(name) for name in expected]


def test_a_folder_in_which_the_project_writes_never_stands_for_its_files():
    for name in ("1.jpg", "2.jpg", "data/raw/own/1.jpg", "data/raw/own/2.jpg"):
        write(name)
    found = watch.watched(job("list.csv", beside=("1.jpg", "2.jpg", "data/raw/own/1.jpg", "data/raw/own/2.jpg")), MADE)
    assert Path("data/raw/own") not in found
    assert Path(".") not in found
    assert len(found) == 5
