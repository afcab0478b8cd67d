"""Files of terminals: each with its hardware, its SIM, its names, and a password if wanted."""

from foundation import queries
from registry.imports import columns
from registry.imports.columns import Column
from registry.imports.model import Kind
from registry.scope import Right

_STATES = {
    "registered": "registered", "已登记": "registered",
    "provisioned": "provisioned", "已开通": "provisioned",
    "testing": "testing", "in testing": "testing", "测试": "testing", "测试中": "testing",
    "in_service": "in_service", "in service": "in_service", "在用": "in_service",
}  # fmt: skip
_CREDENTIALS = {
    "generate": "generate", "yes": "generate", "是": "generate", "生成": "generate",
    "none": "none", "no": "none", "否": "none", "无": "none",
}  # fmt: skip

TERMINALS = Kind(
    name="terminals",
    rights=(Right.TERMINALS_REGISTER,),
    sql=queries.load("registry.imports", "terminals.sql"),
    steps=(
        "insert_terminals",
        "note_terminals",
        "insert_ownerships",
        "insert_profile_intervals",
        "insert_hardware",
        "insert_sims",
        "insert_installations",
        "adopt_sims",
        "put_behind_gateways",
        "note_gateways",
        "insert_wire_names",
    ),
    undoing=(
        "return_sims",
        "delete_sims",
        "delete_hardware",
        "delete_wire_names",
        "delete_gateways",
        "delete_credentials",
        "delete_profile_intervals",
        "delete_ownerships",
        "delete_terminals",
    ),
    rights_of_columns={"iccid": (Right.SIMS_REGISTER, Right.SIMS_INSTALL)},
    rights_to_read=(Right.TERMINALS_READ,),
    rights_to_read_columns=dict.fromkeys(("iccid", "imsi", "msisdn"), (Right.SIMS_READ,)),
    makes_secrets=True,
    makes_terminals=True,
    columns=(
        Column(
            name="code",
            titles=("terminal", "终端编码", "终端编号", "编码"),
            parse=columns.terminal_code,
            required=True,
            unique=True,
            meaning="How Muster calls it: topic, MQTT user name and client id. The key of a row.",
            example="METER-000001",
        ),
        Column(
            name="name",
            titles=("终端名称", "名称"),
            parse=columns.plain(200),
            meaning="What people call it.",
            example="3 号变压器",
        ),
        Column(
            name="profile",
            titles=("device_profile", "物模型", "物模型编码"),
            parse=columns.profile,
            required=True,
            meaning="Code of its device profile.",
            example="smart_meter",
        ),
        Column(
            name="group_client",
            titles=("client", "owner", "集团客户", "客户编码", "归属客户", "客户"),
            parse=columns.plain(64),
            meaning="Code of the group client that owns it; blank: the operator.",
            example="grid-js",
        ),
        Column(
            name="region",
            titles=("region_code", "地区", "地区编码", "区域", "安装地"),
            parse=columns.region,
            required=True,
            meaning="Code of the region where it is installed.",
            example="320100",
        ),
        Column(
            name="state",
            titles=("状态", "终端状态"),
            parse=columns.choice(_STATES),
            default="provisioned",
            meaning="In which state it begins: registered, provisioned, testing or in_service."
            " Of a terminal that is there already it is not compared.",
            example="testing",
        ),
        Column(
            name="imei",
            titles=("设备号", "imei号"),
            parse=columns.imei,
            unique=True,
            meaning="The 15 digits of its modem.",
            example="490154203237518",
        ),
        Column(
            name="iccid",
            titles=("卡号", "sim卡号", "iccid号"),
            parse=columns.iccid,
            unique=True,
            meaning="The SIM in it; one from stock, or one that comes on the roll with it.",
            example="89860012345678901239",
        ),
        Column(
            name="imsi",
            titles=("imsi号",),
            parse=columns.imsi,
            unique=True,
            meaning="The SIM's subscription, 15 digits.",
            example="460001234567890",
        ),
        Column(
            name="msisdn",
            titles=("number", "号码", "接入号", "msisdn号"),
            parse=columns.msisdn,
            unique=True,
            meaning="The SIM's number, 11 or 13 digits.",
            example="1440012345678",
        ),
        Column(
            name="tags",
            titles=("标签",),
            parse=columns.words,
            meaning="Words, parted by blanks or commas.",
            example="roof pilot",
        ),
        Column(
            name="latitude",
            titles=("纬度",),
            parse=columns.number(-90, 90),
            meaning="Degrees north, WGS-84.",
            example="32.0603",
        ),
        Column(
            name="longitude",
            titles=("经度",),
            parse=columns.number(-180, 180),
            meaning="Degrees east, WGS-84.",
            example="118.7969",
        ),
        Column(
            name="wire_names",
            titles=("wire_name", "上线标识"),
            parse=columns.wire_names,
            meaning="How it calls itself in protocols, as kind:value, parted by blanks.",
            example="meter_address:000012345678",
        ),
        Column(
            name="gateway",
            titles=("网关", "网关编码", "集中器"),
            parse=columns.terminal_code,
            meaning="Code of the terminal that speaks for it; on the roll, or in a row above.",
            example="GATE-1",
        ),
        Column(
            name="order_ref",
            titles=("order", "工单号", "订单号", "受理单号"),
            parse=columns.plain(64),
            meaning="The order under which it comes.",
            example="SO-2026-1187",
        ),
        Column(
            name="credential",
            titles=("凭证", "口令"),
            parse=columns.choice(_CREDENTIALS),
            default="generate",
            meaning="`generate` makes a random password for the broker, handed out once as a file;"
            " `none` leaves that to a certificate, or to later.",
            example="generate",
        ),
    ),
)  # fmt: skip
