"""Targets as Prometheus' HTTP service discovery reads them."""

from typing import Self

from pydantic import Field

from api.schemas.shapes import Answer
from telemetry.exposition import Target


class SeriesUseAnswer(Answer):
    """How many series a group client's terminals are at most, and how many it may have."""

    group_client: str = Field(validation_alias="code", examples=["example-power"])
    terminals: int
    series: int = Field(description="If all are heard of with every metric.")
    cap: int = Field(description="By the tier; above it aggregates stand instead of terminals.")
    may_be_aggregated: bool


class TargetAnswer(Answer):
    """A group client: where its series are, and labels.

    `group_client` and `province` become labels of every series; what begins with `__` is there to
    choose by, and is dropped unless a configuration keeps it.
    """

    targets: list[str] = Field(examples=[["muster.example:443"]])
    labels: dict[str, str] = Field(
        examples=[
            {
                "__scheme__": "https",
                "__metrics_path__": "/api/v1/group-clients/example-power/metrics",
                "group_client": "example-power",
                "province": "320000",
                "__meta_muster_region": "320500",
                "__meta_muster_industry": "power",
                "__meta_muster_tier": "gold",
            }
        ]
    )

    @classmethod
    def of(cls, target: Target, host: str, scheme: str) -> Self:
        """The target at the address that the asker reached us by."""
        return cls(
            targets=[host],
            labels={
                "__scheme__": scheme,
                "__metrics_path__": f"/api/v1/group-clients/{target.code}/metrics",
                "group_client": target.code,
                "province": str(target.province_code),
                "__meta_muster_region": str(target.region_code),
                "__meta_muster_industry": target.industry_code,
                "__meta_muster_tier": target.tier_code,
            },
        )
