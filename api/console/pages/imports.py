"""Bulk provisioning: send a file, see which rows will fail, apply it, and take it back."""

from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Path, Query
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from api import problems, streamed
from api.console import findings
from api.console.pages.screen import PAGE_ROWS, Screen, Shows
from api.console.pages.sheets import page_or_file
from api.routes.imports import Number, exported_rows, password_file, verdict_rows
from api.schemas.imports import ImportAnswer, speed_of
from api.streamed import FileFormat
from foundation.errors import Invalid, NotFound, Refused
from registry import group_clients, jobs
from registry.imports import files, kinds, verdicts
from registry.imports.model import FileEmpty, ImportState
from registry.jobs import Job, JobState
from registry.scope import Right

router = APIRouter(prefix="/imports")

OnScreen = Annotated[Screen, Shows(Right.IMPORTS_READ)]
Running = Annotated[Screen, Shows(Right.IMPORTS_RUN)]
Only = Annotated[Literal["", "wrong", "odd", "kept"], Query()]

_CHUNK = 512 * 1024
_MOST_FIELDS = 12


@dataclass(frozen=True, slots=True)
class Given:
    """The form beside a file; an empty field says nothing."""

    kind: str = "terminals"
    client: str = ""
    region: str = ""
    profile: str = ""
    order_ref: str = ""

    def defaults(self) -> dict[str, str]:
        """What stands where a cell is blank."""
        named = {"group_client": self.client, "region": self.region, "profile": self.profile}
        return {name: value.strip() for name, value in named.items() if value.strip()}


@router.get("")
async def list_imports(
    screen: OnScreen,
    order: Annotated[str, Query(max_length=64)] = "",
    after: Annotated[str | None, Query(max_length=32)] = None,
) -> Response:
    """One page of the files that came, newest first."""
    read = partial(files.list_page, order_ref=order or None)
    page = await page_or_file(screen, "imports", ImportAnswer, read, after, ImportAnswer.of)
    if isinstance(page, Response):
        return page
    return screen.show(
        "imports.html",
        items=page.items,
        next_key=page.next_key,
        order=order,
        after=after,
        may_run=screen.may(Right.IMPORTS_RUN),
    )


@router.get("/new")
async def show_form(
    screen: Running, kind: Annotated[str, Query(max_length=32)] = "terminals"
) -> Response:
    """Where a file is chosen, and the columns that it may have."""
    return _form(screen, Given(kind=kind), None)


@router.post("")
async def send(screen: Running) -> Response:
    """Take a file in and have it checked, or show the form again with what is wrong.

    The form is read here, after its sender is known to be one who may send a file.
    """
    given = Given()
    try:
        async with (
            screen.request.app.state.uploads.admitted(screen.conn),
            screen.request.form(max_files=1, max_fields=_MOST_FIELDS) as form,
        ):
            texts = {n: v for n, v in form.items() if isinstance(v, str)}
            given = Given(**{n: texts.get(n, "")[:200] for n in Given.__dataclass_fields__})
            file = form.get("file")
            if not isinstance(file, UploadFile) or not file.filename:
                raise FileEmpty
            async with screen.attempt():
                if given.client:
                    await group_clients.find(screen.conn, screen.scope, given.client)
                found = await files.receive(
                    screen.conn,
                    screen.scope,
                    given.kind,
                    _chunks(file),
                    name=file.filename,
                    order_ref=given.order_ref.strip() or None,
                    defaults=given.defaults(),
                )
    except (Invalid, Refused, NotFound) as error:
        return _form(screen, given, problems.of_error(error))
    return RedirectResponse(f"/imports/{found.id}", 303)


@router.get("/template/{kind}")
async def template(
    screen: OnScreen, kind: Annotated[str, Path(max_length=32)], form: FileFormat = FileFormat.CSV
) -> Response:
    """An empty file with the titles of a kind's columns, and a row of examples."""
    found = kinds.find(kind)
    chinese = screen.renderer.language(screen.request).code == "zh"
    titles = [
        next((t for t in column.titles if not t.isascii()), column.name) if chinese else column.name
        for column in found.columns
    ]

    async def rows() -> AsyncIterator[Sequence[Sequence[str]]]:
        yield [[column.example for column in found.columns]]

    return await streamed.response(f"{kind}-template", form, titles, rows(), marked=True)


@router.get("/export/{kind}")
async def export(
    screen: Annotated[Screen, Shows(Right.TERMINALS_READ)],
    kind: Annotated[str, Path(max_length=32)],
    form: FileFormat = FileFormat.CSV,
) -> Response:
    """Everything of a kind that the reader sees, in the format that an import takes."""
    found = kinds.find(kind)
    pool = screen.request.app.state.pool
    header = [column.name for column in found.columns]
    batches = exported_rows(pool, screen.scope, found)
    return await streamed.response(kind, form, header, batches, marked=True)


@router.get("/{number}")
async def show_import(
    screen: OnScreen,
    number: Number,
    only: Only = "",
    after: Annotated[str | None, Query(max_length=32)] = None,
) -> Response:
    """What will fail, what was applied or taken back, and how far the job is."""
    return await _show(screen, number, only, after, None)


@router.post("/{number}/application")
async def apply(
    screen: Running, number: Number, whole: Annotated[bool, Form()] = False
) -> Response:
    """Have it applied."""
    return await _asked(screen, number, files.apply(screen.conn, screen.scope, number, whole=whole))


@router.post("/{number}/undoing")
async def undo(screen: Running, number: Number) -> Response:
    """Have taken back what it made."""
    return await _asked(screen, number, files.undo(screen.conn, screen.scope, number))


@router.post("/{number}/cancellation")
async def cancel(screen: Running, number: Number) -> Response:
    """Give it up."""
    return await _asked(screen, number, files.cancel(screen.conn, screen.scope, number))


@router.post("/{number}/passwords")
async def passwords(screen: Running, number: Number) -> Response:
    """The passwords as a file, once."""
    try:
        async with screen.attempt():
            await files.begin_fetching(screen.conn, screen.scope, number)
    except Refused as error:
        return await _show(screen, number, "", None, problems.of_error(error))
    return await password_file(screen.request, screen.scope, number)


@router.get("/{number}/verdicts")
async def verdict_file(
    screen: OnScreen, number: Number, only: Only = "", form: FileFormat = FileFormat.CSV
) -> Response:
    """The file with a verdict beside each row, in the reader's language."""
    found = await files.find(screen.conn, screen.scope, number)
    told = screen.renderer.language(screen.request).translations.gettext
    rows = verdict_rows(
        screen.request.app.state.pool,
        screen.scope,
        found,
        only or None,
        lambda finding: findings.of_row(finding, told),
    )
    header = verdicts.header(found)
    return await streamed.response(f"import-{number}", form, header, rows, marked=True)


async def _asked(screen: Screen, number: int, asking: Awaitable[object]) -> Response:
    try:
        async with screen.attempt():
            await asking
    except Refused as error:
        return await _show(screen, number, "", None, problems.of_error(error))
    return RedirectResponse(f"/imports/{number}", 303)


async def _show(
    screen: Screen, number: int, only: str, after: str | None, problem: problems.Problem | None
) -> Response:
    # The job first: when it is over, so is what is read of the import after it.
    last = await jobs.list_page(screen.conn, screen.scope, subject=number, area=files.AREA, limit=1)
    found = await files.find(screen.conn, screen.scope, number)
    job = last.items[0] if last.items else None
    page = await files.list_rows(
        screen.conn, screen.scope, number, only=only or None, after=after, limit=PAGE_ROWS
    )
    kind = kinds.find(found.kind)
    return screen.show(
        "import.html",
        status=problem.status if problem else 200,
        found=None,
        file=found,
        job=job,
        running=job is not None and job.state in (JobState.QUEUED, JobState.RUNNING),
        pace=_pace(job),
        rows=page.items,
        next_key=page.next_key,
        only=only,
        after=after,
        key=kind.columns[0].name,
        problem=problem,
        findings=findings,
        mine=found.asked_by == screen.scope.actor,
        may_run=screen.may(Right.IMPORTS_RUN),
        may_undo=found.state in (ImportState.APPLIED, ImportState.UNDONE)
        and found.created > found.undone
        and found.swept_at is None,
    )


def _pace(job: Job | None) -> dict[str, float | None]:
    """How far a job is: a share, how much a second, and how many seconds are left."""
    if job is None:
        return {"share": None, "speed": None, "left": None}
    speed = speed_of(job)
    share = min(1.0, job.done / job.total) if job.total else None
    left = (job.total - job.done) / speed if speed and job.total else None
    return {"share": share, "speed": speed, "left": max(left, 0.0) if left is not None else None}


def _form(screen: Screen, given: Given, problem: problems.Problem | None) -> Response:
    return screen.show(
        "import_new.html",
        status=problem.status if problem else 200,
        given=given,
        problem=problem,
        kinds=list(kinds.KINDS.values()),
    )


async def _chunks(file: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await file.read(_CHUNK):
        yield chunk
