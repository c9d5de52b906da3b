"""Delivers messages to webhooks: over the one way outside, signed, and again if nobody takes them.

A message is what the job's row said in the transaction that changed it, so none is lost; a receiver that is slow to
answer may get one twice, and knows it by its id.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from config.settings import Settings
from db.jobs import JobStore
from db.session import Database
from db.webhooks import WebhookMessage, WebhookStore, webhook_of
from openeo_plugin.egress.address import parse
from openeo_plugin.egress.client import Egress
from openeo_plugin.egress.policy import EgressError, EgressPolicy, RefusedAddressError, policy_of
from openeo_plugin.errors import OpenEOError

SIGNATURE = "OpenEO-Signature"
LEASE_S = 120.0
SECRET_MIN_CHARACTERS = 16
_ANSWER_TIMEOUT_S = 15.0
_FIRST_WAIT_S = 10.0
_LONGEST_WAIT_S = 3600.0
_LOG = logging.getLogger(__name__)


def refuse_webhook(additional: Mapping[str, Any], settings: Settings) -> None:
    """Raises: RequestInvalid, if a job names a webhook that no message could go to."""
    options = additional.get("job_options")
    given = additional.get("webhook") or (options.get("webhook") if isinstance(options, Mapping) else None)
    if given is None:
        return
    webhook = webhook_of(additional)
    if webhook is None:
        raise OpenEOError(
            "RequestInvalid", reason="`webhook` must be an address, or an object with `url` and `secret`."
        )
    if webhook.secret is not None and len(webhook.secret) < SECRET_MIN_CHARACTERS:
        raise OpenEOError(
            "RequestInvalid", reason=f"the `secret` of a webhook needs {SECRET_MIN_CHARACTERS} characters or more."
        )
    try:
        policy = policy_of(settings)
        if parse(webhook.url, policy).literal is not None:  # a name is looked up when there is something to tell
            Egress(policy).check(webhook.url)
    except EgressError as error:
        raise OpenEOError("RequestInvalid", reason=f"the webhook can't be used: {error}.") from None


def deliver_all(settings: Settings, database_url: str) -> None:
    """Deliver what is due, one message after the other; opens connections of its own."""
    database = Database(database_url)
    courier = Courier(
        WebhookStore(database),
        JobStore(database),
        policy_of(settings),
        settings.public_base,
        settings.webhook_attempts_max,
    )
    try:
        while courier.deliver_next():
            pass
    finally:
        database.dispose()


@dataclass(frozen=True)
class Courier:
    """Takes messages out of the store and to their webhooks.

    Args:
        policy: which addresses may be reached. Redirects are not followed.
        public_base: the address of this instance; part of what receivers get.
        attempts_max: after so many a message is given up, and the job's log says so.
    """

    messages: WebhookStore
    jobs: JobStore
    policy: EgressPolicy
    public_base: str
    attempts_max: int

    def deliver_next(self) -> bool:
        """Try one message that is due. False if there is none."""
        message = self.messages.claim(LEASE_S)
        if message is None:
            return False
        try:
            self._post(message)
        except RefusedAddressError as error:
            self._give_up(message, str(error))
        except EgressError as error:
            if message.attempts >= self.attempts_max:
                self._give_up(message, str(error))
            else:
                self.messages.retry(message.key, wait_s(message.attempts))
        else:
            self.messages.remove(message.key)
        return True

    def _post(self, message: WebhookMessage) -> None:
        url = f"{self.public_base}/openeo/v1/jobs/{message.job_id}"
        content = {"id": f"{message.job_id}-{message.key}", **message.body, "links": [{"rel": "about", "href": url}]}
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json"}
        if message.webhook.secret is not None:
            headers[SIGNATURE] = signature(message.webhook.secret, body, int(time.time()))
        policy = replace(self.policy, max_redirects=0, max_bytes=2**16, timeout_s=_ANSWER_TIMEOUT_S)
        Egress(policy).fetch(message.webhook.url, method="POST", headers=headers, body=body)

    def _give_up(self, message: WebhookMessage, why: str) -> None:
        self.messages.remove(message.key)
        state = message.body.get("status")
        self.jobs.log(message.job_id, "warning", f"The webhook was not told that the job is {state}: {why}.")
        _LOG.info("A webhook of job %s is given up after %d attempts", message.job_id, message.attempts)


def wait_s(attempts: int) -> float:
    """Seconds before a message that failed so many times is tried again: 10, 40, 160 ... at most an hour."""
    return float(min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 4 ** (attempts - 1)))


def signature(secret: str, body: bytes, moment_s: int) -> str:
    """`t=<seconds since 1970>,v1=<hex>`: HMAC-SHA256 over the moment, a dot and the body."""
    digest = hmac.new(secret.encode(), f"{moment_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment_s},v1={digest}"
