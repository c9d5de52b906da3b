"""Every option of the back-end, with its unit and default. Read at the door (`app`, `cli`) and passed down as values.

Weakest first: the defaults here, `config/default.yml`, a file of one's own, `OPENEO_*` variables, overrides.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict, SettingsError

from config.billing import BillingPlan
from config.files import OptionsError, options_in
from config.machine import available_cores, quarter_of_memory_bytes
from config.oidc import OidcProvider
from config.secret_key import read_or_create_key

DEFAULT_FILE = Path(__file__).with_name("default.yml")

MICROSERVICES: dict[str, bool] = {
    "capabilities": True,
    "data_discovery": True,
    "process_discovery": True,
    "udf_runtimes": False,
    "jobs": True,
    "results": True,
    "services": True,
    "user_data": True,
    "workspaces": True,
    "authentication": True,
}

# Bounds that no instance needs to pass, but that the clocks and counters of the system can't.
Seconds = Annotated[float, Field(gt=0, le=1e9)]
Bytes = Annotated[int, Field(gt=0, le=2**62)]
Count = Annotated[int, Field(ge=1, le=2**31)]
Processes = Annotated[int, Field(ge=1, le=1024)]


class Settings(BaseSettings):
    """The options of one instance. Immutable; use `load_settings` to read them."""

    model_config = SettingsConfigDict(
        env_prefix="OPENEO_", env_nested_delimiter="__", frozen=True, extra="forbid", validate_default=True,
        hide_input_in_errors=True,  # some are secrets
    )  # fmt: skip

    title: str = "pygeoapi-openeo"
    description: str = "An openEO back-end that publishes its results as OGC services."
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    public_url: str | None = None
    data_dir: Path = Path("data")
    database_url: str | None = Field(default=None, repr=False)
    threads: Processes = Field(default_factory=available_cores)
    memory_budget_bytes: Bytes | None = Field(default=None, ge=2**24)
    block_cache_bytes: Bytes | None = Field(default=None, ge=2**22)
    dask_address: str | None = None
    dask_workers: Processes = 2
    embedded_worker: bool = True
    worker_processes: Processes = 1
    demo: bool = False
    secret_key: SecretStr | None = None
    token_lifetime_s: Seconds = 86_400
    basic_authentication: bool = True
    oidc_providers: dict[str, OidcProvider] = {}
    signed_link_lifetime_s: Seconds = 604_800
    lease_s: Seconds = 30
    heartbeat_s: Seconds = 5
    job_poll_s: Seconds = 0.15
    job_attempts_max: Count = 3
    running_jobs_per_user: Count | None = None
    job_time_max_s: Seconds | None = 86_400
    job_memory_max_bytes: Bytes | None = Field(default=None, ge=2**26)
    job_output_max_bytes: Bytes | None = None
    job_log_entries_max: Count = 10_000
    keep_windows_after_s: float = Field(default=20, ge=0, le=1e9)
    events_per_user_max: Count = 20
    webhook_attempts_max: Count = 8
    request_max_bytes: Bytes = 10 * 2**20
    graph_max_nodes: Count = 5_000
    graph_max_depth: Count = 64
    sync_max_bytes: Bytes = 8 * 2**30
    sync_timeout_s: Seconds = 300
    tile_max_zoom: int = Field(default=20, ge=0, le=30)
    tile_cache_bytes: int = Field(default=2**30, ge=0, le=2**62)
    tile_cache_url: SecretStr | None = None
    tile_cache_timeout_s: Seconds = 0.25
    tile_cache_lifetime_s: int = Field(default=2_592_000, ge=1, le=10**9)
    seed_tiles_max: int = Field(default=200_000, ge=0, le=2**62)
    service_rate_per_s: float = Field(default=200, gt=0, le=1e9)
    egress: bool = True
    egress_schemes: list[Literal["https", "http"]] = ["https"]
    egress_hosts: list[str] | None = None
    egress_private_hosts: list[str] = []
    egress_max_bytes: Bytes = 64 * 2**20
    egress_timeout_s: Seconds = 30
    egress_namespaces: bool = True
    billing_currency: str | None = None
    billing_plans: dict[str, BillingPlan] = {}
    billing_default_plan: str | None = None
    maintenance: bool = False
    microservices: dict[str, bool] = Field(default_factory=lambda: dict(MICROSERVICES))
    log_level: Literal["error", "warning", "info", "debug"] = "info"

    @field_validator("threads", mode="before")
    @classmethod
    def _all_cores(cls, value: object) -> object:
        return available_cores() if value is None else value

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("public_url")
    @classmethod
    def _complete_address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
            raise ValueError("a public address is written as https://host or https://host/path, without ? and #")
        return value

    @field_validator("microservices")
    @classmethod
    def _known_microservices(cls, value: dict[str, bool]) -> dict[str, bool]:
        unknown = sorted(set(value) - set(MICROSERVICES))
        if unknown:
            raise ValueError(f"unknown microservices {unknown}; known: {sorted(MICROSERVICES)}")
        return {**MICROSERVICES, **value}

    @model_validator(mode="after")
    def _keeps_leases(self) -> Settings:
        if self.heartbeat_s >= self.lease_s:
            raise ValueError("heartbeat_s must be less than lease_s, else workers lose the jobs that they run")
        return self

    @model_validator(mode="after")
    def _billable(self) -> Settings:
        if self.billing_default_plan is not None and self.billing_default_plan not in self.billing_plans:
            raise ValueError(f"billing_default_plan must be one of {sorted(self.billing_plans)}")
        if self.billing_currency is None and any(plan.paid for plan in self.billing_plans.values()):
            raise ValueError("paid plans need a billing_currency")
        return self

    @field_validator("oidc_providers")
    @classmethod
    def _tellable_providers(cls, value: dict[str, OidcProvider]) -> dict[str, OidcProvider]:
        wrong = sorted(name for name in value if not re.fullmatch(r"[A-Za-z0-9_]{1,20}", name))
        if wrong:
            raise ValueError(f"ids of providers have 1 to 20 letters, digits or _, unlike {wrong}")
        if len({provider.issuer for provider in value.values()}) < len(value):
            raise ValueError("each provider needs an issuer of its own")
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 32:
            raise ValueError("a secret key needs at least 32 characters")
        return value

    @field_validator("tile_cache_url")
    @classmethod
    def _known_tile_cache(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"(rediss?://[^/?#]+|unix://).*", value.get_secret_value()):
            raise ValueError("the address of a tile cache begins with redis://host, rediss://host or unix://")
        return value

    @property
    def public_base(self) -> str:
        """The address under which clients reach the instance; no trailing slash."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = "localhost" if self.host in ("", "0.0.0.0", "::") else self.host  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def database(self) -> str:
        """The URL of the database; SQLite under `data_dir` unless one is set."""
        return self.database_url or f"sqlite:///{self.data_dir / 'openeo.sqlite'}"

    @property
    def results_dir(self) -> Path:
        """Where the files of batch jobs lie, one folder per job."""
        return self.data_dir / "results"

    @property
    def memory_budget(self) -> int:
        """Bytes that all live windows of a run may take together."""
        return self.memory_budget_bytes or quarter_of_memory_bytes()

    @property
    def block_cache(self) -> int:
        """Bytes of decoded blocks that the server keeps, as neighbouring tiles read the same ones."""
        return self.block_cache_bytes or quarter_of_memory_bytes() // 5

    @property
    def job_memory_limit(self) -> int:
        """Bytes of memory that one job may hold."""
        return self.job_memory_max_bytes or 3 * quarter_of_memory_bytes()

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the instance."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False

    def signing_key(self) -> bytes:
        """The key for signed links: `secret_key`, else that of `data_dir/secret.key`, written on first use."""
        if self.secret_key is not None:
            return self.secret_key.get_secret_value().encode()
        return read_or_create_key(self.data_dir / "secret.key")


def load_settings(file: Path | None = None, **overrides: Any) -> Settings:
    """The options of this instance.

    Args:
        file: a YAML file whose options replace the defaults.
        overrides: options that replace all others, such as those of the command line; None counts as not given.
    Raises: pydantic.ValidationError, if an option is unknown or has a bad value; OptionsError, if `file` or a variable
        makes no sense as a whole; OSError, if `file` can't be opened.
    """
    values: dict[str, Any] = {}
    given = {name: value for name, value in overrides.items() if value is not None}
    for layer in (options_in(DEFAULT_FILE), options_in(file), _environment(), given):
        values = _merged(values, layer)
    return Settings(**values)


def _environment() -> dict[str, Any]:
    try:
        return EnvSettingsSource(Settings)()
    except SettingsError as error:
        name = re.search(r'field "(\w+)"', str(error))
        option = name[1] if name else "options"
        raise OptionsError(f"the variable OPENEO_{option.upper()} must hold JSON") from None


def misspelt_variables(environment: Iterable[str]) -> dict[str, str]:
    """Variables that name no option of this software but nearly so, and the one that is probably meant.

    Others that begin like ours may be those of clients and scripts.
    """
    known = {name.upper() for name in Settings.model_fields}
    found = {}
    for name in sorted(environment):
        prefix, _, option = name.upper().partition("__")[0].partition("OPENEO_")
        if not prefix and option and option not in known and (near := get_close_matches(option, known, 1, 0.8)):
            found[name] = f"OPENEO_{near[0]}"
    return found


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    both = {name: {**below[name], **above[name]} for name in above if _is_mapping(below, above, name)}
    return {**below, **above, **both}


def _is_mapping(below: dict[str, Any], above: dict[str, Any], name: str) -> bool:
    return isinstance(below.get(name), dict) and isinstance(above[name], dict)
