"""The commands of `pygeoapi-openeo`, one file each."""

from openeo_plugin.commands.catalogue import import_, migrate, publish
from openeo_plugin.commands.demo import demo
from openeo_plugin.commands.error import CommandError
from openeo_plugin.commands.explain import explain
from openeo_plugin.commands.seed import seed
from openeo_plugin.commands.serve import serve, worker
from openeo_plugin.commands.users import user

__all__ = ["CommandError", "demo", "explain", "import_", "migrate", "publish", "seed", "serve", "user", "worker"]
