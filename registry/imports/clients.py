"""Files of group clients: those that were surveyed come on the roll, those that are on it change.

Only what a row gives is changed. Nothing is filed or verified by a file.
"""

import re

from foundation import queries
from registry.file_errors import ContactInvalid
from registry.file_model import MOST_CONTACTS, Contact
from registry.imports import columns
from registry.imports.columns import CellRefused, Column, Known
from registry.imports.model import Kind
from registry.scope import Right

_STANDINGS = {
    "prospect": "prospect", "潜在": "prospect", "潜在客户": "prospect",
    "customer": "customer", "在网": "customer", "在网客户": "customer",
    "lost": "lost", "流失": "lost", "流失客户": "lost",
}  # fmt: skip
_GRADES = {letter.lower(): letter for letter in "ABCD"}
_ANSWERS = {
    "yes": "yes", "true": "yes", "1": "yes", "是": "yes",
    "no": "no", "false": "no", "0": "no", "否": "no",
}  # fmt: skip
_MOST_TERMINALS = 100_000_000
_PARTS = 4
_OF_THE_HOUSE = (
    "credit_code", "value_grade", "watched", "products", "rivals", "expected_terminals", "needs",
    "contacts", "order_ref",
)  # fmt: skip


def contacts(text: str, _: Known) -> str:
    """Contacts parted by semicolons or lines; of each name, role, telephone and mail by bars."""
    found = []
    for one in filter(str.strip, re.split(r"[;；\r\n]+", text)):
        parts = [*re.split(r"[|｜]", one), "", "", ""]
        if any(parts[_PARTS:]):
            raise CellRefused("contact_invalid")
        try:
            contact = Contact.of(parts[0], parts[1], parts[2], parts[3])
        except ContactInvalid:
            raise CellRefused("contact_invalid") from None
        given = (contact.name, contact.role, contact.phone, contact.mail)
        found.append("|".join(part or "" for part in given).rstrip("|"))
    if len(found) > MOST_CONTACTS:
        raise CellRefused("too_many_contacts")
    return "; ".join(found)


CLIENTS = Kind(
    name="clients",
    rights=(
        Right.GROUP_CLIENTS_REGISTER,
        Right.GROUP_CLIENTS_CHANGE,
        Right.GROUP_CLIENTS_MOVE,
        Right.CLIENT_FILES_KEEP,
    ),
    sql=queries.load("registry.imports", "clients.sql"),
    holding=("hold_tree", "hold_clients"),
    before=("tell_parentless",),
    steps=(
        "begin_clients",
        "note_clients",
        "put_surveys",
        "change_clients",
        "note_versions",
        "place_clients",
    ),
    undoing=(
        "forget_surveys",
        "restore_surveys",
        "restore_clients",
        "release_children",
        "delete_clients",
    ),
    rights_of_columns={},
    joins_whole=True,
    rights_to_read=(Right.GROUP_CLIENTS_READ,),
    rights_to_read_columns=dict.fromkeys(_OF_THE_HOUSE, (Right.CLIENT_FILES_READ,)),
    columns=(
        Column(
            name="code",
            titles=("client", "客户编码", "集团客户编码", "编码"),
            parse=columns.client_code,
            required=True,
            unique=True,
            meaning="How Muster calls the client. The key of a row.",
            example="grid-js-nj",
        ),
        Column(
            name="name",
            titles=("client_name", "客户名称", "集团客户名称", "名称"),
            parse=columns.plain(200),
            meaning="Its name; a new client needs one.",
            example="南京供电公司",
        ),
        Column(
            name="parent",
            titles=("parent_client", "上级客户", "上级客户编码", "母公司"),
            parse=columns.client_code,
            meaning="Code of the client that it is below; on the roll, or in any row of the file.",
            example="grid-js",
        ),
        Column(
            name="region",
            titles=("region_code", "监管地区", "监管区域", "地区", "地区编码", "区域"),
            parse=columns.region,
            meaning="Code of the region that supervises it, at its level; a new client needs one.",
            example="320100",
        ),
        Column(
            name="industry",
            titles=("trade", "行业", "行业编码"),
            parse=columns.plain(64),
            meaning="Code of its industry; a new client needs one.",
            example="power",
        ),
        Column(
            name="tier",
            titles=("service_tier", "服务等级"),
            parse=columns.plain(64),
            meaning="Code of its service tier; a new client needs one.",
            example="gold",
        ),
        Column(
            name="credit_code",
            titles=("uscc", "统一社会信用代码", "信用代码"),
            parse=columns.credit_code,
            unique=True,
            meaning="Its unified social credit code (GB 32100-2015), checked.",
            example="91350100M000100Y43",
        ),
        Column(
            name="standing",
            titles=("客户状态", "状态"),
            parse=columns.choice(_STANDINGS),
            default="prospect",
            meaning="In which standing it begins: prospect, customer or lost."
            " Of a client that is there already it is not compared.",
            example="prospect",
        ),
        Column(
            name="value_grade",
            titles=("grade", "价值等级"),
            parse=columns.choice(_GRADES),
            meaning="How much it matters: A, B, C or D.",
            example="B",
        ),
        Column(
            name="watched",
            titles=("watch", "重点看管"),
            parse=columns.choice(_ANSWERS),
            meaning="Whether it is marked for close care: yes or no.",
            example="no",
        ),
        Column(
            name="products",
            titles=("在用产品", "使用产品"),
            parse=columns.prose(2000),
            meaning="Products in use, as the survey found.",
            example="专线 2 条",
        ),
        Column(
            name="rivals",
            titles=("rival_services", "异网业务", "竞争对手业务"),
            parse=columns.prose(2000),
            meaning="Services that it has of rivals.",
            example="异网物联卡约 500 张",
        ),
        Column(
            name="expected_terminals",
            titles=("预计终端数", "终端规模"),
            parse=columns.whole(0, _MOST_TERMINALS),
            meaning="How many terminals are to be expected.",
            example="1200",
        ),
        Column(
            name="needs",
            titles=("需求", "客户需求"),
            parse=columns.prose(2000),
            meaning="What it needs.",
            example="电表集抄",
        ),
        Column(
            name="contacts",
            titles=("contact", "联系人"),
            parse=contacts,
            meaning="Whom to ask: name, role, telephone and mail parted by bars; several"
            " contacts parted by semicolons, 10 at most.",
            example="王芳|信息部主任|13800001111|wang@example.com",
        ),
        Column(
            name="order_ref",
            titles=("order", "工单号", "订单号", "受理单号"),
            parse=columns.plain(64),
            meaning="The order under which it comes; of a client that is there it is not compared.",
            example="SO-2026-1187",
        ),
    ),
)
