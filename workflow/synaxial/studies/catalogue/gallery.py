"""What the pages of a catalogue show: groups of images, one image, a selection, and trainings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from synaxial.io.errors import SynaxialError
from synaxial.studies.catalogue.exporting import SUFFIXES
from synaxial.studies.catalogue.filters import (
    orders_for,
    page_of,
    question_of,
    read_bounds,
    sliders_of,
)
from synaxial.studies.catalogue.searching import (
    COLUMNS,
    Question,
    count,
    count_by_experiment,
    find,
    ids_of,
    joined,
)
from synaxial.studies.catalogue.tables import (
    Experiment,
    Generator,
    Image,
    Mask,
    Numbers,
    TrainingImage,
)

#: Images of each experiment on the page of all, and of a page of one.
FIRST = 12
IMAGES = 60

#: The largest number of images in one download, which takes some seconds.
MOST = 500


def read_gallery(session: Session, given: Mapping[str, str]) -> dict[str, Any]:
    """Return the groups of images that match a form, with the form's state."""
    bounds = read_bounds(session)
    names = session.scalars(select(Experiment.name).distinct().order_by("name")).all()
    try:
        question, page = question_of(given, bounds), page_of(given)
        complaint = ""
        counts = count_by_experiment(session, question)
    except SynaxialError as error:
        question, page, complaint, counts = Question(), 0, str(error), {}
    limit, offset = (FIRST, 0) if len(counts) > 1 else (IMAGES, page * IMAGES)
    groups = []
    for name, total in counts.items():
        part = replace(question, experiment=name, limit=limit, offset=offset)
        hits = list(find(session, part))
        rest = total - offset - len(hits)
        groups.append(
            {"name": name, "total": total, "hits": hits, "first": offset + 1, "rest": rest}
        )
    return {
        **{"page": page, "paged": len(counts) == 1},
        **{"groups": groups, "names": names, "sliders": sliders_of(given, bounds)},
        "orders": orders_for(bounds),
        **{"total": sum(counts.values()), "complaint": complaint},
    }


def read_image(session: Session, number: int, given: Mapping[str, str]) -> dict[str, Any] | None:
    """Return all that is known of an image and its place among those of a form, or None."""
    query = (
        joined(
            *(column.label(name) for name, column in COLUMNS.items()),
            Numbers.mirrored,
            TrainingImage.id.label("nearest_id"),
            func.length(TrainingImage.png).label("nearest_bytes"),
            Mask.image_id.label("mask_id"),
            Generator.settings,
            Generator.git_commit,
            Image.width,
            Image.height,
        )
        .outerjoin(Mask, Mask.image_id == Image.id)
        .where(Image.id == number)
    )
    row = session.execute(query).one_or_none()
    if row is None:
        return None
    try:
        matches = ids_of(session, question_of(given, read_bounds(session)))
    except SynaxialError:
        # The gallery reports a bad form.
        matches = []
    place = matches.index(number) if number in matches else None
    before = matches[place - 1] if place else None
    after = matches[place + 1] if place is not None and place + 1 < len(matches) else None
    return {
        **{"hit": dict(row._mapping), "before": before, "after": after},
        **{"place": place, "total": len(matches)},
    }


def read_selection(
    session: Session, form: Mapping[str, Sequence[str]], given: Mapping[str, str]
) -> tuple[list[dict[str, Any]], str]:
    """Return the images to export and the kind of file, or refuse the form.

    `form` has the fields `as`, `which` and `image`; `given` are the filters.
    """
    kind, which = (form.get(name, [""])[0] for name in ("as", "which"))
    if kind not in SUFFIXES or which not in {"selected", "all"}:
        raise SynaxialError("the form", f"found {kind!r}, {which!r}", "its choices")
    if which == "all":
        question = question_of(given, read_bounds(session))
        wanted = count(session, question)
    else:
        texts = form.get("image", [])
        if not all(text.isdecimal() and len(text) <= 12 for text in texts):
            raise SynaxialError("the form", "an image has no number", "its choices")
        images = sorted({int(text) for text in texts})
        question, wanted = Question(images=images), len(images)
    if not wanted:
        raise SynaxialError("the download", "no image is selected", "at least one image")
    if wanted > MOST:
        raise SynaxialError(
            "the download",
            f"{wanted} images are selected",
            f"at most {MOST}",
            "narrow the filters, or select fewer images",
        )
    hits = list(find(session, question))
    if len(hits) < wanted:
        raise SynaxialError(
            "the download", "a selected image is no longer in the catalogue", "", "select again"
        )
    return hits, kind


def read_trainings(session: Session) -> list[dict[str, Any]]:
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
    return [dict(row._mapping) for row in session.execute(query)]


def described(hit: Mapping[str, Any]) -> str:
    """Return what is known of an image, in words."""
    words = [f"generated image {hit['image']} of {hit['experiment']}, {place_of(hit)}"]
    if hit["asked_level"] is not None:
        words.append(f"level {hit['asked_level']:g} mm")
    if hit["asked_tumour"] is not None:
        words.append(f"asked for {asked_tumour(hit)}")
    if hit["tumour_side"] is not None:
        side = hit["tumour_side"]
        words.append(f"tumour-like area {'in the' if side == 'middle' else 'on the'} {side}")
    if hit["memorised"]:
        words.append("memorised")
    return ", ".join(words)


def place_of(hit: Mapping[str, Any]) -> str:
    """Return where an image comes from, within its experiment."""
    return f"seed {hit['seed']}, stack {hit['stack']}"


def asked_tumour(hit: Mapping[str, Any]) -> str:
    """Return what tumour was asked for, in words."""
    if not hit["asked_tumour"]:
        return "no tumour"
    words = "a tumour"
    if hit["asked_side"] is not None:
        words += f" on the {hit['asked_side']}"
    if hit["asked_size"] is not None:
        words += f" of {hit['asked_size']:g} mm"
    return words
