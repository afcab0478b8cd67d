"""Files of SIMs: stock, or cards in use, with or without a terminal to come."""

from foundation import queries
from registry.imports import columns
from registry.imports.columns import Column
from registry.imports.model import Kind
from registry.scope import Right

_STATES = {
    "inventory": "inventory", "in inventory": "inventory", "库存": "inventory",
    "testing": "testing", "in testing": "testing", "测试": "testing", "测试中": "testing",
    "silent": "silent", "silent period": "silent", "沉默期": "silent",
    "active": "active", "在用": "active", "已激活": "active",
}  # fmt: skip

SIMS = Kind(
    name="sims",
    rights=(Right.SIMS_REGISTER,),
    sql=queries.load("registry.imports", "sims.sql"),
    steps=("insert_sims", "note_sims"),
    undoing=("delete_sims",),
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
            meaning="The number printed on the card. The key of a row.",
            example="89860012345678901239",
        ),
        Column(
            name="imsi",
            titles=("imsi号",),
            parse=columns.imsi,
            unique=True,
            meaning="Its subscription, 15 digits.",
            example="460001234567890",
        ),
        Column(
            name="msisdn",
            titles=("number", "号码", "接入号", "msisdn号"),
            parse=columns.msisdn,
            unique=True,
            meaning="Its number, 11 or 13 digits.",
            example="1440012345678",
        ),
        Column(
            name="eid",
            titles=("eid号",),
            parse=columns.eid,
            unique=True,
            meaning="The 32 digits of an embedded SIM.",
            example="89049032123451234512345678901235",
        ),
        Column(
            name="region",
            titles=("region_code", "地区", "地区编码", "区域"),
            parse=columns.region,
            required=True,
            meaning="Code of the region that keeps it.",
            example="320100",
        ),
        Column(
            name="group_client",
            titles=("client", "owner", "集团客户", "客户编码", "归属客户", "客户"),
            parse=columns.plain(64),
            meaning="Code of the group client that owns it; blank: the operator.",
            example="grid-js",
        ),
        Column(
            name="state",
            titles=("状态", "卡状态"),
            parse=columns.choice(_STATES),
            default="inventory",
            meaning="In which state it begins: inventory, testing, silent or active."
            " Of a SIM that is there already it is not compared.",
            example="inventory",
        ),
        Column(
            name="apn",
            titles=("接入点",),
            parse=columns.plain(100),
            meaning="The access point that it uses.",
            example="cmiot.js",
        ),
        Column(
            name="plan",
            titles=("套餐", "资费"),
            parse=columns.plain(64),
            meaning="The plan that it is on.",
            example="iot-30m",
        ),
        Column(
            name="test_until",
            titles=("测试期至", "测试期截止"),
            parse=columns.day,
            meaning="Until when it is in testing, as a day (its end, UTC) or an RFC 3339 time.",
            example="2027-03-31",
        ),
        Column(
            name="silent_until",
            titles=("沉默期至", "沉默期截止"),
            parse=columns.day,
            meaning="Until when it may stay unused before it is put into use, likewise.",
            example="2027-06-30",
        ),
        Column(
            name="order_ref",
            titles=("order", "工单号", "订单号", "受理单号"),
            parse=columns.plain(64),
            meaning="The order under which it comes.",
            example="SO-2026-1187",
        ),
    ),
)
