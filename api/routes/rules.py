"""`/api/v1/rules`: what is held against readings, and what it would have raised."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api import etags, limits
from api.dependencies import Creates, Needs, Transaction
from api.etags import IfMatch
from api.paging import After, Limit, link_next
from api.schemas.alarms import AlarmRuleBody, RuleAnswer, RuleChange, TrialAnswer
from api.schemas.shapes import PageOf
from api.strict import StrictRoute
from registry.scope import Right, Scope
from telemetry.alarms import rule_model, rules, schedules, trial

router = APIRouter(prefix="/api/v1/rules", tags=["rules"], route_class=StrictRoute)

Reader = Annotated[Scope, Needs(Right.RULES_READ)]
Number = Annotated[int, Path(ge=1, lt=2**31)]


@router.get("", operation_id="list_rules")
async def list_rules(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    profile: Annotated[str | None, Query(max_length=64)] = None,
    kind: Annotated[str | None, Query(max_length=20, description="Of the criterion.")] = None,
    enabled: bool | None = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[RuleAnswer]:
    """One page of the rules, by number."""
    page = await rules.list_page(
        conn, scope, profile=profile, kind=kind, enabled=enabled, after=after, limit=limit
    )
    link_next(request, response, page.next_key)
    return PageOf[RuleAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.get("/{number}", operation_id="find_rule")
async def find_rule(
    scope: Reader, conn: Transaction, response: Response, number: Number
) -> RuleAnswer:
    """One rule; the ETag is its version."""
    found = await rules.find(conn, scope, number)
    return RuleAnswer.model_validate(etags.tag(response, found))


@router.post("", operation_id="define_rule", status_code=201)
async def define_rule(
    scope: Annotated[Scope, Creates(Right.RULES_CHANGE)],
    conn: Transaction,
    response: Response,
    body: AlarmRuleBody,
) -> RuleAnswer:
    """Make a rule; nothing is held against it until it is enabled."""
    given = body.model_dump(exclude={"criterion", "schedule"})
    criterion = rule_model.written(body.criterion)
    given["schedule"] = None if body.schedule is None else schedules.written(body.schedule)
    rule = await rules.define(conn, scope, criterion=criterion, **given)
    response.headers["Location"] = f"/api/v1/rules/{rule.id}"
    return RuleAnswer.model_validate(etags.tag(response, rule))


@router.patch("/{number}", operation_id="change_rule")
async def change_rule(
    scope: Annotated[Scope, Needs(Right.RULES_CHANGE)],
    conn: Transaction,
    response: Response,
    number: Number,
    body: RuleChange,
    if_match: IfMatch,
) -> RuleAnswer:
    """Let it be otherwise, or enable it; what it raised is over once it watches for another."""
    await if_match.before(rules.find, conn, scope, number)
    given = body.model_dump(exclude_none=True, exclude={"criterion", "schedule"})
    if "schedule" in body.model_fields_set:
        given["schedule"] = None if body.schedule is None else schedules.written(body.schedule)
    if body.criterion is not None:
        given["criterion"] = rule_model.written(body.criterion)
    changed = await rules.change(conn, scope, number, **given)
    return RuleAnswer.model_validate(if_match.after(response, changed))


@router.get("/{number}/trial", operation_id="try_rule")
@limits.expensive
async def try_rule(
    scope: Reader,
    conn: Transaction,
    number: Number,
    days: Annotated[int, Query(ge=1, le=trial.LONGEST.days)] = 7,
) -> TrialAnswer:
    """How many alarms it would have raised in the last days, had it been enabled."""
    found = await trial.hold(conn, scope, number, days)
    most = [{"terminal": code, "alarms": alarms} for code, alarms in found.most]
    told = {name: getattr(found, name) for name in TrialAnswer.model_fields if name != "most"}
    return TrialAnswer.model_validate(told | {"most": most})
