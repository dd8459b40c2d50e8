"""A small museum made by the stages themselves: photographs of twelve sitters, a real detector, a real recogniser."""

from __future__ import annotations

import shutil

from PIL import Image

from pipeline.core.layout import Layout
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
    """The study."""
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


def write_museum(at: Layout) -> Study:
    """Make the whole museum in a project; fetches three packages."""
    asked = study()
    for entry in ("orl", "retinaface", "dlib"):
        download.run(asked, entry, at.root)
    for sitter in SITTERS:
        for path in sorted((at.raw("orl") / sitter).iterdir())[:EACH]:
            target = at.root / "few" / sitter / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    blank = at.root / "few/_unidentified" / f"{BLANK}.png"
    blank.parent.mkdir()
    Image.new("RGB", (160, 200), "white").save(blank)
    (at.root / "decisions.csv").write_text("image,verdict,sitter\n")
    (at.root / "corrections.csv").write_text("image_id,box,landmarks,drop\n")
    download.run(asked, "few", at.root)
    align.run(asked, "few", at.root)
    split.run(asked, "few", at.root)
    train.run(asked, "dlib", at.root)
    embed.run(asked, "dlib", "few", at.root)
    identify.run(asked, "who", at.root)
    return asked
