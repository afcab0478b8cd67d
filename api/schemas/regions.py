"""Regions as the API shows them."""

from pydantic import Field

from api.schemas.shapes import Answer
from registry.model import RegionLevel


class RegionAnswer(Answer):
    """A node of the supervision tree; its subtree is every code from `code` to `last_code`."""

    code: int = Field(examples=[320000])
    last_code: int = Field(examples=[329999])
    level: RegionLevel
    parent_code: int | None
    name_zh: str = Field(examples=["江苏"])
    name_en: str = Field(examples=["Jiangsu"])
    tile_row: int | None
    tile_column: int | None


class RegionsAnswer(Answer):
    """The whole tree, parents before their children."""

    items: list[RegionAnswer]
