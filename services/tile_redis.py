"""Pictures of tiles in Redis or a server that speaks like it, which web servers on several machines share.

{instance}:{service}                              hash: access domain -> token, then the stamp it was made for
{instance}:{service}:{domain}:{stamp}:{picture}   string: token, digest of the key, then the picture

A picture counts only while its token is that of its service and access domain: a new token makes all older pictures
unreachable at once for every process, by one short command. Their memory comes back when their lifetime is over, or by
the server's own eviction. The token is asked for with each picture, in the same turn: it is the key of a service that
was used last, so it is evicted last. By the digest an answer that was meant for another question is known as such.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar, cast

import redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.retry import Retry

from services.circuit import Circuit
from services.tile_store import PUBLIC, TileKey, access_domain

PAUSE_S = 5.0
WARN_EVERY_S = 60.0
_TOKEN_BYTES = 16
_HEAD_BYTES = 2 * _TOKEN_BYTES

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class RedisOptions:
    """How a server is used.

    Args:
        url: redis, rediss (TLS) or unix; may hold a password.
        prefix: of all keys, another for each instance.
        limit_bytes: what is taken as its room, unless its own `maxmemory` is less.
        timeout_s: for a connection, and for an answer.
        lifetime_s: of a picture.
        pause_s: after a failure.
    """

    url: str = field(repr=False)
    prefix: str
    limit_bytes: int
    timeout_s: float = 0.25
    lifetime_s: int = 2_592_000
    pause_s: float = PAUSE_S


@lru_cache(maxsize=16)
def redis_tiles(options: RedisOptions) -> RedisTiles:
    """The one store of this process for these options, so that all share connections and know when it is away.

    Raises: ValueError if the address can't be understood.
    """
    return RedisTiles(options)


class RedisTiles:
    """A `TileStore` in a server. Connects at first use."""

    def __init__(self, options: RedisOptions) -> None:
        self.options = options
        self._client: redis.Redis = redis.Redis.from_url(
            options.url,
            socket_timeout=options.timeout_s,
            socket_connect_timeout=options.timeout_s,
            retry=Retry(NoBackoff(), 1, (redis.ConnectionError,)),  # a connection that the server has closed meanwhile
            protocol=2,
            decode_responses=False,
        )
        self._asking = Circuit(options.pause_s)
        self._writing = Circuit(options.pause_s)  # a full server can still be read
        self._lock = threading.Lock()
        self._warned_s: float | None = None

    def of(self, service_id: str, stamp: str, owner: str | None) -> KeptInRedis:
        """The pictures of a service as it is now; those of what it was before become unreachable."""
        kept = KeptInRedis(self, f"{self.options.prefix}:{service_id}", access_domain(owner), stamp.encode())
        kept.begin()
        return kept

    def forget(self, service_id: str) -> None:
        """Make all pictures of a service unreachable."""
        self.ask(lambda client: client.delete(f"{self.options.prefix}:{service_id}"))

    def room_bytes(self) -> int:
        """What the server may hold, as far as it tells."""
        own = self.ask(_max_memory) or 0
        return min(own, self.options.limit_bytes) if own else self.options.limit_bytes

    def ask(self, work: Callable[[redis.Redis], T], *, writes: bool = False) -> T | None:
        """What some commands give; None while the server is of no use.

        Args:
            writes: whether more memory is needed.
        """
        if (writes and not self._writing.may_ask()) or not self._asking.may_ask():
            return None
        try:
            found = work(self._client)
        except Exception as error:  # who answers need not be a Redis server
            is_full = writes and isinstance(error, redis.ResponseError)  # or writes nothing for a reason of its own
            self._failed(self._writing if is_full else self._asking, error)
            if is_full:
                self._asking.answered()
            return None
        self._asking.answered()
        if writes:
            self._writing.answered()
        return found

    def _failed(self, circuit: Circuit, error: Exception) -> None:
        circuit.failed()
        now = time.monotonic()
        with self._lock:
            if self._warned_s is not None and now - self._warned_s < WARN_EVERY_S:
                return
            self._warned_s = now
        # Of the error only its kind: its text may repeat what was sent, the password among it.
        log.warning("Tiles can't be kept at tile_cache_url for now (%s): they are made.", type(error).__name__)


@dataclass(frozen=True)
class KeptInRedis:
    """The pictures of one service in one state.

    Args:
        service: key of its tokens.
        domain: who may see the pictures.
        stamp: of the service and its data.
    """

    store: RedisTiles
    service: str
    domain: str
    stamp: bytes

    def get(self, key: TileKey) -> bytes | None:
        """A picture, if it was kept."""
        name = self._key(key)
        value = self.store.ask(lambda client: self._of_now(client, name, lambda turn: turn.get(name)))
        return value[_HEAD_BYTES:] if value else None

    def has(self, key: TileKey) -> bool:
        """Whether a picture was kept."""
        name, last = self._key(key), _HEAD_BYTES - 1
        return bool(self.store.ask(lambda client: self._of_now(client, name, lambda t: t.getrange(name, 0, last))))

    def put(self, key: TileKey, content: bytes) -> None:
        """Keep a picture for its lifetime, if the server takes it."""
        self.store.ask(lambda client: self._put(client, self._key(key), content), writes=True)

    def room_bytes(self) -> int:
        """What the server may hold, as far as it tells."""
        return self.store.room_bytes()

    def begin(self) -> None:
        """Make unreachable what was kept of another state of the service."""
        if self.store.ask(self._is_begun) is False:
            self.store.ask(self._set_token, writes=True)

    def _is_begun(self, client: redis.Redis) -> bool:
        turn = client.pipeline(transaction=False)
        turn.hget(self.service, self.domain)
        if self.domain != PUBLIC:
            turn.hdel(self.service, PUBLIC)
        return self._is_own(turn.execute()[0])

    def _set_token(self, client: redis.Redis) -> None:
        """Unless another process does it at the same time: its token serves as well."""
        with client.pipeline() as turn, suppress(redis.WatchError):
            turn.watch(self.service)
            if self._is_own(cast(bytes | None, turn.hget(self.service, self.domain))):
                return
            turn.multi()
            turn.hset(self.service, self.domain, self._new_token())
            turn.expire(self.service, self.store.options.lifetime_s)
            turn.execute()

    def _is_own(self, state: bytes | None) -> bool:
        return state is not None and state[_TOKEN_BYTES:] == self.stamp

    def _put(self, client: redis.Redis, key: str, content: bytes) -> None:
        state = client.hget(self.service, self.domain)
        if state is None:  # evicted, or the server began anew
            client.hsetnx(self.service, self.domain, self._new_token())
            state = client.hget(self.service, self.domain)
        if state is None:
            return
        token = cast(bytes, state)[:_TOKEN_BYTES]
        turn = client.pipeline(transaction=False)
        turn.expire(self.service, self.store.options.lifetime_s)  # longer than any picture
        turn.set(key, token + _digest(key) + content, ex=self.store.options.lifetime_s)
        turn.execute()

    def _of_now(self, client: redis.Redis, key: str, look: Callable[[Pipeline], object]) -> bytes | None:
        """What is found under a key, its head first; None unless that is the one of now."""
        turn = client.pipeline(transaction=False)
        turn.hget(self.service, self.domain)
        look(turn)
        now, found = turn.execute()
        return found if now and found and found.startswith(now[:_TOKEN_BYTES] + _digest(key)) else None

    def _new_token(self) -> bytes:
        return secrets.token_bytes(_TOKEN_BYTES) + self.stamp

    def _key(self, key: TileKey) -> str:
        return f"{self.service}:{self.domain}:{self.stamp.decode()}:{key.path}"


def _digest(key: str) -> bytes:
    return hashlib.blake2b(key.encode(), digest_size=_HEAD_BYTES - _TOKEN_BYTES).digest()


def _max_memory(client: redis.Redis) -> int:
    """Bytes that the server gives itself; 0 without a limit, or if it does not tell."""
    try:
        return int(cast(dict[str, int], client.info("memory")).get("maxmemory", 0))
    except redis.ResponseError:
        return 0
