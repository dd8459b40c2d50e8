"""The user's own files: found by the type of their field, the same files whatever links lead to them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipeline import params
from pipeline.core.errors import SitterError
from pipeline.core.own_files import entries, located, named, walk
from pipeline.params.sources import SOURCES
from pipeline.plan.stages import jobs

PROJECT = Path(__file__).parents[1]


def files(folder: Path) -> list[str]:
    return sorted(path.as_posix() for path in walk(folder))


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_files_behind_links_are_found_under_the_names_of_the_links(tmp_path):
    write(tmp_path / "store/inner/1.png")
    write(tmp_path / "store/2.png")
    write(tmp_path / "own/a/3.png")
    (tmp_path / "own/b").symlink_to(tmp_path / "store")
    (tmp_path / "own/a/4.png").symlink_to("../../store/2.png")
    (tmp_path / "link to b").symlink_to("own/b")
    (tmp_path / "own/c").symlink_to(tmp_path / "link to b")  # a link to a link, to a folder that is in already
    assert files(tmp_path / "own") == ["a/3.png", "a/4.png", "b/2.png", "b/inner/1.png"]


def test_a_folder_counts_under_its_own_name_before_that_of_a_link_to_it(tmp_path):
    write(tmp_path / "own/z/1.png")
    (tmp_path / "own/a").symlink_to("z")
    assert files(tmp_path / "own") == ["z/1.png"]


def test_links_that_lead_in_circles_end(tmp_path):
    write(tmp_path / "own/a/1.png")
    (tmp_path / "own/a/up").symlink_to("..")
    (tmp_path / "own/self").symlink_to("self")
    (tmp_path / "own/one").symlink_to("other")
    (tmp_path / "own/other").symlink_to("one")
    found = files(tmp_path / "own")
    assert "a/1.png" in found
    assert set(found) == {"a/1.png", "self", "one", "other"}, "what leads nowhere is a file that cannot be read"


def test_what_is_skipped_is_not_entered(tmp_path):
    write(tmp_path / "own/a/1.png")
    write(tmp_path / "own/@eaDir/2.png")
    assert [path.as_posix() for path in walk(tmp_path / "own", lambda name: name == "@eaDir")] == ["a/1.png"]


def test_a_folder_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SitterError, match="absent cannot be read"):
        list(entries(tmp_path / "absent"))


def test_a_tilde_is_the_home_folder_wherever_a_path_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert located("~/portraits") == tmp_path / "portraits"
    assert located("~nobody-of-this-name/x") == Path("~nobody-of-this-name/x")
    assert located("portraits/") == Path("portraits")


def test_every_option_that_names_a_file_is_known_to_the_engines():
    """An option of another name is found by its type; one called path or root has to have the type."""
    for options in SOURCES.values():
        given = {name: "x" for name in options.model_fields if name in ("path", "root")}
        assert named(options.model_construct(**given)) == given


def test_the_jobs_name_the_users_files_as_the_stages_find_them(tmp_path, monkeypatch):
    raw = yaml.safe_load((PROJECT / "tests/workflow/study.yaml").read_text())
    raw["download"]["photos"] = {"kind": "manifest", "path": "~/list.csv", "root": "~/images"}
    raw["align"]["photos"]["corrections"] = "~/corrections.csv"
    monkeypatch.setenv("HOME", str(tmp_path))
    own = {f"{job.stage} {job.name}": job.own for job in jobs(params.check(raw)) if job.own}
    assert own == {
        "download photos": (tmp_path / "list.csv", tmp_path / "images"),
        "align photos": (tmp_path / "corrections.csv",),
    }
