"""`/api/v1/imports`, `/jobs` and `/exports`: bulk provisioning, and all of it back in one file."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from api import streamed
from api.console import findings
from api.dependencies import Creates, Needs, Transaction
from api.paging import After, Limit, link_next
from api.schemas.imports import (
    ApplyBody,
    ColumnAnswer,
    ImportAnswer,
    JobAnswer,
    KindAnswer,
    KindsAnswer,
    OrderRef,
    RowAnswer,
)
from api.schemas.shapes import PageOf
from api.streamed import FileFormat
from api.strict import StrictRoute, UploadRoute
from foundation.database import Pool, transaction
from foundation.errors import Invalid
from registry import jobs
from registry.imports import exports, files, kinds, verdicts
from registry.imports.model import Finding, Import, Kind
from registry.scope import Right, Scope

router = APIRouter(prefix="/api/v1", tags=["imports"], route_class=StrictRoute)
uploads = APIRouter(prefix="/api/v1", tags=["imports"], route_class=UploadRoute)

Reader = Annotated[Scope, Needs(Right.IMPORTS_READ)]
Runner = Annotated[Scope, Needs(Right.IMPORTS_RUN)]
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
Only = Annotated[
    Literal["wrong", "odd", "kept"] | None,
    Query(description="Rows with an error, with a warning, or that could not be taken back."),
]


@uploads.post(
    "/imports",
    operation_id="send_file",
    status_code=202,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    },
)
async def send_file(
    scope: Runner,
    conn: Transaction,
    request: Request,
    response: Response,
    kind: Annotated[str, Query(max_length=32, description="Of file.")],
    name: Annotated[str, Query(max_length=200, description="Of the file.")] = "file",
    order_ref: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
    defaults: Annotated[
        str | None,
        Query(
            max_length=2000,
            description="Where a cell is blank: `column:value`, parted by commas.",
            examples=["region:320100,group_client:grid-js"],
        ),
    ] = None,
) -> ImportAnswer:
    """Send a file, which is the body; it is checked row by row, and nothing is changed yet."""
    async with request.app.state.uploads.admitted(conn):
        found = await files.receive(
            conn,
            scope,
            kind,
            request.stream(),
            name=name,
            order_ref=order_ref,
            defaults=parted(defaults),
        )
    response.headers["Location"] = f"/api/v1/imports/{found.id}"
    last = await jobs.list_page(conn, scope, subject=found.id, area=files.AREA, limit=1)
    return ImportAnswer.of(found, last.items[0])


@router.get("/imports", operation_id="list_imports")
async def list_imports(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    kind: Annotated[str | None, Query(max_length=32)] = None,
    order_ref: OrderRef = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[ImportAnswer]:
    """One page of the imports in scope, newest first."""
    page = await files.list_page(
        conn, scope, kind=kind, order_ref=order_ref, after=after, limit=limit
    )
    link_next(request, response, page.next_key)
    items = [ImportAnswer.of(found) for found in page.items]
    return PageOf[ImportAnswer](items=items, next=page.next_key)


@router.get("/imports/kinds", operation_id="list_import_kinds")
async def list_import_kinds(scope: Reader) -> KindsAnswer:
    """The kinds of file, and the columns that each may have."""
    items = [
        KindAnswer(name=kind.name, columns=[ColumnAnswer.of(column) for column in kind.columns])
        for kind in kinds.KINDS.values()
    ]
    return KindsAnswer(items=items)


@router.get("/imports/{number}", operation_id="find_import")
async def find_import(scope: Reader, conn: Transaction, number: Number) -> ImportAnswer:
    """One import, with the last job about it."""
    # The job first: when it is over, so is what is read of the import after it.
    last = await jobs.list_page(conn, scope, subject=number, area=files.AREA, limit=1)
    found = await files.find(conn, scope, number)
    return ImportAnswer.of(found, last.items[0] if last.items else None)


@router.get("/imports/{number}/rows", operation_id="list_import_rows")
async def list_import_rows(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    number: Number,
    only: Only = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[RowAnswer]:
    """One page of the rows of a file with their verdicts, in their order."""
    kind = kinds.find((await files.find(conn, scope, number)).kind)
    page = await files.list_rows(conn, scope, number, only=only, after=after, limit=limit)
    link_next(request, response, page.next_key)
    items = [RowAnswer.of(row, kind) for row in page.items]
    return PageOf[RowAnswer](items=items, next=page.next_key)


@router.get("/imports/{number}/verdicts", operation_id="read_verdicts", response_class=Response)
async def read_verdicts(
    scope: Reader,
    conn: Transaction,
    request: Request,
    number: Number,
    only: Only = None,
    form: Annotated[FileFormat | None, Query(alias="format")] = None,
) -> Response:
    """The file with a verdict beside each row: mend it and send it again."""
    found = await files.find(conn, scope, number)
    rows = verdict_rows(request.app.state.pool, scope, found, only)
    return await streamed.response(
        f"import-{number}", streamed.wanted(request, form), verdicts.header(found), rows
    )


@router.post("/imports/{number}/application", operation_id="apply_import", status_code=202)
async def apply_import(
    scope: Annotated[Scope, Creates(Right.IMPORTS_RUN)],
    conn: Transaction,
    response: Response,
    number: Number,
    body: ApplyBody,
) -> JobAnswer:
    """Have a checked file applied."""
    return _asked(response, await files.apply(conn, scope, number, whole=body.whole))


@router.post("/imports/{number}/undoing", operation_id="undo_import", status_code=202)
async def undo_import(
    scope: Annotated[Scope, Creates(Right.IMPORTS_RUN)],
    conn: Transaction,
    response: Response,
    number: Number,
) -> JobAnswer:
    """Have taken back what a file made, where nothing happened since."""
    return _asked(response, await files.undo(conn, scope, number))


@router.delete("/imports/{number}", operation_id="cancel_import", status_code=204)
async def cancel_import(scope: Runner, conn: Transaction, number: Number) -> None:
    """Give up a file that is not applied; nothing of it is kept but that it was there."""
    await files.cancel(conn, scope, number)


@router.post("/imports/{number}/passwords", operation_id="fetch_passwords", response_class=Response)
async def fetch_passwords(
    scope: Runner,
    conn: Transaction,
    request: Request,
    number: Number,
) -> Response:
    """The passwords that an import made, as CSV: once, for who asked for it, and then no more."""
    await files.begin_fetching(conn, scope, number)
    return await password_file(request, scope, number)


@router.get("/jobs", operation_id="list_jobs", tags=["jobs"])
async def list_jobs(
    scope: Annotated[Scope, Needs(Right.JOBS_READ)],
    conn: Transaction,
    request: Request,
    response: Response,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[JobAnswer]:
    """One page of the jobs in scope, newest first."""
    page = await jobs.list_page(conn, scope, after=after, limit=limit)
    link_next(request, response, page.next_key)
    return PageOf[JobAnswer](items=[JobAnswer.of(job) for job in page.items], next=page.next_key)


@router.get("/jobs/{job}", operation_id="find_job", tags=["jobs"])
async def find_job(
    scope: Annotated[Scope, Needs(Right.JOBS_READ)], conn: Transaction, job: Number
) -> JobAnswer:
    """One job: how far it is."""
    return JobAnswer.of(await jobs.find(conn, scope, job))


@router.get("/exports/{kind}", operation_id="export", response_class=Response, tags=["exports"])
async def export(
    scope: Annotated[Scope, Needs(Right.TERMINALS_READ)],
    request: Request,
    kind: str,
    form: Annotated[FileFormat | None, Query(alias="format")] = None,
) -> Response:
    """Everything of a kind that is in scope, as a file that an import takes again."""
    found = kinds.find(kind)
    header = [column.name for column in found.columns]
    batches = exported_rows(request.app.state.pool, scope, found)
    return await streamed.response(kind, streamed.wanted(request, form), header, batches)


def parted(defaults: str | None) -> dict[str, str]:
    """`column:value,column:value` as what it says."""
    found: dict[str, str] = {}
    for pair in (defaults or "").split(","):
        name, colon, value = pair.partition(":")
        if not pair.strip():
            continue
        if not colon or name.strip() in found:
            raise Invalid("Defaults are column:value, each column once.", field="defaults")
        found[name.strip()] = value.strip()
    return found


async def verdict_rows(
    pool: Pool,
    scope: Scope,
    found: Import,
    only: str | None,
    tell: Callable[[Finding], str] = findings.of_row,
) -> AsyncIterator[Sequence[Sequence[str]]]:
    """The lines of a verdict file, each batch in a transaction of its own."""
    kind = kinds.find(found.kind)
    after: str | None = None
    while True:
        async with transaction(pool, scope.settings()) as conn:
            page = await files.list_rows(
                conn, scope, found.id, only=only, after=after, limit=streamed.ROWS_AT_ONCE
            )
        yield list(verdicts.lines(found, kind, page.items, tell))
        after = page.next_key
        if after is None:
            return


async def exported_rows(
    pool: Pool, scope: Scope, kind: Kind
) -> AsyncIterator[Sequence[Sequence[str]]]:
    """The lines of an export, each batch in a transaction of its own."""
    after: int | None = 0
    while after is not None:
        async with transaction(pool, scope.settings()) as conn:
            lines, after = await exports.read_batch(
                conn, scope, kind, after=after, rows=streamed.ROWS_AT_ONCE
            )
        yield lines


async def password_file(request: Request, scope: Scope, number: int) -> Response:
    """What is left of the passwords of an import, gone as it is read."""
    seal = request.app.state.rules.sealing
    pool: Pool = request.app.state.pool

    async def batches() -> AsyncIterator[Sequence[Sequence[str]]]:
        while True:
            async with transaction(pool, scope.settings()) as conn:
                handed = await files.take_passwords(conn, scope, number, seal)
            if not handed:
                return
            yield handed

    header = ("code", "password")
    return await streamed.response(f"passwords-{number}", FileFormat.CSV, header, batches())


def _asked(response: Response, job: jobs.Job) -> JobAnswer:
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    return JobAnswer.of(job)
