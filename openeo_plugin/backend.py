"""What every face of the server shares: settings, stores, sign-in and the driver, bundled once and passed around."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from config.settings import Settings
    from db.collections import CollectionStore
    from db.jobs import JobStore
    from db.processes import ProcessStore
    from db.services import ServiceStore
    from db.session import Database
    from db.users import UserStore
    from openeo_plugin.auth.authentication import Authentication
    from openeo_plugin.driver.driver import Driver


@dataclass(frozen=True)
class Backend:
    """One opened back-end. All members are safe to use from many threads.

    secret: the key that signs links; the same in every process of an instance.
    """

    settings: Settings
    database: Database
    collections: CollectionStore
    jobs: JobStore
    services: ServiceStore
    processes: ProcessStore
    users: UserStore
    auth: Authentication
    driver: Driver
    secret: bytes


def open_backend(settings: Settings) -> Backend:
    """Open the database (created and migrated if need be) and everything that stands on it."""
    from db.collections import CollectionStore
    from db.jobs import JobStore, QueueRules
    from db.processes import ProcessStore
    from db.services import ServiceStore
    from db.session import Database
    from db.users import UserStore
    from openeo_plugin.driver.windowed import WindowedDriver

    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database)
    if not database.is_current():
        database.migrate()
    rules = QueueRules(settings.job_attempts_max, settings.running_jobs_per_user)
    collections, processes, users = CollectionStore(database), ProcessStore(database), UserStore(database)
    return Backend(
        settings=settings,
        database=database,
        collections=collections,
        jobs=JobStore(database, rules=rules, log_entries_max=settings.job_log_entries_max),
        services=ServiceStore(database),
        processes=processes,
        users=users,
        auth=_authentication(settings, users),
        driver=WindowedDriver(settings, collections, processes),
        secret=settings.signing_key(),
    )


def _authentication(settings: Settings, users: UserStore) -> Authentication:
    from openeo_plugin.auth.authentication import Authentication
    from openeo_plugin.auth.basic import BasicAuthentication
    from openeo_plugin.auth.oidc import OidcAuthentication

    providers = settings.oidc_providers
    oidc = OidcAuthentication(providers, users) if providers else None
    basic = BasicAuthentication(users, settings.token_lifetime_s)
    return Authentication(basic, oidc, accepts_passwords=settings.basic_authentication)
