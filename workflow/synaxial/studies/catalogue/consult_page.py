"""The pages of a catalogue: images with their numbers, beside the tables that Datasette shows."""

import asyncio
import math
import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from datasette import hookimpl
from datasette.app import Datasette
from datasette.plugins import pm
from datasette.utils.asgi import Response
from sqlalchemy import Engine, case, func, select
from sqlalchemy.orm import Session

from synaxial.io.errors import SynaxialError
from synaxial.studies.catalogue.searching import COLUMNS, SIDES, Question, count, find, joined
from synaxial.studies.catalogue.tables import (
    Experiment,
    Generator,
    Image,
    Numbers,
    Stack,
    TrainingImage,
)

SITE = Path(__file__).parent / "site"

#: Images of one page.
IMAGES = 60

#: The pages show only their own pictures and style, and run no script.
POLICY = "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'"
HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}

PNG = b"\x89PNG\r\n\x1a\n"

#: The numbers with a range in the form, and their names.
RANGES = {
    "tumour_area_pixels": "tumour-like area, pixels",
    "tumour_area_mm2": "tumour-like area, mm²",
    "realism": "realism",
    "similarity": "similarity to training image",
    "nearest_slice": "nearest slice",
}

#: The orders of the form, and their names.
ORDERS = {
    "id": "as loaded",
    "-realism": "most realistic first",
    "realism": "least realistic first",
    "-tumour_area_pixels": "largest tumour-like area first",
    "-similarity": "most similar to training first",
}

#: The fields of the form.
FIELDS = [
    *("experiment", "generator", "side", "memorised", "order", "page"),
    *(f"{name}_{end}" for name in RANGES for end in ("from", "to")),
]

#: An application of the ASGI standard.
Application = Callable[[Any, Any, Any], Awaitable[None]]


def application(engine: Engine, path: Path, hosts: Sequence[str] | None) -> Application:
    """Return the ASGI application of a catalogue's page.

    Datasette opens the file of the engine for reading too. Only requests that call this server by
    one of `hosts` are answered; None is any. So a foreign site that points its own name here (DNS
    rebinding) gets no image.
    """
    pm.register(Pages(engine), name="synaxial")
    served = Datasette(
        files=[str(path)],
        template_dir=str(SITE),
        settings={"allow_download": False, "num_sql_threads": 2},
        metadata={"title": "Synaxial: catalogue of generated images"},
    )
    inner: Application = served.app()

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and hosts is not None:
            called = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
            if re.sub(r":\d+$", "", called).strip("[]") not in hosts:
                await Response.text("Unknown host", status=421).asgi_send(send)
                return
        await inner(scope, receive, send)

    return outer


class Pages:
    """Datasette's plugin with the pages of one catalogue."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # Datasette expects the name of a module.
        self.__name__ = "synaxial"

    @hookimpl  # type: ignore[untyped-decorator, unused-ignore]
    def register_routes(self) -> list[tuple[str, Any]]:
        """Return the addresses of the pages; those of Datasette stay below /NAME-OF-THE-FILE."""
        return [
            (r"^/$", self.experiments),
            (r"^/browse$", self.browse),
            (r"^/image/(?P<number>\d{1,12})$", self.image),
            (r"^/picture/(?P<number>\d{1,12})\.png$", self.picture),
            (r"^/training/(?P<number>\d{1,12})\.png$", self.training),
            (r"^/consult\.css$", self.style),
        ]

    async def experiments(self, datasette: Any, request: Any) -> Any:
        """Show all experiments."""
        rows = await asyncio.to_thread(self._experiments)
        name = next(name for name in datasette.databases if not name.startswith("_"))
        tables = str(datasette.urls.database(name))
        return await _page(datasette, request, "experiments.html", rows=rows, tables=tables)

    async def browse(self, datasette: Any, request: Any) -> Any:
        """Show a page of the images that match the form."""
        given = {name: request.args.get(name, "").strip() for name in FIELDS}
        try:
            question = question_of(given)
            hits, total = await asyncio.to_thread(self._hits, question)
            page, complaint = question.offset // IMAGES, ""
        except SynaxialError as error:
            hits, total, page, complaint = [], 0, 0, str(error)
        others = {name: value for name, value in given.items() if value and name != "page"}
        before, after = (
            f"?{urlencode(others | {'page': at})}" if at >= 0 and at * IMAGES < total else ""
            for at in (page - 1, page + 1)
        )
        known = {
            **{"hits": hits, "total": total, "complaint": complaint, "given": given},
            **{"ranges": RANGES, "orders": ORDERS, "sides": SIDES},
            **{"before": before, "after": after, "first": page * IMAGES + 1},
            "names": await asyncio.to_thread(self._names),
        }
        return await _page(datasette, request, "browse.html", **known)

    async def image(self, datasette: Any, request: Any) -> Any:
        """Show an image beside its nearest training image, with all numbers."""
        found = await asyncio.to_thread(self._image, int(request.url_vars["number"]))
        if found is None:
            return Response.text("There is no such image.", status=404, headers=HEADERS)
        return await _page(datasette, request, "image.html", **found)

    async def picture(self, request: Any) -> Any:
        """Return the PNG of an image."""
        return await self._png(Image, request)

    async def training(self, request: Any) -> Any:
        """Return the PNG of a training image."""
        return await self._png(TrainingImage, request)

    async def style(self) -> Any:
        """Return the style sheet of the pages."""
        text = (SITE / "consult.css").read_text(encoding="utf-8")
        return Response(text, content_type="text/css; charset=utf-8", headers=HEADERS)

    async def _png(self, table: Any, request: Any) -> Any:
        """Return the picture of a row, if it is a PNG."""
        number = int(request.url_vars["number"])

        def read() -> bytes | None:
            with Session(self.engine) as session:
                return session.scalar(select(table.png).where(table.id == number))

        content = await asyncio.to_thread(read)
        if content is None or not content.startswith(PNG):
            return Response.text("There is no such picture.", status=404, headers=HEADERS)
        return Response(content, content_type="image/png", headers=HEADERS)

    def _names(self) -> list[str]:
        with Session(self.engine) as session:
            return list(session.scalars(select(Experiment.name).distinct().order_by("name")))

    def _experiments(self) -> list[dict[str, Any]]:
        """Return each generator with the mean numbers of its images."""
        columns = {
            "name": Experiment.name,
            "seed": Experiment.seed,
            "generator": Generator.sha256,
            "git_commit": Generator.git_commit,
            "images": func.count(Image.id),
            "realism": func.avg(Numbers.realism),
            "area": func.avg(Numbers.tumour_area_pixels),
            # Images without numbers count in no mean.
            "memorised": func.avg(
                case((Numbers.memorised.is_(True), 100.0), (Numbers.memorised.is_(False), 0.0))
            ),
            "measured": func.count(Numbers.image_id),
        }
        query = (
            joined(*[column.label(name) for name, column in columns.items()])
            .group_by(Generator.id)
            .order_by(Experiment.name, Experiment.seed, Generator.id)
        )
        with Session(self.engine) as session:
            return [dict(row._mapping) for row in session.execute(query)]

    def _hits(self, question: Question) -> tuple[list[dict[str, Any]], int]:
        with Session(self.engine) as session:
            return list(find(session, question)), count(session, question)

    def _image(self, number: int) -> dict[str, Any] | None:
        """Return all that is known of an image and the ids of its neighbours, or None."""
        query = joined(
            *(column.label(name) for name, column in COLUMNS.items()),
            Numbers.mirrored,
            TrainingImage.id.label("nearest_id"),
            func.length(TrainingImage.png).label("nearest_bytes"),
            Generator.settings,
            Generator.git_commit,
            Stack.pixel_millimetres,
            Image.width,
            Image.height,
        ).where(Image.id == number)
        with Session(self.engine) as session:
            row = session.execute(query).one_or_none()
            before = session.scalar(select(func.max(Image.id)).where(Image.id < number))
            after = session.scalar(select(func.min(Image.id)).where(Image.id > number))
        if row is None:
            return None
        return {"hit": dict(row._mapping), "before": before, "after": after}


async def _page(datasette: Any, request: Any, template: str, **known: Any) -> Any:
    text = await datasette.render_template(template, known, request=request)
    return Response.html(text, headers=HEADERS)


def question_of(given: dict[str, str]) -> Question:
    """Return the question of a form; refuse a field without a number or with another choice."""
    chosen = given.get("memorised", "")
    order = given.get("order") or "id"
    if order not in ORDERS or chosen not in {"", "yes", "no"}:
        raise SynaxialError("the form", f"found {order!r}, {chosen!r}", "one of its choices")
    page = given.get("page", "")
    if page and not (page.isdecimal() and len(page) < 7):
        raise SynaxialError("page", f"found {page!r}", "a number")
    return Question(
        experiment=given.get("experiment") or None,
        generator=given.get("generator") or None,
        ranges={
            name: (_number(given, f"{name}_from"), _number(given, f"{name}_to")) for name in RANGES
        },
        side=given.get("side") or None,
        memorised={"": None, "yes": True, "no": False}[chosen],
        order=order,
        limit=IMAGES,
        offset=int(page or 0) * IMAGES,
    )


def _number(given: dict[str, str], name: str) -> float | None:
    """Return the number of a field, or None if it is empty."""
    text = given.get(name, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise SynaxialError(name, f"found {text!r}", "a number")
    return value
