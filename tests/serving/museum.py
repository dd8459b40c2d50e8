"""A small museum made by the stages themselves: photographs of twelve sitters, a real detector, a real recogniser."""

from __future__ import annotations

import shutil
from pathlib import Path

from PIL import Image

from pipeline.core import layout
from pipeline.params import Study
from pipeline.stages import align, download, embed, identify, split, train
from tests.demo import demo

SITTERS = [f"s{n}" for n in range(1, 13)]
EACH = 4
HIDDEN = "s5"
"""Of whom the photographs are asked about as if nobody knew them."""

BLANK = "blank"
"""An unidentified portrait on which no face is found."""


def study() -> Study:
    """The study, in the working directory."""
    raw = demo() | {"models": {}, "fuse": {}, "render": {}, "overlap": {}, "explain": None}
    raw["download"] = {k: raw["download"][k] for k in ("orl", "retinaface", "dlib")}
    raw["download"]["few"] = {"kind": "folder", "path": "few", "licence": "free for research"}
    raw["align"] = {"few": raw["align"]["orl"] | {"corrections": "corrections.csv"}}
    raw["split"] = {"few": {"kind": "sitters", "test": 1.0}}
    raw["models"] = {"dlib": demo()["models"]["dlib"]}
    raw["train"]["train_on"], raw["embed"]["datasets"] = [], ["few"]
    raw["evaluate"] = {"benchmarks": {"few": {"kind": "all-pairs", "probe": "few"}}}
    entry = {"probes": ["few"], "gallery": ["few"], "model": "dlib", "as_unidentified": [HIDDEN]}
    raw["identify"] = {"who": entry | {"decisions": "decisions.csv"}}
    return Study.model_validate(raw)


def write_museum() -> Study:
    """Make the whole museum in the working directory; fetches three packages."""
    asked = study()
    for entry in ("orl", "retinaface", "dlib"):
        download.run(asked, entry)
    for sitter in SITTERS:
        for path in sorted((layout.raw("orl") / sitter).iterdir())[:EACH]:
            target = Path("few") / sitter / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    blank = Path("few/_unidentified") / f"{BLANK}.png"
    blank.parent.mkdir()
    Image.new("RGB", (160, 200), "white").save(blank)
    Path("decisions.csv").write_text("image,verdict,sitter\n")
    Path("corrections.csv").write_text("image_id,box,landmarks,drop\n")
    download.run(asked, "few")
    align.run(asked, "few")
    split.run(asked, "few")
    train.run(asked, "dlib")
    embed.run(asked, "dlib", "few")
    identify.run(asked, "who")
    return asked
