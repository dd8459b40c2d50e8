"""Pictures are dropped in real Chromium, with a real detector and recogniser: found, corrected, compared, forgotten."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from pipeline.core.files import read_csv
from pipeline.core.layout import Layout
from pipeline.stages import align, identify
from pipeline.store.embeddings import read_embeddings, write_embeddings
from tests.programs import needs
from tests.serving.browser import chromium, served, watched
from tests.serving.museum import BLANK, EACH, study, write_museum

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from pipeline.serving.server import Served

pytestmark = [pytest.mark.slow, pytest.mark.service, pytest.mark.network, needs("chromium")]
SCALE = 3


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """Return the layout of the museum's project."""
    return Layout(tmp_path_factory.mktemp("museum"))


@pytest.fixture(scope="module")
def museum(home: Layout) -> Iterator[Served]:
    with served(write_museum(home), home) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, museum: Served) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 1280, "height": 1000}) as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(museum.address)
        page.get_by_role("link", name="Choose a picture").click()
        page.wait_for_selector("#drop-0")
        page.wait_for_load_state("networkidle")
        yield page


def photograph(home: Layout, sitter: str, number: int = EACH + 2) -> Image.Image:
    """A photograph that is not in the study: RGB, 276×336."""
    path = sorted((home.raw("orl") / sitter).iterdir())[number]
    image = Image.open(path).convert("RGB")
    return image.resize((image.width * SCALE, image.height * SCALE), Image.Resampling.LANCZOS)


def both(home: Layout, left: str, right: str) -> Image.Image:
    """Two sitters side by side; the left one is larger."""
    one, other = photograph(home, left), photograph(home, right)
    other = other.resize((other.width * 4 // 5, other.height * 4 // 5))
    image = Image.new("RGB", (one.width + other.width + 60, one.height), "white")
    image.paste(one, (0, 0))
    image.paste(other, (one.width + 60, 20))
    return image


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def drop(page: Page, files: dict[str, bytes], place: int = 0) -> None:
    """Drop files as a person does: from outside, on a field of the page."""
    given = [[name, base64.b64encode(data).decode()] for name, data in files.items()]
    transfer = page.evaluate_handle(
        """given => { const all = new DataTransfer();
        for (const [name, data] of given)
            all.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name));
        return all; }""",
        given,
    )
    page.dispatch_event(f"#drop-{place}", "drop", {"dataTransfer": transfer})


def said(page: Page, text: str, where: str = "status") -> str:
    script = "([where, text]) => document.getElementById(where).textContent.includes(text)"
    page.wait_for_function(script, arg=[where, text])
    return page.inner_text(f"#{where}")


def first(page: Page, place: int = 0) -> str:
    """The first candidate of a picture."""
    return page.inner_text(f"#name-{place}-1").partition(". ")[2]


def test_drop_a_picture_and_see_who_it_may_be(page: Page, museum: Served, home: Layout) -> None:
    heard: list[str] = []
    watched(page, heard)
    before = sorted(path for path in home.root.rglob("*") if path.is_file())
    drop(page, {"unknown <b>.png": png(photograph(home, "s3"))})
    assert said(page, "first candidate s3").startswith("unknown <b>.png: 1 face")
    assert first(page) == "s3"
    page.get_by_text("support for this sitter").first.wait_for()
    page.get_by_role("heading", name="None of these").wait_for()
    page.wait_for_function("() => [...document.querySelectorAll('main img')].every((image) => image.naturalWidth > 20)")
    with page.expect_download() as download:
        page.get_by_role("link", name="Save the sheet").click()
    sheet = Path(download.value.path()).read_text()
    assert "unknown &lt;b&gt;.png" in sheet
    assert "<script" not in sheet
    page.reload()
    assert first(page) == "s3"  # until it is told to forget
    assert all(line.startswith(f"request: http://{museum.door.hosts[0]}/") for line in heard), heard

    page.get_by_role("button", name="Forget the pictures").click()
    said(page, "the pictures are no longer kept")
    assert page.locator(".handed").count() == 0
    assert page.request.get(f"http://{museum.door.hosts[0]}/look/0/whole.jpg").status == 404
    assert sorted(path for path in home.root.rglob("*") if path.is_file()) == before


def test_choose_another_face_and_correct_the_box(page: Page, home: Layout) -> None:
    drop(page, {"both.png": png(both(home, "s3", "s9"))})
    said(page, "2 faces")
    assert first(page) == "s3"
    page.get_by_role("button", name="Face 2").click()
    said(page, "first candidate s9")
    assert first(page) == "s9"

    page.get_by_role("button", name="Draw the box").click()
    frame = page.locator("svg.whole-picture").bounding_box()
    assert frame is not None
    scale = frame["width"] / both(home, "s3", "s9").width
    corners = [(40, 60), (240, 300)]
    (x0, y0), (x1, y1) = ((frame["x"] + x * scale, frame["y"] + y * scale) for x, y in corners)
    page.mouse.move(x0, y0)
    page.mouse.down()
    page.mouse.move((x0 + x1) / 2, (y0 + y1) / 2)
    page.mouse.move(x1, y1)
    page.mouse.up()
    said(page, "first candidate s3")
    page.get_by_text("The box was drawn by a person.").wait_for()
    assert page.get_by_role("button", name="Face 2").count() == 0

    page.get_by_text("The box in numbers").click()
    for label, value in (("Left", "9000"), ("Top", "0"), ("Right", "9900"), ("Bottom", "10")):
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Use this box").click()
    said(page, "not within the picture", "trouble")
    page.get_by_role("button", name="Find the face again").click()
    said(page, "2 faces")


def test_the_wrong_face_of_a_portrait_in_review_is_corrected_for_the_next_run(
    page: Page, museum: Served, home: Layout
) -> None:
    page.goto(f"http://{museum.door.hosts[0]}/who/who/1")
    page.wait_for_selector(".card.chosen")
    image_id = page.inner_text("#who")
    page.get_by_role("button", name="The face is wrong").click()
    page.wait_for_url("**/look")
    said(page, f"{image_id}: 1 face")
    assert page.inner_text("#name-of-0") == image_id
    page.get_by_text("The box in numbers").click()
    for label, value in (("Left", "12"), ("Top", "24"), ("Right", "80"), ("Bottom", "104")):
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Use this box").click()
    page.get_by_text("The box was drawn by a person.").wait_for()
    box = [float(page.input_value(f"#box-0-{n}")) for n in range(4)]
    page.get_by_role("button", name="Keep this box for the next run").click()
    said(page, "Saved in corrections.csv")
    row = read_csv(home.root / "corrections.csv")[-1]
    assert row["image_id"] == image_id
    assert [round(float(side)) for side in row["box"].split()] == box
    page.get_by_role("link", name="Back to the review").click()
    assert page.inner_text("#who") == image_id
    align.run(study(), "few", home.root)
    found = {row["image_id"]: row for row in read_csv(home.faces("few") / "faces.csv")}
    assert found[image_id]["corrected"] == "box"
    assert len([name for name, row in found.items() if row["corrected"]]) == len(
        read_csv(home.root / "corrections.csv")
    )


def test_a_portrait_without_a_face_is_named_and_its_box_is_drawn_for_the_next_run(
    page: Page, museum: Served, home: Layout
) -> None:
    page.goto(f"http://{museum.door.hosts[0]}/who/who")
    page.get_by_text("No face was found on 1 unidentified portrait").click()
    page.get_by_role("button", name=f"{BLANK}").click()
    page.wait_for_url("**/look")
    said(page, "no face was found")
    page.get_by_text("The box in numbers").click()
    page.get_by_label("Left", exact=True).fill("40")
    page.get_by_role("button", name="Use this box").click()
    page.get_by_text("The box was drawn by a person.").wait_for()
    page.get_by_role("button", name="Keep this box for the next run").click()
    said(page, "Saved in corrections.csv")
    row = next(row for row in read_csv(home.root / "corrections.csv") if BLANK in row["image_id"])
    assert [float(side) for side in row["box"].split()] == [40, 0, 160, 200]
    assert page.get_by_role("link", name="Back to the review").get_attribute("href") == "/who/who"


def test_two_pictures_are_compared(page: Page, home: Layout) -> None:
    drop(page, {"a.png": png(photograph(home, "s3", 5)), "b.png": png(photograph(home, "s3", 7))})
    page.wait_for_selector(".alike")
    alike = page.inner_text(".alike")
    assert "support for the same sitter" in alike
    assert "Likelihood ratio" in alike
    drop(page, {"c.png": png(photograph(home, "s9"))}, place=1)
    said(page, "c.png: 1 face")
    assert page.inner_text(".alike") != alike
    assert [first(page, 0), first(page, 1)] == ["s3", "s9"]
    page.get_by_role("button", name="Compare with s3, enlarged").first.click()
    page.get_by_role("dialog", name="Side by side").wait_for()


def test_a_new_run_is_noticed(page: Page, home: Layout) -> None:
    drop(page, {"a.png": png(photograph(home, "s3"))})
    said(page, "first candidate s3")
    folder, table = home.embeddings("dlib", "few"), read_embeddings("dlib", "few", home)
    other = {"s3": "s4", "s4": "s3"}
    names = [f"{other.get(sitter, sitter)}/{name}" for sitter, _, name in (i.partition("/") for i in table.image_ids)]
    write_embeddings(folder, table.image_ids, table.select(names))  # both change places
    identify.run(study(), "who", home.root)
    drop(page, {"a.png": png(photograph(home, "s3"))})
    said(page, "first candidate s4")
    write_embeddings(folder, table.image_ids, table.vectors)
    identify.run(study(), "who", home.root)


def test_another_browser_sees_nothing_of_it(browser: Browser, museum: Served, page: Page, home: Layout) -> None:
    drop(page, {"mine.png": png(photograph(home, "s3"))})
    said(page, "mine.png")
    with browser.new_context() as context:
        other = context.new_page()
        other.goto(museum.address)
        other.goto(f"http://{museum.door.hosts[0]}/look")
        assert "mine.png" not in other.content()
        assert other.request.get(f"http://{museum.door.hosts[0]}/look/0/whole.jpg").status == 404


def bomb(side: int) -> bytes:
    """A PNG of side × side black pixels, some hundred kilobytes long."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer, row = zlib.compressobj(9), bytes(1 + (side + 7) // 8)
    packed = b"".join(packer.compress(row * 100) for _ in range(side // 100)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("bomb.png", bomb(50_000), "bomb.png is too large: 50000×50000 pixels are 2,500 megapixels"),
        ("letter.jpg", b"Dear Sir, enclosed is a portrait.", "letter.jpg: no image but text, which begins 'Dear Sir"),
        ("half.png", png(Image.new("RGB", (300, 300)))[:200], "half.png: the image is"),
        ("empty.png", b"", "empty.png: the file is empty"),
        ("page.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "page.svg: no image"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_what_is_no_picture_is_told_politely(page: Page, name: str, data: bytes, told: str, home: Layout) -> None:
    drop(page, {name: data})
    said(page, told, "trouble")
    assert page.locator(".handed").count() == 0
    drop(page, {"good.png": png(photograph(home, "s3"))})
    said(page, "first candidate s3")


def test_too_many_and_too_long_files_are_told_before_they_are_sent(page: Page) -> None:
    drop(page, {f"{n}.png": b"x" for n in range(3)})
    said(page, "3 pictures are too many", "trouble")
    page.evaluate("document.getElementById('look').dataset.most = '0.00001'")
    drop(page, {"long.png": b"x" * 100})
    said(page, "long.png is too large", "trouble")


def test_a_picture_without_a_face_asks_for_a_box(page: Page) -> None:
    drop(page, {"white.png": png(Image.new("RGB", (400, 400), "white"))})
    said(page, "no face was found")
    page.get_by_role("button", name="Draw the box").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Browser, museum: Served, scheme: str, home: Layout) -> None:
    from axe_playwright_python.sync_playwright import Axe

    with browser.new_context(viewport={"width": 500, "height": 900}, color_scheme=scheme, bypass_csp=True) as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(museum.address)
        page.goto(f"http://{museum.door.hosts[0]}/look")
        assert Axe().run(page).response["violations"] == []
        drop(page, {"both.png": png(both(home, "s3", "s9")), "b.png": png(photograph(home, "s3"))})
        page.wait_for_selector(".alike")
        page.wait_for_load_state("networkidle")
        page.get_by_text("The box in numbers").first.click()
        assert Axe().run(page).response["violations"] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.goto(f"http://{museum.door.hosts[0]}/who/who")
        page.get_by_text("No face was found on").click()
        assert Axe().run(page).response["violations"] == []
