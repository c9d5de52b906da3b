from __future__ import annotations

from dataclasses import replace

import pytest
from fakes import graph

from config.settings import load_settings
from openeo_plugin.api.application import create_api

PLANS = {
    "Free": {"description": "For trying."},
    "Fast": {"description": "For work.", "paid": True, "price_per_core_hour": 3600, "url": "https://geo.example/fast"},
}


@pytest.fixture
def shop(api, tmp_path):
    """The API of an instance where a second of one core costs one euro under the plan Fast."""

    def opened(**options):
        settings = load_settings(data_dir=tmp_path, billing_currency="EUR", billing_plans=PLANS, **options)
        backend = replace(api.backend, settings=settings)
        return replace(api, client=create_api(backend).test_client(), backend=backend)

    return opened


def _job(**fields):
    return {"process": graph("save_result", files={"a.tif": ""}), **fields}


def _create(shop, **fields):
    return shop.post("/jobs", _job(**fields)).headers["OpenEO-Identifier"]


@pytest.mark.requirement(35)
def test_capabilities_name_currency_and_plans(shop):
    billing = shop(billing_default_plan="Free").get("/").json["billing"]

    assert (billing["currency"], billing["default_plan"]) == ("EUR", "Free")
    assert billing["plans"] == [
        {"name": "Free", "description": "For trying.", "paid": False},
        {"name": "Fast", "description": "For work.", "paid": True, "url": "https://geo.example/fast"},
    ]


@pytest.mark.requirement(732, 762)
def test_plans_are_accepted_in_any_case_and_kept(shop):
    shop = shop(billing_default_plan="Free")

    assert shop.get(f"/jobs/{_create(shop)}").json["plan"] == "Free"
    assert shop.get(f"/jobs/{_create(shop, plan='fAST')}").json["plan"] == "Fast"
    job_id = _create(shop)
    assert shop("PATCH", f"/jobs/{job_id}", json={"plan": "FAST", "budget": 3}).status_code == 204
    changed = shop.get(f"/jobs/{job_id}").json
    assert (changed["plan"], changed["budget"]) == ("Fast", 3)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"plan": "gold"}, "BillingPlanInvalid"),
        ({"plan": 1}, "BillingPlanInvalid"),
        ({}, "BillingPlanMissing"),
        ({"plan": "Fast", "budget": 0}, "BudgetInvalid"),
        ({"plan": "Fast", "budget": "10"}, "BudgetInvalid"),
    ],
)
@pytest.mark.parametrize("path", ["/jobs", "/result"])
def test_without_a_plan_and_a_budget_of_this_instance_nothing_is_accepted(shop, path, fields, code):
    response = shop().post(path, _job(**fields))

    assert (response.status_code, response.json["code"]) == (400, code)


def test_the_only_plan_is_taken_by_itself(api, tmp_path):
    settings = load_settings(data_dir=tmp_path, billing_plans={"Free": PLANS["Free"]})
    backend = replace(api.backend, settings=settings)
    only = replace(api, client=create_api(backend).test_client(), backend=backend)

    assert only.get(f"/jobs/{_create(only)}").json["plan"] == "Free"


@pytest.mark.requirement(821)
def test_an_estimate_tells_what_a_job_will_cost(shop):
    shop = shop()

    assert shop.get(f"/jobs/{_create(shop, plan='Fast')}/estimate").json["costs"] == 1.25
    assert shop.get(f"/jobs/{_create(shop, plan='Free')}/estimate").json["costs"] == 0


@pytest.mark.requirement(852)
def test_a_job_is_not_started_beyond_its_budget(shop):
    shop = shop()
    poor, rich = _create(shop, plan="Fast", budget=1.24), _create(shop, plan="Fast", budget=1.25)

    refused = shop.post(f"/jobs/{poor}/results")

    assert (refused.status_code, refused.json["code"]) == (402, "PaymentRequired")
    assert "1.25 EUR" in refused.json["message"]
    assert shop.get(f"/jobs/{poor}").json["status"] == "created"
    assert shop.post(f"/jobs/{rich}/results").status_code == 202


@pytest.mark.requirement(753)
def test_a_job_tells_what_it_has_cost_by_its_processor_time(shop):
    shop = shop()
    job_id = _create(shop, plan="Fast")
    shop.post(f"/jobs/{job_id}/results")
    shop.backend.jobs.claim("worker", 30)
    shop.backend.jobs.finish(job_id, "worker", {"cpu": {"value": 2.5, "unit": "cpu-seconds"}})

    assert shop.get(f"/jobs/{job_id}").json["costs"] == 2.5
    assert shop.get("/jobs").json["jobs"][0]["costs"] == 2.5


@pytest.mark.requirement(902, 907, 910)
def test_a_synchronous_request_costs_what_was_estimated_and_stays_within_its_budget(shop):
    shop = shop()

    assert shop.post("/result", _job(plan="Fast", budget=2)).headers["OpenEO-Costs"] == "1.25"
    assert shop.post("/result", _job(plan="Free")).headers["OpenEO-Costs"] == "0"
    assert shop.post("/result", _job(plan="Fast", budget=1)).json["code"] == "PaymentRequired"


@pytest.mark.requirement(634, 653, 665)
def test_services_have_a_plan_and_a_budget(shop):
    shop = shop()
    body = {"type": "XYZ", "process": graph("load_collection", id="SYNTHETIC"), "plan": "free", "budget": 5}
    path = f"/services/{shop.post('/services', body).headers['OpenEO-Identifier']}"

    service = shop.get(path).json
    assert (service["plan"], service["budget"], service["costs"]) == ("Free", 5, 0)
    assert shop("PATCH", path, json={"plan": "FAST", "budget": None}).status_code == 204
    assert shop.get(path).json["plan"] == "Fast"
    assert "budget" not in shop.get(path).json


@pytest.mark.parametrize(
    "options",
    [
        {"billing_plans": PLANS},
        {"billing_currency": "EUR", "billing_plans": PLANS, "billing_default_plan": "Gold"},
    ],
)
def test_plans_that_do_not_fit_together_are_refused_at_the_start(options):
    with pytest.raises(ValueError, match="billing"):
        load_settings(**options)
