"""What the licences of weights and data allow a model to be used for."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import params
from pipeline.commands import check
from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.params.licences import describe_licences, materials_of, use_of, use_of_model
from pipeline.store.columns import licence_column
from pipeline.store.raw import RawImage, licences_of_images, write_manifest
from tests.demo import demo


@pytest.mark.parametrize(
    ("licence", "use"),
    [
        ("MIT", "commercial"),
        ("Apache-2.0", "commercial"),
        ("BSD 3-Clause", "commercial"),
        ("CC0-1.0", "commercial"),
        ("CC BY 4.0", "commercial"),
        ("CC-BY-SA-4.0", "commercial"),
        ("public domain", "commercial"),
        ("CC BY-NC 4.0", "non-commercial"),
        ("CC-BY-NC-SA-4.0", "non-commercial"),
        ("InsightFace, for non-commercial research", "non-commercial"),
        ("free for research with credit to AT&T", "non-commercial"),
        ("MIT (code); the weights for non commercial use", "non-commercial"),
        ("http://creativecommons.org/publicdomain/zero/1.0/", "commercial"),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "commercial"),
        ("https://creativecommons.org/licenses/by-sa/4.0/", "commercial"),
        ("https://creativecommons.org/licenses/by-nc-sa/4.0/", "non-commercial"),
        ("http://rightsstatements.org/vocab/NoC-NC/1.0/", "non-commercial"),
        ("http://rightsstatements.org/vocab/InC/1.0/", "unknown"),
        ("https://creativecommons.org/licenses/by-nd/4.0/", "unknown"),
        ("as in the manifest, image by image", "unknown"),
        ("permitted by the museum", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_words_of_a_licence_are_sorted_and_a_doubt_is_no_permission(licence: str | None, use: str) -> None:
    assert use_of(licence) == use


def test_a_model_is_as_free_as_the_strictest_of_what_it_is_made_of() -> None:
    study = params.check(demo())
    assert materials_of(study, "dlib").keys() == {"dlib"}
    assert materials_of(study, "dlib-head").keys() == {"dlib", "orl"}, "paintings are made of photographs"
    assert use_of_model(study, "dlib") == ("commercial", [])
    use, told = use_of_model(study, "dlib-head")
    assert use == "non-commercial"
    assert told == [f"orl ({study.download['orl'].licence})"]
    assert use_of_model(study, "concat-dlib-head")[0] == "non-commercial", "a fusion is what its members are"
    described = "\n".join(describe_licences(study))
    assert described.startswith("commercial use: dlib, effnet\n")
    assert "no commercial use: dlib-head, dlib-lora, effnet-lora, " in described
    assert "weighted-four (of orl (free for research" in described


def test_images_that_state_a_licence_each_go_before_the_word_on_the_whole(
    at: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    """Known once the images are there; those that state none are unknown."""
    study = params.check(demo())
    assert licences_of_images("orl", at) == set()
    at.raw("orl").mkdir(parents=True)
    images = [RawImage(str(i), "x", "s", "") for i in range(3)]
    write_manifest(at.raw("orl"), images)
    assert licences_of_images("orl", at) == set()
    stated = ("CC0-1.0", "CC BY-NC 4.0", "")
    stating = [image._replace(further=licence_column(s)) for image, s in zip(images, stated, strict=True)]
    write_manifest(at.raw("orl"), stating, ["licence"])
    licences = {"orl": licences_of_images("orl", at)}
    assert licences == {"orl": set(stated)}
    assert use_of_model(study, "dlib-head", licences) == ("non-commercial", ["orl (CC BY-NC 4.0)"])
    assert use_of_model(study, "dlib-head", {"orl": {"CC0-1.0", ""}}) == ("unknown", ["orl (not stated)"])
    assert use_of_model(study, "dlib-head", {"orl": {"CC0-1.0"}}) == ("commercial", [])
    check.run(study, at.root)
    assert "dlib-head" in (said := capsys.readouterr().out)
    assert "of orl (CC BY-NC 4.0)" in said


def test_what_is_not_allowed_is_refused_with_the_material_that_it_is_due_to() -> None:
    raw = demo() | {"allow": ["commercial"]}
    with pytest.raises(SitterError) as said:
        params.check(raw)
    lines = str(said.value).splitlines()
    assert len(lines) == len([name for name in (*raw["models"], *raw["fuse"]) if name not in ("dlib", "effnet")])
    assert "models.dlib-head is made of orl (free for research" in lines[0]
    assert "non-commercial use, but allow is commercial" in lines[0]
    assert params.check(demo() | {"allow": ["commercial", "non-commercial"]})


def test_every_licence_of_the_studies_that_ship_is_sorted_unless_it_says_nothing() -> None:
    project = Path(__file__).parents[2]
    for file in (project / "params.yaml", *sorted((project / "studies").glob("*.yaml"))):
        study = params.load(file)
        stated = {source.licence for source in study.download.values() if source.licence}
        unknown = {licence for licence in stated if use_of(licence) == "unknown"}
        assert unknown <= {"as in the manifest, image by image"}, file
