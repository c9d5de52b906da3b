"""Where the processes of an instance keep pictures of tiles: the one place that looks at the settings for it."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from services.tile_files import TileFiles
from services.tile_store import TileStore

if TYPE_CHECKING:
    from config.settings import Settings


def kept_tiles_of(settings: Settings) -> TileStore | None:
    """Where the processes of an instance keep tiles; None if they don't.

    Raises: ValueError if the address of a server can't be understood.
    """
    limit_bytes = settings.tile_cache_bytes
    if not limit_bytes:
        return None
    if settings.tile_cache_url is None:
        return TileFiles(settings.data_dir / "tiles", limit_bytes)
    from services.tile_redis import RedisOptions, redis_tiles

    return redis_tiles(
        RedisOptions(
            settings.tile_cache_url.get_secret_value(),
            prefix=f"tiles:{_instance(settings)}",
            limit_bytes=limit_bytes,
            timeout_s=settings.tile_cache_timeout_s,
            lifetime_s=settings.tile_cache_lifetime_s,
        )
    )


def _instance(settings: Settings) -> str:
    """The same in all processes of an instance, and not that of another that shares the server."""
    return hmac.new(settings.signing_key(), b"kept tiles", hashlib.sha256).hexdigest()[:16]
