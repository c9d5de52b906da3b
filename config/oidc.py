"""A provider of OpenID Connect whose users may sign in."""

from __future__ import annotations

import ipaddress
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

GrantType = Literal[
    "implicit",
    "authorization_code",
    "authorization_code+pkce",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:device_code+pkce",
    "refresh_token",
]


class OidcClient(BaseModel):
    """A client, registered at the provider and without a secret, that users need not register themselves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    grant_types: list[GrantType] = Field(
        default=["authorization_code+pkce", "urn:ietf:params:oauth:grant-type:device_code+pkce", "refresh_token"],
        min_length=1,
    )
    redirect_urls: list[str] = []


class OidcProvider(BaseModel):
    """One provider.

    Args:
        issuer: its address, as it stands in tokens, without a slash at its end; https, unless it is on this machine.
        audience: access tokens for these audiences are accepted, and no others.
        scopes: that clients must ask for.
        authorization_parameters: that clients must send to the authorization endpoint.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str
    title: str
    audience: list[str] = Field(min_length=1)
    description: str | None = None
    scopes: list[str] = ["openid"]
    default_clients: list[OidcClient] = []
    authorization_parameters: dict[str, Any] = {}

    @field_validator("issuer")
    @classmethod
    def _an_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
            raise ValueError("an issuer starts with https://, or with http:// if it is on this machine")
        if not parts.hostname or parts.query or parts.fragment or value.endswith("/"):
            raise ValueError("an issuer has a host, no query and no slash at its end")
        return value

    @field_validator("audience")
    @classmethod
    def _no_empty_audience(cls, value: list[str]) -> list[str]:
        if not all(value):
            raise ValueError("an audience must not be empty")
        return value

    @field_validator("scopes")
    @classmethod
    def _with_openid(cls, value: list[str]) -> list[str]:
        if value and "openid" not in value:
            raise ValueError("scopes must hold openid")
        return value


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
