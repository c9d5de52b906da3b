"""The openEO API as one Flask application: the blueprints of the microservices that are switched on."""

from __future__ import annotations

from flask import Flask

from openeo_plugin.api import (
    authentication,
    capabilities,
    data_discovery,
    errors,
    http,
    jobs,
    process_discovery,
    results,
    services,
    udf_runtimes,
    user_data,
    workspaces,
)
from openeo_plugin.api.routing import Route, bind, blueprint
from openeo_plugin.backend import Backend

MICROSERVICES: dict[str, tuple[Route, ...]] = {
    "capabilities": capabilities.ROUTES,
    "data_discovery": data_discovery.ROUTES,
    "process_discovery": process_discovery.ROUTES,
    "udf_runtimes": udf_runtimes.ROUTES,
    "jobs": jobs.ROUTES,
    "results": results.ROUTES,
    "services": services.ROUTES,
    "user_data": user_data.ROUTES,
    "workspaces": workspaces.ROUTES,
    "authentication": authentication.ROUTES,
}


def create_api(backend: Backend) -> Flask:
    """The application to be mounted at `/openeo/v1`. It lists exactly the endpoints it has."""
    app = Flask("openeo_plugin.api", static_folder=None)
    bind(app, backend)
    http.install(app, backend.settings.request_max_bytes, maintenance=backend.settings.maintenance)
    errors.install(app)
    for name, routes in MICROSERVICES.items():
        if backend.settings.microservices[name]:
            offered = [route for route in routes if authentication.is_offered(route, backend.settings)]
            app.register_blueprint(blueprint(name, offered))
    return app
