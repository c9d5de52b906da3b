"""What requests cost: the plans of the instance, budgets, and the price of computing time.

Without a currency nothing costs anything and budgets set no limit, as the standard has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.billing import BillingPlan
from config.settings import Settings
from openeo_plugin.errors import OpenEOError

_DECIMALS = 6
FREE = "free"


def plans(settings: Settings) -> dict[str, BillingPlan]:
    """The plans of the instance; one that costs nothing, if none is configured."""
    return settings.billing_plans or {FREE: BillingPlan(description="Processing costs nothing here.")}


def billing(settings: Settings) -> dict[str, Any]:
    """Currency and plans, as `GET /` shows them."""
    document: dict[str, Any] = {"currency": settings.billing_currency}
    offered = plans(settings)
    default = settings.billing_default_plan or (next(iter(offered)) if len(offered) == 1 else None)
    if default is not None:
        document["default_plan"] = default
    document["plans"] = [_plan(name, plan) for name, plan in offered.items()]
    return document


def requested_plan(body: Mapping[str, Any], settings: Settings) -> str:
    """The plan that a new job, service or request runs under.

    Raises: BillingPlanInvalid, BillingPlanMissing.
    """
    given = body.get("plan")
    offered = plans(settings)
    if given is None:
        if settings.billing_default_plan is not None:
            return settings.billing_default_plan
        if len(offered) > 1:
            raise OpenEOError("BillingPlanMissing")
        return next(iter(offered))
    named = [name for name in offered if isinstance(given, str) and name.lower() == given.lower()]
    if not named:
        raise OpenEOError("BillingPlanInvalid")
    return named[0]


def requested_budget(body: Mapping[str, Any], settings: Settings) -> float | None:
    """The most that a request may cost; None for no limit.

    Raises: BudgetInvalid, for what is no amount, and for nothing at all where things cost something.
    """
    budget = body.get("budget")
    if budget is None:
        return None
    if not isinstance(budget, int | float) or isinstance(budget, bool) or budget < 0:
        raise OpenEOError("BudgetInvalid")
    if budget == 0 and settings.billing_currency is not None:
        raise OpenEOError("BudgetInvalid")
    return budget


def costs(settings: Settings, plan: str | None, core_s: float) -> float:
    """What computing for so many seconds on one core costs under a plan."""
    found = settings.billing_plans.get(plan or "")
    if settings.billing_currency is None or found is None or not found.paid:
        return 0.0
    return round(found.price_per_core_hour * core_s / 3600, _DECIMALS)


def costs_of_usage(settings: Settings, plan: str | None, usage: Mapping[str, Any]) -> float:
    """What a job has cost by its `usage`."""
    return costs(settings, plan, float(usage.get("cpu", {}).get("value", 0.0)))


def refuse_unpayable(settings: Settings, budget: float | None, estimated_costs: float) -> None:
    """Raises: PaymentRequired, if more money is needed than the budget allows."""
    if budget is not None and settings.billing_currency is not None and estimated_costs > budget:
        amounts = f"about {estimated_costs:g} {settings.billing_currency} of {budget:g}"
        raise OpenEOError("PaymentRequired", message=f"The budget does not suffice: this would take {amounts}.")


def _plan(name: str, plan: BillingPlan) -> dict[str, Any]:
    shown = {"name": name, "description": plan.description, "paid": plan.paid, "url": plan.url}
    return {key: value for key, value in shown.items() if value is not None}
