"""The page on a catalogue: images with their numbers, and behind them Datasette's own tables."""

import asyncio
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
from synaxial.studies.catalogue.models import (
    Experiment,
    Generator,
    Image,
    Numbers,
    Stack,
    TrainingImage,
)
from synaxial.studies.catalogue.searching import (
    COLUMNS,
    SIDES,
    Question,
    Range,
    count,
    find,
    joined,
)

SITE = Path(__file__).parent / "site"

#: Images of one page.
IMAGES = 60

#: The pages show nothing but their own pictures and style, and run no script.
POLICY = "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'"
HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}

PNG = b"\x89PNG\r\n\x1a\n"

#: The numbers that a range can be given of, and what they are called.
RANGES = {
    "tumour_area_pixels": "tumour-like area, pixels",
    "tumour_area_mm2": "the same, mm²",
    "realism": "realism",
    "similarity": "similarity to training",
    "nearest_slice": "nearest slice",
}
#: What images can be sorted by.
ORDERS = {
    "id": "as loaded",
    "-realism": "most realistic first",
    "realism": "least realistic first",
    "-tumour_area_pixels": "largest tumour-like area first",
    "-similarity": "nearest to training first",
}

Application = Callable[[Any, Any, Any], Awaitable[None]]


def application(engine: Engine, path: Path, hosts: Sequence[str] | None) -> Application:
    """Return the ASGI application of a catalogue's page.

    Parameters
    ----------
    engine
        The catalogue, open for reading.
    path
        Its file, which Datasette opens for reading too.
    hosts
        The names that a browser may call this server by: a page from elsewhere that has its own
        name point here gets no image. None is any.
    """
    plugin = Pages(engine)
    if pm.has_plugin("synaxial"):
        pm.unregister(name="synaxial")
    pm.register(plugin, name="synaxial")
    served = Datasette(
        files=[str(path)],
        template_dir=str(SITE),
        settings={"allow_download": False, "num_sql_threads": 2},
        metadata={"title": "Synaxial: catalogue of generated images"},
    )
    inner: Application = served.app()
    return inner if hosts is None else _only_called(inner, hosts)


def _only_called(inner: Application, hosts: Sequence[str]) -> Application:
    """Return an application that answers only to these names."""

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            called = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
            if re.sub(r":\d+$", "", called).strip("[]") not in hosts:
                response = Response.text("Unknown host", status=421)
                await response.asgi_send(send)
                return
        await inner(scope, receive, send)

    return outer


class Pages:
    """Datasette's plugin: the pages of one catalogue."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # Datasette asks a plugin for it, for most are modules.
        self.__name__ = "synaxial"

    @hookimpl  # type: ignore[untyped-decorator, unused-ignore]
    def register_routes(self) -> list[tuple[str, Any]]:
        """Return the pages' addresses; Datasette's own stay below /NAME-OF-THE-FILE."""
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
        return await self._page(
            datasette, request, "experiments.html", rows=rows, tables=self._tables(datasette)
        )

    async def browse(self, datasette: Any, request: Any) -> Any:
        """Show the images that are asked for, a page of them."""
        given = {name: request.args.get(name, "").strip() for name in self._fields()}
        try:
            question, page = question_of(given)
            hits, total = await asyncio.to_thread(self._hits, question)
            complaint = ""
        except SynaxialError as error:
            hits, total, page, complaint = [], 0, 0, str(error)
        others = {name: value for name, value in given.items() if value and name != "page"}
        pages = [
            f"?{urlencode(others | {'page': at})}" if at >= 0 and at * IMAGES < total else ""
            for at in (page - 1, page + 1)
        ]
        names = await asyncio.to_thread(self._names)
        return await self._page(
            datasette,
            request,
            "browse.html",
            hits=hits,
            total=total,
            complaint=complaint,
            given=given,
            names=names,
            ranges=RANGES,
            orders=ORDERS,
            sides=SIDES,
            before=pages[0],
            after=pages[1],
            first=page * IMAGES + 1,
        )

    async def image(self, datasette: Any, request: Any) -> Any:
        """Show an image beside its nearest training image, with all that is known of it."""
        found = await asyncio.to_thread(self._image, int(request.url_vars["number"]))
        if found is None:
            return Response.text("There is no such image.", status=404, headers=HEADERS)
        return await self._page(datasette, request, "image.html", **found)

    async def picture(self, request: Any) -> Any:
        """Give an image's PNG."""
        return await self._png(Image, request)

    async def training(self, request: Any) -> Any:
        """Give a training image's PNG."""
        return await self._png(TrainingImage, request)

    async def style(self) -> Any:
        """Give the pages' style sheet."""
        text = (SITE / "consult.css").read_text(encoding="utf-8")
        return Response(text, content_type="text/css; charset=utf-8", headers=HEADERS)

    async def _page(self, datasette: Any, request: Any, template: str, **known: Any) -> Any:
        """Return a page."""
        text = await datasette.render_template(template, known, request=request)
        return Response.html(text, headers=HEADERS)

    async def _png(self, table: Any, request: Any) -> Any:
        """Return a picture of a table's row, if it is one."""
        number = int(request.url_vars["number"])

        def read() -> bytes | None:
            with Session(self.engine) as session:
                return session.scalar(select(table.png).where(table.id == number))

        content = await asyncio.to_thread(read)
        if content is None or not content.startswith(PNG):
            return Response.text("There is no such picture.", status=404, headers=HEADERS)
        return Response(content, content_type="image/png", headers=HEADERS)

    def _tables(self, datasette: Any) -> str:
        """Return where Datasette shows the tables themselves."""
        name = next(name for name in datasette.databases if not name.startswith("_"))
        return str(datasette.urls.database(name))

    def _fields(self) -> list[str]:
        """Return the names of the form's fields."""
        bounds = [f"{name}_{end}" for name in RANGES for end in ("from", "to")]
        return ["experiment", "generator", "side", "memorised", "order", "page", *bounds]

    def _names(self) -> list[str]:
        with Session(self.engine) as session:
            return list(session.scalars(select(Experiment.name).distinct().order_by("name")))

    def _experiments(self) -> list[dict[str, Any]]:
        """Return each generator with what its images are like on average."""
        columns = {
            "name": Experiment.name,
            "seed": Experiment.seed,
            "generator": Generator.sha256,
            "git_commit": Generator.git_commit,
            "images": func.count(Image.id),
            "realism": func.avg(Numbers.realism),
            "area": func.avg(Numbers.tumour_area_pixels),
            "memorised": func.avg(case((Numbers.memorised.is_(True), 100.0), else_=0.0)),
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
        """Return all that is known of an image, or None if there is no such one."""
        known = {name: column.label(name) for name, column in COLUMNS.items()}
        query = joined(
            *known.values(),
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
            if row is None:
                return None
            around = [
                session.scalar(select(func.max(Image.id)).where(Image.id < number)),
                session.scalar(select(func.min(Image.id)).where(Image.id > number)),
            ]
        return {"hit": dict(row._mapping), "before": around[0], "after": around[1]}


def question_of(given: dict[str, str]) -> tuple[Question, int]:
    """Return what a form asks for, and which page of it.

    Raises
    ------
    SynaxialError
        A field holds no number, or something that cannot be chosen.
    """
    ranges = {
        name: Range(_number(given, f"{name}_from"), _number(given, f"{name}_to")) for name in RANGES
    }
    chosen = given.get("memorised", "")
    order = given.get("order") or "id"
    if order not in ORDERS or chosen not in {"", "yes", "no"}:
        raise SynaxialError("the form", f"found {order!r}, {chosen!r}", "one of its choices")
    page = given.get("page", "")
    if page and not (page.isdecimal() and len(page) < 7):
        raise SynaxialError("page", f"found {page!r}", "a number")
    number = int(page or 0)
    question = Question(
        experiment=given.get("experiment") or None,
        generator=given.get("generator") or None,
        ranges=ranges,
        side=given.get("side") or None,
        memorised={"": None, "yes": True, "no": False}[chosen],
        order=order,
        limit=IMAGES,
        offset=number * IMAGES,
    )
    return question, number


def _number(given: dict[str, str], name: str) -> float | None:
    """Return a field's number, or None if it is empty."""
    text = given.get(name, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if value != value:  # noqa: PLR0124
        raise SynaxialError(name, f"found {text!r}", "a number")
    return value
