"""The page on which a person drops pictures, and its actions."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from pipeline.faces.image import encoded_image
from pipeline.serving.dropped_pictures import (
    MOST_BYTES,
    MOST_MEGAPIXELS,
    PLACES,
    Correct,
    FromQuestion,
    Handed,
    Lookup,
    Origin,
)
from pipeline.serving.pages import SIZES, Pages, body, kept_as
from pipeline.serving.shown import study_picture

UPLOAD = "/look/picture"


class Looking:
    """The pages about dropped pictures."""

    def __init__(self, pages: Pages, lookup: Lookup) -> None:
        self.pages, self.lookup = pages, lookup

    @property
    def routes(self) -> list[Route]:
        """The addresses; each names a place, a face or a rank, never a file."""
        return [
            Route("/look", self.look),
            Route("/look/sheet.html", self.sheet),
            Route("/look/{place:int}/whole.jpg", self.whole),
            Route("/look/{place:int}/faces/{face:int}.jpg", self.face),
            Route("/look/{place:int}/references/{rank:int}/{size}.jpg", self.reference),
            Route(UPLOAD, self.put, methods=["POST"]),
            Route("/look/{place:int}/correct", self.correct, methods=["POST"]),
            Route("/look/{place:int}/keep", self.keep, methods=["POST"]),
            Route("/look/from", self.take, methods=["POST"]),
            Route("/look/forget", self.forget, methods=["POST"]),
        ]

    def look(self, request: Request) -> Response:
        """Show the places where pictures can be dropped, and the answers for the dropped pictures."""
        browser = request.scope["browser"]
        held = self.lookup.held(browser)
        asked = next((handed.where for handed in held.values()), "")
        return self.pages.page(
            request, "look.html.j2", galleries=self.lookup.galleries, held=held, places=PLACES, asked=asked,
            alike=self.lookup.alike(browser), most_mb=MOST_BYTES // 1_000_000, most_megapixels=MOST_MEGAPIXELS,
        )  # fmt: skip

    async def put(self, request: Request) -> Response:
        """Take a picture; the body of the request has the bytes of its file."""
        said = request.query_params
        place = said.get("place", "0")
        if place not in map(str, PLACES):
            raise HTTPException(422, f"At most {len(PLACES)} pictures can be dropped.")
        data = await request.body()
        browser, name = request.scope["browser"], said.get("name", "")
        handed = await run_in_threadpool(self.lookup.put, browser, int(place), name, data, said.get("where", ""))
        return JSONResponse({"said": _said(handed)})

    async def correct(self, request: Request) -> Response:
        """Answer for another face, or for the face in a box."""
        wish = await body(request, Correct)
        place = request.path_params["place"]
        self._held(request)
        handed = await run_in_threadpool(self.lookup.correct, request.scope["browser"], place, wish)
        return JSONResponse({"said": _said(handed)})

    async def take(self, request: Request) -> Response:
        """Take a portrait of a question, so that a person can choose its face or draw the box."""
        wish = await body(request, FromQuestion)
        handed = await run_in_threadpool(self._taken, request.scope["browser"], wish)
        return JSONResponse({"said": _said(handed), "address": "/look"})

    def _taken(self, browser: str, wish: FromQuestion) -> Handed:
        question = self.pages.question(wish.question)
        images = question.faceless if wish.faceless else list(question.numbers)
        if wish.number >= len(images):
            raise HTTPException(404, f"The question has {len(images)} such portraits, and none of this number.")
        dataset, image_id = images[wish.number]
        path = self.pages.desk.at.raw(dataset) / question.accounts[dataset, image_id].path
        address = f"/who/{wish.question}" + ("" if wish.faceless else f"/{wish.number}")
        origin = Origin(dataset, image_id, address)
        self.lookup.forget(browser)
        return self.lookup.put(browser, 0, image_id, encoded_image(path), wish.question, origin)

    def keep(self, request: Request) -> Response:
        """Save the box as a correction for the next run."""
        handed = self._held(request)
        file = self.lookup.keep(request.scope["browser"], request.path_params["place"])
        return JSONResponse({"said": f"Saved in {file}: the next run takes this face of {handed.name}."})

    def forget(self, request: Request) -> Response:
        """Forget this browser's pictures."""
        self.lookup.forget(request.scope["browser"])
        return JSONResponse({"said": "Forgotten: the pictures are no longer kept."})

    def whole(self, request: Request) -> Response:
        """Answer with a picture that was dropped."""
        return Response(self._held(request).whole, media_type="image/jpeg")

    def face(self, request: Request) -> Response:
        """Answer with a face of a dropped picture."""
        cuts, number = self._held(request).cuts, request.path_params["face"]
        if number >= len(cuts):
            raise HTTPException(404, "There is no such face.")
        return Response(cuts[number], media_type="image/jpeg")

    def reference(self, request: Request) -> Response:
        """Answer with the picture of a candidate."""
        found = self.lookup.reference(self._held(request), request.path_params["rank"])
        size = request.path_params["size"]
        if found is None or size not in SIZES:
            raise HTTPException(404, "There is no such picture.")
        path, account, dataset = found
        longest, only_face = SIZES[size]
        changed = path.stat().st_mtime_ns if path.exists() else 0
        most = self.pages.desk.study.align[dataset].max_megapixels
        data = study_picture(path, changed, account.box if only_face else None, longest, most)
        return Response(data, media_type="image/jpeg")

    def sheet(self, request: Request) -> Response:
        """Answer with the sheet of this browser's pictures, as one self-contained page."""
        browser = request.scope["browser"]
        if not self.lookup.held(browser):
            raise HTTPException(404, "There is no picture yet.")
        return HTMLResponse(self.lookup.sheet(browser), headers=kept_as("who.html"))

    def _held(self, request: Request) -> Handed:
        found = self.lookup.held(request.scope["browser"]).get(request.path_params["place"])
        if found is None:
            raise HTTPException(404, "There is no picture here any more: drop it again.")
        return found


def _said(handed: Handed) -> str:
    """Return in words what was found on a picture."""
    if not handed.faces:
        return f"{handed.name}: no face was found. Draw a box around it."
    first = handed.cards[handed.chosen][0][:1] if handed.cards else []
    faces = f"{len(handed.faces)} face{'s' if len(handed.faces) > 1 else ''}"
    return f"{handed.name}: {faces}" + (f"; first candidate {first[0].sitter}." if first else ".")
