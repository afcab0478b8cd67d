"""Files of assignments: who is to serve which clients, or to take them over from whoever does."""

from foundation import queries
from registry.imports import columns
from registry.imports.columns import Column
from registry.imports.model import Kind
from registry.scope import Right

_ROLES = {
    "account_manager": "account_manager", "account manager": "account_manager",
    "客户经理": "account_manager",
    "agent": "agent", "sa": "agent", "社会代理": "agent", "代理": "agent",
}  # fmt: skip

ASSIGNMENTS = Kind(
    name="assignments",
    rights=(Right.ASSIGNMENTS_CHANGE,),
    sql=queries.load("registry.imports", "assignments.sql"),
    holding=("hold_people", "hold_clients"),
    steps=("serve",),
    undoing=("delete_assignments", "serve_on"),
    rights_of_columns={},
    joins_whole=True,
    rights_to_read=(Right.ASSIGNMENTS_READ,),
    rights_to_read_columns={},
    columns=(
        Column(
            name="group_client",
            titles=("client", "集团客户", "客户编码", "客户"),
            parse=columns.client_code,
            required=True,
            meaning="Code of the client. With the role the key of a row.",
            example="grid-js",
        ),
        Column(
            name="role",
            titles=("角色",),
            parse=columns.choice(_ROLES),
            required=True,
            meaning="As what the person serves it: account_manager or agent.",
            example="account_manager",
        ),
        Column(
            name="person",
            titles=("user", "人员", "用户名", "姓名"),
            parse=columns.plain(64),
            required=True,
            meaning="The user's name.",
            example="li.na",
        ),
        Column(
            name="effective_at",
            titles=("from", "生效时间", "生效日期"),
            parse=columns.since_day,
            meaning="From when on, as a day (its beginning, UTC) or an RFC 3339 time; blank: now.",
            example="2027-01-01",
        ),
        Column(
            name="note",
            titles=("备注", "说明"),
            parse=columns.plain(500),
            meaning="Why.",
            example="片区调整",
        ),
    ),
)
