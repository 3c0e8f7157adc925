"""The pages of a catalogue: images with their numbers, beside the tables that Datasette shows."""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

from datasette import hookimpl
from datasette.app import Datasette
from datasette.plugins import pm
from datasette.utils.asgi import Response
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from synaxial.io.errors import SynaxialError
from synaxial.studies.catalogue.exporting import SUFFIXES, export_zip
from synaxial.studies.catalogue.filters import FIELDS, MEMORISED
from synaxial.studies.catalogue.gallery import (
    MOST,
    asked_tumour,
    described,
    place_of,
    read_gallery,
    read_image,
    read_selection,
    read_trainings,
)
from synaxial.studies.catalogue.searching import SIDES
from synaxial.studies.catalogue.tables import Image, Mask, TrainingImage

SITE = Path(__file__).parent / "site"

#: The style and the scripts of the pages, and their types.
ASSETS = {
    "consult.css": "text/css",
    "gallery.js": "text/javascript",
    "selection.js": "text/javascript",
    "viewer.js": "text/javascript",
}

#: The pages show only their own pictures, style and scripts, and no other page shows them.
POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # An address has the filters, which other sites need not know.
    "Referrer-Policy": "no-referrer",
}

PNG = b"\x89PNG\r\n\x1a\n"

#: The pictures of the pages: the column with the PNG, and that with its number in the address.
PICTURES: dict[str, tuple[Any, Any]] = {
    "picture": (Image.png, Image.id),
    "mask": (Mask.png, Mask.image_id),
    "training": (TrainingImage.png, TrainingImage.id),
}

#: An application of the ASGI standard.
Application = Callable[[Any, Any, Any], Awaitable[None]]


def application(engine: Engine, path: Path, hosts: Sequence[str] | None) -> Application:
    """Return the ASGI application of a catalogue's page.

    Datasette opens the file of the engine for reading too. Only requests that call this server by
    one of `hosts` are answered; None is any. So a foreign site that points its own name here (DNS
    rebinding) gets no image.
    """
    # With rich, Datasette prints a traceback for each unknown address; without, for failures alone.
    pm.get_plugin("datasette.handle_exception").rich = None
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

    return _read_whole(outer)


def _read_whole(inner: Application) -> Application:
    """Return an application that reads the rest of a request before it answers.

    The server closes the connection after the answer. If the body of a request that is refused
    were still on its way then, the connection would be reset, and the client could lose the answer.
    """

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        more = scope["type"] == "http"

        async def read() -> Any:
            nonlocal more
            message = await receive()
            more = message.get("more_body", False)
            return message

        async def answer(message: Any) -> None:
            while more:
                await read()
            await send(message)

        await inner(scope, read, answer)

    return outer


class Pages:
    """Datasette's plugin with the pages of one catalogue."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # Datasette expects the name of a module.
        self.__name__ = "synaxial"
        # The browser keeps the selected images under this name, for their numbers mean nothing to
        # another catalogue that is served at the same address later.
        self.served = secrets.token_hex(8)

    @hookimpl  # type: ignore[untyped-decorator, unused-ignore]
    def register_routes(self) -> list[tuple[str, Any]]:
        """Return the addresses of the pages; those of Datasette stay below /NAME-OF-THE-FILE."""
        assets = "|".join(map(re.escape, ASSETS))
        return [
            (r"^/$", self.gallery),
            (r"^/experiments$", self.experiments),
            (r"^/image/(?P<number>\d{1,12})$", self.image),
            (r"^/export$", self.export),
            (rf"^/(?P<kind>{'|'.join(PICTURES)})/(?P<number>\d{{1,12}})\.png$", self.picture),
            (rf"^/(?P<name>{assets})$", self.asset),
        ]

    async def gallery(self, datasette: Any, request: Any) -> Any:
        """Show the images that match the form, experiment by experiment."""
        given = _given(request)
        known = {
            **{"sides": SIDES, "memorised": MEMORISED, "kinds": SUFFIXES},
            **{"given": given, "most": MOST},
            **await self._read(read_gallery, given),
        }
        return await self._page(datasette, request, "gallery.html", **known)

    async def experiments(self, datasette: Any, request: Any) -> Any:
        """Show all trainings, and the way to Datasette's tables."""
        rows = await self._read(read_trainings)
        name = next(name for name in datasette.databases if not name.startswith("_"))
        tables = str(datasette.urls.database(name))
        return await self._page(datasette, request, "experiments.html", rows=rows, tables=tables)

    async def image(self, datasette: Any, request: Any) -> Any:
        """Show an image beside its nearest training image, with all numbers."""
        found = await self._read(read_image, int(request.url_vars["number"]), _given(request))
        if found is None:
            return Response.text("There is no such image.", status=404, headers=HEADERS)
        return await self._page(datasette, request, "image.html", **found)

    async def export(self, datasette: Any, request: Any) -> Any:
        """Return the selected images, or all that match the filters, as a zip file of files.

        This changes nothing here. Datasette refuses a POST with a page's cookie but without its
        token. A browser sends no cookie with a POST of another site, but says that it is one, at
        least to addresses of this machine.
        """
        if request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
            return Response.text("Another site asked for this.", status=403, headers=HEADERS)
        if request.method != "POST":
            return Response.text("Select images in the gallery.", status=405, headers=HEADERS)
        form = parse_qs((await request.post_body()).decode("utf-8", "replace"))
        try:
            content, kind = await self._read(_packed, form, _given(request))
        except SynaxialError as error:
            return await self._page(
                datasette, request, "refused.html", status=400, complaint=str(error)
            )
        name = f'attachment; filename="synaxial_{kind}.zip"'
        return Response(
            content,
            content_type="application/zip",
            headers={**HEADERS, "Content-Disposition": name},
        )

    async def picture(self, request: Any) -> Any:
        """Return the PNG of an image, of its mask or of a training image."""
        png, column = PICTURES[request.url_vars["kind"]]
        number = int(request.url_vars["number"])
        content = await self._read(
            lambda session: session.scalar(select(png).where(column == number))
        )
        if content is None or not content.startswith(PNG):
            return Response.text("There is no such picture.", status=404, headers=HEADERS)
        return Response(content, content_type="image/png", headers=HEADERS)

    async def asset(self, request: Any) -> Any:
        """Return the style sheet or a script of the pages."""
        name = request.url_vars["name"]
        text = (SITE / name).read_text(encoding="utf-8")
        return Response(text, content_type=f"{ASSETS[name]}; charset=utf-8", headers=HEADERS)

    async def _read(self, read: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a function of a session reads, without holding up other requests."""

        def work() -> Any:
            with Session(self.engine) as session:
                return read(session, *arguments)

        return await asyncio.to_thread(work)

    async def _page(
        self, datasette: Any, request: Any, template: str, status: int = 200, **known: Any
    ) -> Any:
        given = {name: value for name, value in _given(request).items() if value}
        context = {
            **{"served": self.served, "filters": given, "query_of": _query},
            **{"described": described, "place_of": place_of, "asked_tumour": asked_tumour},
            **known,
        }
        text = await datasette.render_template(template, context, request=request)
        return Response.html(text, status=status, headers=HEADERS)


def _packed(
    session: Session, form: dict[str, list[str]], given: dict[str, str]
) -> tuple[bytes, str]:
    """Return the zip file that a form asks for, and the kind of its files."""
    hits, kind = read_selection(session, form, given)
    return export_zip(session, hits, kind), kind


def _given(request: Any) -> dict[str, str]:
    """Return the fields of the form in an address."""
    return {name: request.args.get(name, "").strip() for name in FIELDS}


def _query(filters: dict[str, str], **changed: Any) -> str:
    """Return the filters as the query of an address, some of them changed; None removes one."""
    fields = {name: value for name, value in (filters | changed).items() if value is not None}
    return f"?{urlencode(fields)}" if fields else ""
