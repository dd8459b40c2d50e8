"""docs/extending.md is correct: its blocks run after each is put into the file that it names."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from pipeline.plan import fingerprint
from tests.workflow.conftest import PROJECT, Workplace

pytestmark = pytest.mark.slow

BLOCK = re.compile(r"^```(?:python|yaml)\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def merge(into: dict[str, Any], new: dict[str, Any]) -> None:
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict) and "kind" not in value:
            merge(into[key], value)
        else:
            into[key] = value


def follow(document: Path, place: Workplace) -> list[str]:
    """Put every block of a document into the file that its first line names; return the new files."""
    new = []
    for where, text in BLOCK.findall(document.read_text()):
        file = place.folder / where
        if where == "params.yaml":
            params = yaml.safe_load(file.read_text())
            merge(params, yaml.safe_load(text))
            file.write_text(yaml.safe_dump(params, sort_keys=False))
        elif file.exists():  # a list of kinds: an import, and a member of the union
            imported, member = text.splitlines()
            before = file.read_text()
            with_import, imports = re.subn(r"\n(?=from pipeline\.params)", f"\n{imported}\n", before, count=1)
            with_member, members = re.subn(r"(?=\s\| )", f"\n{member}", with_import, count=1)
            assert imports == members == 1, where
            file.write_text(with_member)
        else:
            file.write_text(text)
            new.append(where)
    return new


def short(extended: str) -> str:
    """Return the study with one data set, for training and testing, and without entries that use no new kind."""
    params = yaml.safe_load(extended)
    for section in ("render", "overlap", "explain", "identify"):
        params.pop(section, None)
    for section, name in (("align", "photos"), ("split", "photos"), ("fuse", "short")):
        params[section] = {name: params[section][name]}
    params["models"] = {name: params["models"][name] for name in ("base", "mosaic")}
    params["train"]["train_on"] = params["embed"]["datasets"] = ["photos"]
    gap = params["evaluate"]["benchmarks"]["gap"]
    params["evaluate"]["benchmarks"] = {"gap": gap, "photographs": {"kind": "all-pairs", "probe": "photos"}}
    return yaml.safe_dump(params, sort_keys=False)


def test_each_kind_is_two_files_and_two_lines_and_retrains_nothing(workplace: Workplace) -> None:
    images = sorted((workplace.folder / "portraits").rglob("*.png"))
    np.savez(
        workplace.folder / "portraits.npz",
        images=np.stack([np.asarray(Image.open(path)) for path in images]),
        sitters=[path.parent.name for path in images],
    )
    params = (workplace.folder / "params.yaml").read_text()
    # An outside system brings vectors or scores: there is no third kind to add.
    added = fingerprint.KINDS.keys() - {"outside_systems"}
    assert len(follow(PROJECT / "docs/extending.md", workplace)) == 2 * len(added)
    extended = (workplace.folder / "params.yaml").read_text()

    (workplace.folder / "params.yaml").write_text(params)
    assert workplace.snakemake_would_run() == set(), "registering a kind made something stale"

    extended = short(extended)
    wrong = extended.replace("margin: 0.1", "margin: 7")
    (workplace.folder / "params.yaml").write_text(wrong)
    refused = workplace.call("python", "-m", "pipeline", "check", check=False)
    assert "models.mosaic.loss.margin is 7; expected: at most 1" in refused.stdout

    (workplace.folder / "params.yaml").write_text(extended)
    workplace.sync("run")
    metrics = json.loads(workplace.text("results/metrics.json"))
    assert metrics["gap"]["short"]["gap"] > 0
    assert workplace.text("results/curves/quantiles-gap.csv").splitlines()[0] == "model,share,genuine,impostor"
    assert 0 <= metrics["photographs"]["mosaic"]["eer"] < 0.5
    assert "mosaic" in workplace.text("results/report.html")
    for path in ("pipeline/params/losses/single.py", "pipeline/params/metrics/__init__.py"):
        assert (PROJECT / path).read_text() != workplace.text(path)
