"""A plan that users may process under, and what it costs."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class BillingPlan(BaseModel):
    """One plan. Its price is in the instance's currency; a plan that is not `paid` costs nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str
    paid: bool = False
    price_per_core_hour: float = Field(default=0.0, ge=0)
    url: str | None = None
