"""The pages of the review and their actions; an address names a question and a number, never a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import jinja2
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from pipeline.core.errors import SitterError
from pipeline.faces.image import UnreadableImage
from pipeline.faces.project_pictures import ProjectPictures
from pipeline.identification.deciding import Outdated
from pipeline.identification.decisions import ImageKey
from pipeline.identification.sheets import Sheet
from pipeline.reporting.album import Album
from pipeline.reporting.number_format import count, percent, rate
from pipeline.reporting.page_templates import templates as reporting_templates
from pipeline.reporting.sheets import page as sheet_page
from pipeline.serving import review
from pipeline.serving.answered_question import OPEN, STATES, AnsweredQuestion, state
from pipeline.serving.desk import Desk, Wish
from pipeline.serving.shown import FACE, SMALL, WHOLE, study_picture

FOLDER = Path(__file__).parent
STYLES = (FOLDER.parent / "reporting" / "page.css", FOLDER.parent / "reporting" / "sheets.css", FOLDER / "serve.css")
SCRIPT, ICON = FOLDER / "serve.js", FOLDER / "icon.svg"
SIZES = {"whole": (WHOLE, False), "face": (FACE, True), "small": (SMALL, True)}
"""For each size: the longer side in pixels, and whether only the face is shown."""
Submitted = TypeVar("Submitted", bound=BaseModel)
FOR_A_WHILE = {"Cache-Control": "private, max-age=300"}


@cache
def templates() -> jinja2.Environment:
    """Return the templates of the pages."""
    environment = reporting_templates(FOLDER)
    environment.globals.update(count=count, percent=percent, rate=rate)
    return environment


def styles(request: Request) -> Response:
    """Answer with the style sheet: the report's styles, followed by the styles of these pages."""
    return Response("\n".join(path.read_text(encoding="utf-8") for path in STYLES), media_type="text/css")


def script(request: Request) -> Response:
    """Answer with the script of the pages."""
    return Response(SCRIPT.read_text(encoding="utf-8"), media_type="text/javascript")


def icon(request: Request) -> Response:
    """Answer with the icon of the pages."""
    return Response(ICON.read_text(encoding="utf-8"), media_type="image/svg+xml")


class Pages:
    """The pages of one desk."""

    def __init__(self, desk: Desk, galleries: Sequence[str] = ()) -> None:
        self.desk, self.galleries = desk, galleries

    @property
    def routes(self) -> list[Route]:
        """The addresses of the review."""
        return [
            Route("/", self.home),
            Route("/serve.css", styles),
            Route("/serve.js", script),
            Route("/icon.svg", icon),
            Route("/who/{name}", self.listing),
            Route("/who/{name}/sheet.html", self.sheet),
            Route("/who/{name}/decisions.csv", self.decisions),
            Route("/who/{name}/{number:int}", self.portrait),
            Route("/who/{name}/{number:int}/{size}.jpg", self.picture),
            Route("/who/{name}/{number:int}/{rank:int}/{size}.jpg", self.picture),
            Route("/who/{name}/{number:int}/decide", self.decide, methods=["POST"]),
            Route("/undo", self.undo, methods=["POST"]),
        ]

    def home(self, request: Request) -> Response:
        """Show the study's questions and how far each has come."""
        found = []
        for name in self.desk.answered():
            question = self.desk.question(name)
            sheets, trouble = self.desk.sheets(question)
            still = review.entries(sheets, review.Filter(show=OPEN))
            found.append((question, review.progress(sheets), trouble, still[0].number if still else None))
        waiting = [name for name in self.desk.study.identify if name not in self.desk.answered()]
        return self.page(request, "home.html.j2", questions=found, waiting=waiting, galleries=self.galleries)

    def listing(self, request: Request) -> Response:
        """List a question's portraits."""
        question = self._question(request)
        sheets, trouble = self.desk.sheets(question)
        wanted = _filter(request)
        every = review.entries(sheets, wanted)
        last = max(1, -(-len(every) // review.PAGE))
        here = min(max(1, _number(request.query_params.get("page", "1"))), last)
        shown = every[(here - 1) * review.PAGE : here * review.PAGE]
        return self.page(
            request, "list.html.j2", question=question, entries=shown, found=len(every), wanted=wanted, page=here,
            last=last, progress=review.progress(sheets), trouble=trouble, states=STATES, least=review.LEAST,
            all_states=review.ALL,
        )  # fmt: skip

    def portrait(self, request: Request) -> Response:
        """Show a portrait beside its candidates."""
        question = self._question(request)
        number = self._portrait(request, question)
        sheets, trouble = self.desk.sheets(question)
        wanted = _filter(request)
        return self.page(
            request, "portrait.html.j2", question=question, view=review.view(question, sheets, number, wanted),
            wanted=wanted, progress=review.progress(sheets), trouble=trouble,
        )  # fmt: skip

    def picture(self, request: Request) -> Response:
        """Answer with a portrait, or with the reference picture of one of its candidates."""
        question = self._question(request)
        sheet = question.sheets[self._portrait(request, question)]
        image: ImageKey | None = sheet.answer.probe[:2]
        if "rank" in request.path_params:
            image = _reference(sheet, request.path_params["rank"])
        size = request.path_params["size"]
        account = question.accounts.get(image) if image else None
        if account is None or image is None or size not in SIZES:
            raise HTTPException(404, "There is no such picture.")
        longest, face = SIZES[size]
        path = self.desk.at.raw(image[0]) / account.path
        most = self.desk.study.align[image[0]].max_megapixels
        try:
            changed = path.stat().st_mtime_ns if path.exists() else 0
            data = study_picture(path, changed, account.box if face else None, longest, most)
        except UnreadableImage as error:
            raise HTTPException(404, f"The picture cannot be read: {error.reason}.") from None
        return Response(data, media_type="image/jpeg", headers=FOR_A_WHILE)

    async def decide(self, request: Request) -> Response:
        """Record a reviewer's decision on a portrait."""
        wish = await body(request, Wish)
        name, number = request.path_params["name"], request.path_params["number"]
        question = await run_in_threadpool(self._question, request)
        self._portrait(request, question)
        said = await run_in_threadpool(self.desk.decide, request.scope["browser"], name, number, wish)
        return JSONResponse({"said": said})

    async def undo(self, request: Request) -> Response:
        """Undo the last decision of this browser."""
        done = await run_in_threadpool(self.desk.undo, request.scope["browser"])
        if done is None:
            return JSONResponse({"error": "There is nothing to undo. Single decisions can be taken back."}, 409)
        address = f"/who/{done.question}/{done.number}"
        return JSONResponse({"said": f"Undone: the last decision on {done.change.image[1]}.", "address": address})

    def sheet(self, request: Request) -> Response:
        """Answer with the sheets that pass the filter, as one self-contained page."""
        question = self._question(request)
        sheets, _ = self.desk.sheets(question)
        wanted = _filter(request)
        chosen = [sheet for sheet in sheets if wanted.passes(sheet, state(sheet))]
        if "number" in request.query_params:
            chosen = [sheets[n] for n in [_number(request.query_params["number"])] if 0 <= n < len(sheets)]
        decided = [sheet.answer.final.verdict for sheet in chosen if sheet.answer.final]
        accepted, unsuitable = decided.count("accept"), decided.count("unsuitable")
        record = replace(question.record, portraits=len(chosen), accepted=accepted, unsuitable=unsuitable)
        html = sheet_page(
            question.name, question.entry, chosen, question.known, record, Album(ProjectPictures(self.desk.at))
        )
        return HTMLResponse(html, headers=kept_as(f"{question.name}.html"))

    def decisions(self, request: Request) -> Response:
        """Answer with the current decisions as a CSV."""
        question = self._question(request)
        file = question.file
        if file is None or not file.is_file():
            raise HTTPException(404, "Nothing has been decided yet.")
        return Response(file.read_bytes(), media_type="text/csv", headers=kept_as(f"{question.name}-decisions.csv"))

    def failed(self, request: Request, error: Exception) -> Response:
        """Say what went wrong: as JSON to the script, as a page to a person."""
        if isinstance(error, HTTPException):
            status, text = error.status_code, error.detail
        elif isinstance(error, SitterError):
            status, text = 409 if isinstance(error, Outdated) else 422, str(error)
        elif isinstance(error, OSError):
            status, text = 500, f"It cannot be read or saved: {error.strerror or error} ({error.filename or ''})."
        else:
            status, text = 500, "There is an error in Sitter itself; the terminal says more. Nothing was saved."
        if request.method == "POST":
            return JSONResponse({"error": text}, status)
        return self.page(request, "failed.html.j2", status, text=text)

    def _question(self, request: Request) -> AnsweredQuestion:
        return self.question(request.path_params["name"])

    def question(self, name: str) -> AnsweredQuestion:
        """Return a question; raise HTTPException if the study has none of this name."""
        try:
            return self.desk.question(name)
        except KeyError:
            raise HTTPException(404, "The study has no such question.") from None

    def _portrait(self, request: Request, question: AnsweredQuestion) -> int:
        number = int(request.path_params["number"])
        if number >= len(question.sheets):
            raise HTTPException(404, f"The question has {len(question.sheets)} portraits, and none of this number.")
        return number

    def page(self, request: Request, template: str, status: int = 200, **shown: Any) -> Response:
        """Answer with a page; `shown` holds the values for its template."""
        shown |= {"status": status, "path": request.url.path, "can_undo": self.desk.can_undo(request.scope["browser"])}
        return HTMLResponse(templates().get_template(template).render(**shown), status)


def _filter(request: Request) -> review.Filter:
    said = request.query_params
    return review.Filter.of(said.get("show", ""), said.get("least", ""), said.get("words", ""))


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else -1


def _reference(sheet: Sheet, rank: int) -> ImageKey | None:
    """Return the reference image of the candidate with this rank; None where there is none."""
    found = (c.candidate.reference for c in sheet.candidates if c.candidate.rank == rank)
    return next((reference[:2] for reference in found if reference is not None), None)


async def body(request: Request, form: type[Submitted]) -> Submitted:
    """Return the form that the script has sent; raise HTTPException if the body is not such a form."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise HTTPException(415, "This address takes JSON.")
    try:
        return form.model_validate_json(await request.body())
    except ValidationError as error:
        first = error.errors()[0]
        raise HTTPException(422, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def kept_as(name: str) -> dict[str, str]:
    """Return the headers that make a browser save an answer under a name."""
    return {"Content-Disposition": f'attachment; filename="{name}"'}
