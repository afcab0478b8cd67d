"""Files of SIM bindings: first rules only; what replaces one goes by request and approval."""

from foundation import queries
from registry.imports import columns
from registry.imports.columns import Column
from registry.imports.model import Kind
from registry.scope import Right

_MODES = {
    "first_seen": "first_seen", "first seen": "first_seen", "首见": "first_seen",
    "exact": "exact", "精确": "exact", "一机一卡": "exact",
    "imei_list": "imei_list", "imei list": "imei_list", "imei列表": "imei_list",
    "tac": "tac", "机型": "tac",
}  # fmt: skip
_ACTIONS = {
    "log": "log", "记录": "log",
    "event": "event", "事件": "event",
    "isolate": "isolate", "隔离": "isolate",
    "refuse": "refuse", "拒绝": "refuse",
}  # fmt: skip

BINDINGS = Kind(
    name="bindings",
    rights=(Right.BINDINGS_SET,),
    sql=queries.load("registry.imports", "bindings.sql"),
    before=("end_off",),
    steps=("insert_bindings", "note_bindings"),
    undoing=("end_bindings", "insert_off"),
    rights_of_columns={},
    rights_to_read=(Right.SIMS_READ,),
    rights_to_read_columns={},
    columns=(
        Column(
            name="iccid",
            titles=("sim", "卡号", "sim卡号", "iccid号"),
            parse=columns.iccid,
            required=True,
            unique=True,
            meaning="The SIM that is bound. The key of a row.",
            example="89860012345678901239",
        ),
        Column(
            name="mode",
            titles=("模式", "绑定模式"),
            parse=columns.choice(_MODES),
            required=True,
            meaning="Which hardware it may work in: first_seen, exact, imei_list or tac.",
            example="exact",
        ),
        Column(
            name="imeis",
            titles=("imei", "设备号"),
            parse=columns.several(columns.imei, 100),
            meaning="The IMEI of `exact`, the IMEIs of `imei_list`, parted by blanks; 100 at most.",
            example="490154203237518",
        ),
        Column(
            name="tacs",
            titles=("tac", "机型码"),
            parse=columns.several(columns.tac, 100),
            meaning="The type allocation codes of `tac`, 8 digits each, parted by blanks.",
            example="",
        ),
        Column(
            name="action",
            titles=("动作", "违规动作"),
            parse=columns.choice(_ACTIONS),
            default="event",
            meaning="What becomes of a violation: log, event, isolate or refuse.",
            example="event",
        ),
        Column(
            name="reason",
            titles=("原因", "备注"),
            parse=columns.plain(500),
            meaning="Why it is bound.",
            example="合同要求",
        ),
    ),
)
