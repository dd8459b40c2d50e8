"""The stage download fails loudly and loses nothing: the real command, in a project of its own, with real faults."""

from __future__ import annotations

import csv
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.core.files import sha256
from tests.demo import data_only
from tests.sources.pictures import picture
from tests.sources.site import Site, serving
from tests.suite.environment import environment

PROJECT = Path(__file__).parents[1]


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as running:
        yield running


class Project:
    """A folder with a params file, in which the command is run as a user would."""

    def __init__(self, home: Path) -> None:
        self.home, self.raw = home, home / "data/raw"
        self.environment = environment(SITTER_CACHE=home / "cache", NO_PROXY="127.0.0.1")

    def study(self, **entries: dict[str, Any]) -> None:
        """A study that only downloads."""
        study = data_only() | {"download": entries, "render": {}, "align": {}, "split": {}}
        (self.home / "params.yaml").write_text(yaml.safe_dump(study))

    def start(self, entry: str, *before: str, **options: Any) -> subprocess.Popen[str]:
        command = [*before, sys.executable, "-m", "pipeline", "download", entry]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=self.home, env=self.environment, **pipes, **options)

    def download(self, entry: str, *before: str, **options: Any) -> tuple[int, str, str]:
        """Exit status, output, messages."""
        process = self.start(entry, *before, **options)
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in err, err
        return process.returncode, out, err

    def rows(self, entry: str) -> list[dict[str, str]]:
        with open(self.raw / entry / "manifest.csv", newline="") as file:
            return list(csv.DictReader(file))

    def leftovers(self) -> list[str]:
        """What is neither output nor lock below data/raw."""
        return [p.name for p in self.raw.glob(".*") if p.suffix != ".lock"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def archive(home: Path, *names: str) -> dict[str, str]:
    """A zip of images, and the entry that takes it."""
    with zipfile.ZipFile(home / "faces.zip", "w") as made:
        for i, name in enumerate(names):
            made.writestr(name, picture(i))
    return {"kind": "archive", "path": "faces.zip", "sha256": sha256(home / "faces.zip"), "contents": "images"}


def web_list(home: Path, site: Site, count: int, size: int = 24) -> dict[str, Any]:
    """Images on a web site, a list of them, and the entry that takes it."""
    site.files |= {f"/{i}.png": picture(i, "PNG", size) for i in range(count)}
    lines = [f"s{i % 5},{site.url}/{i}.png" for i in range(count)]
    (home / "list.csv").write_text("\n".join(["sitter,url", *lines]) + "\n")
    return {"kind": "manifest", "path": "list.csv", "backoff": 0.01, "workers": 2}


def until(condition: Any, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_images_arrive_with_an_account_of_each_and_of_their_source(project: Project) -> None:
    entry = archive(project.home, "s2/1.jpg", "s10/1.jpg", "s1/10.jpg", "s1/9.jpg")
    project.study(faces={**entry, "licence": "CC0"})
    status, out, err = project.download("faces")
    assert (status, out) == (0, ""), err
    assert err.splitlines()[-1] == "faces: 4 images of 3 sitters in data/raw/faces (CC0)"
    rows = project.rows("faces")
    assert list(rows[0]) == ["image_id", "path", "sitter", "sha256", "licence"]
    assert [r["image_id"] for r in rows] == ["s1/9", "s1/10", "s2/1", "s10/1"]
    assert all(sha256(project.raw / "faces" / r["path"]) == r["sha256"] for r in rows)
    assert json.loads((project.raw / "faces/source.json").read_text()) == {"entry": "faces", **entry, "licence": "CC0"}


def test_weights_arrive_with_the_plain_manifest(project: Project) -> None:
    (project.home / "net.onnx").write_bytes(b"weights")
    project.study(net={"kind": "file", "path": "net.onnx"})
    status, out, err = project.download("net")
    assert (status, out) == (0, ""), err
    assert err.splitlines()[-1] == "net: net.onnx, 0.0 MB, in data/raw/net"
    assert [r["path"] for r in project.rows("net")] == ["net.onnx", "source.json"]


@pytest.mark.slow
def test_the_same_source_gives_the_same_bytes(project: Project) -> None:
    project.study(faces=archive(project.home, "a/1.jpg", "b/1.jpg"))
    found = []
    for _ in range(2):
        project.download("faces")
        found.append({p.name: sha256(p) for p in (project.raw / "faces").rglob("*") if p.is_file()})
        shutil.rmtree(project.raw)
    assert found[0] == found[1]


def test_an_unknown_entry_is_answered_with_the_nearest(project: Project) -> None:
    project.study(faces=archive(project.home, "a/1.jpg"))
    status, _, err = project.download("face")
    assert status == 1
    assert "did you mean 'faces'?" in err


@pytest.mark.parametrize("fault", ["checksum", "hostile", "absent"])
@pytest.mark.slow
def test_what_stood_there_before_survives_a_failure(project: Project, fault: str) -> None:
    good = archive(project.home, "a/1.jpg", "b/1.jpg")
    project.study(faces=good)
    assert project.download("faces")[0] == 0
    before = project.rows("faces")
    if fault == "checksum":
        project.study(faces={**good, "sha256": "0" * 64})
    elif fault == "hostile":
        project.study(faces=archive(project.home, "a/1.jpg", "../../../pwned.jpg"))
    else:
        project.study(faces={**good, "path": "elsewhere.zip"})
    status, _, err = project.download("faces")
    assert status == 1
    assert {"checksum": good["sha256"], "hostile": "refused", "absent": "elsewhere.zip"}[fault] in err
    assert project.rows("faces") == before
    assert (project.raw / "faces" / before[0]["path"]).exists()
    assert not project.leftovers()
    assert not list(project.home.rglob("pwned*"))


def test_a_full_disk_is_named_and_costs_nothing(project: Project) -> None:
    """A file system of 2 MB, in a mount namespace of its own."""
    probe = subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True)
    if probe.returncode:
        pytest.skip("needs the right to mount a small file system")
    images = project.home / "mine"
    for i in range(40):
        (images / f"s{i % 4}").mkdir(parents=True, exist_ok=True)
        (images / f"s{i % 4}/{i}.png").write_bytes(picture(i, "PNG", 160))
    assert sum(p.stat().st_size for p in images.rglob("*.png")) > 2 << 20
    project.study(mine={"kind": "folder", "path": "mine"})
    (project.home / "data").mkdir()
    small = 'mount -t tmpfs -o size=2m none data && mkdir -p data/raw/mine && echo old > data/raw/mine/old && "$@"; '
    small += "status=$?; cat data/raw/mine/old; ls -A data/raw | grep -v lock; df --output=used -k data | tail -1; "
    small += "exit $status"
    status, out, err = project.download("mine", "unshare", "-rm", "sh", "-c", small, "sh")
    assert status == 1
    assert "download.mine: no room left for data/raw/mine" in err
    assert "No space left on device" in err
    old, mine, used = out.split()
    assert (old, mine) == ("old", "mine")
    assert int(used) < 50  # kilobytes: the half copy is gone


@pytest.mark.slow
def test_a_limit_on_file_size_is_named_and_costs_nothing(project: Project) -> None:
    (project.home / "net.onnx").write_bytes(bytes(300_000))
    project.study(net={"kind": "file", "path": "net.onnx"})

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    status, _, err = project.download("net", preexec_fn=limited)
    assert status == 1
    assert "download.net: no room left" in err
    assert not (project.raw / "net").exists()
    assert not project.leftovers()
    assert project.download("net")[0] == 0


@pytest.mark.slow
def test_a_killed_download_goes_on_where_it_was(project: Project, site: Site) -> None:
    project.study(faces=web_list(project.home, site, 30))
    site.pause = 0.05
    process = project.start("faces")
    until(lambda: len(site.asked) >= 10)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (project.raw / "faces").exists()  # whole or absent
    site.pause, first = 0.0, len(site.asked)
    status, _, err = project.download("faces")
    assert status == 0, err
    assert len(project.rows("faces")) == 30
    again = set(site.paths()[:first]) & set(site.paths()[first:])
    assert len(again) <= 4  # those that were under way
    assert not project.leftovers()


@pytest.mark.slow
def test_a_download_cut_off_in_one_large_file_goes_on_in_its_middle(project: Project, site: Site) -> None:
    content = os.urandom(2_000_000)
    site.files["/net.onnx"] = content
    (project.home / "reference").write_bytes(content)
    checksum = sha256(project.home / "reference")
    project.study(net={"kind": "file", "url": f"{site.url}/net.onnx", "sha256": checksum})
    site.pause = 0.1
    scratch = project.home / "cache/sha256" / f"{checksum}.part/file"
    process = project.start("net")
    until(lambda: scratch.exists() and scratch.stat().st_size > 400_000)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    site.pause = 0.0
    status, _, err = project.download("net")
    assert status == 0, err
    assert int(site.asked[-1][1].removeprefix("bytes=").rstrip("-")) > 400_000
    assert sha256(project.raw / "net/net.onnx") == checksum


@pytest.mark.parametrize("pause", [0.05, 20])
def test_ctrl_c_ends_it_at_once_and_cleanly(project: Project, site: Site, pause: float) -> None:
    """Also where a server keeps us waiting."""
    project.study(faces=web_list(project.home, site, 200))
    site.pause = pause
    process = project.start("faces")
    until(lambda: len(site.asked) >= 2)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - start < 5
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "run it again to go on" in err
    assert not (project.raw / "faces").exists()
    assert not project.leftovers()


@pytest.mark.slow
def test_two_runs_at_once_fetch_once_and_both_succeed(project: Project, site: Site) -> None:
    project.study(faces=web_list(project.home, site, 12))
    site.pause = 0.05
    processes = [project.start("faces") for _ in range(2)]
    messages = [p.communicate(timeout=120)[1] for p in processes]
    assert [p.returncode for p in processes] == [0, 0], messages
    assert any("another run is working on it" in m for m in messages)
    assert sorted(site.paths()) == sorted(f"/{i}.png" for i in range(12))
    assert len(project.rows("faces")) == 12


@pytest.mark.slow
def test_two_projects_at_once_share_one_fetch(project: Project, site: Site, tmp_path: Path) -> None:
    site.files["/net.onnx"] = os.urandom(300_000)
    (tmp_path / "reference").write_bytes(site.files["/net.onnx"])
    site.pause = 0.1
    projects = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        other = Project(tmp_path / name)
        other.environment["SITTER_CACHE"] = str(tmp_path / "cache")
        other.study(net={"kind": "file", "url": f"{site.url}/net.onnx", "sha256": sha256(tmp_path / "reference")})
        projects.append(other)
    processes = [p.start("net") for p in projects]
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert len(site.asked) == 1
    assert sha256(projects[1].raw / "net/net.onnx") == sha256(tmp_path / "reference")


def test_importing_the_stage_loads_nothing_heavy() -> None:
    code = "import sys, pipeline.stages.download; print(*{m.partition('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert not {"torch", "cv2", "pyarrow", "numpy", "requests", "PIL"} & set(done.stdout.split())
