"""Settings: sources, precedence, defaults, conversions."""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from littlehorse import config as module
from littlehorse.config import ChannelId, LHConfig

PROPERTIES = [
    "bootstrap_server", "ca_cert", "client_cert", "client_key", "tenant_id", "oauth_client_id",
    "oauth_client_secret", "oauth_token_endpoint_url", "grpc_keepalive_time_ms", "grpc_keepalive_timeout_ms",
    "grpc_resource_exhausted_retry", "num_worker_threads", "worker_version",
]  # fmt: skip
TYPING = ("TYPE_CHECKING",)
FILE = """\
# a comment
LHC_API_HOST=from-file
LHC_API_PORT : 99
lhc_tenant_id=lower case is not read
LHC_tenant_id=mixed
LHW_TASK_WORKER_VERSION=\\u00e4 with spaces
OTHER=ignored
LHC_OAUTH_CLIENT_SECRET=hidden
LHC_EMPTY=
"""


def made(*sources: Any) -> LHConfig:
    config = LHConfig()
    for source in sources:
        config.load(source=source)
    return config


def look(*sources: Any) -> Any:
    config = made(*sources)
    first = str(config)
    values = [getattr(config, name) for name in PROPERTIES]
    return [first, values, config.has_authentication(), config.is_secure(), str(config)]


def file(text: str = FILE) -> Path:
    path = Path(tempfile.mkdtemp()) / "worker.config"
    path.write_text(text, "utf-8")
    return path


def worker_id() -> Any:
    config = LHConfig()
    made_up = config.task_worker_id
    again = config.task_worker_id == made_up
    return [made_up[:7], len(made_up), again, LHConfig().task_worker_id == made_up]


def channel_ids() -> Any:
    one = ChannelId(server="s", name="n", is_async=True)
    others = [ChannelId("s", "n", True), ChannelId("s", "n", False), ChannelId("t", "n", True), 5]
    return [[one == other for other in others], hash(one) == hash(others[0]), [one.server, one.name, one.is_async]]


def stubs() -> Any:
    config = made({"LHC_API_PORT": 1})
    with config.establish_channel(server="localhost:1", async_channel=False) as channel:
        opened = type(channel).__name__
    kinds = [type(config.stub()).__name__, type(config.stub(server="localhost:1", name="n")).__name__]
    return [opened, kinds, hasattr(config.stub(async_channel=False), "RunWf")]


def async_stubs() -> Any:
    async def open_them() -> Any:
        config = made({"LHC_API_PORT": 1})
        channel = config.establish_channel("localhost:1", async_channel=True)
        await channel.close()
        return [type(channel).__module__, type(config.stub(async_channel=True)).__name__]

    return asyncio.run(open_them())


def observations(_config: Any) -> dict[str, Callable[[], Any]]:
    certificate = {"LHC_CA_CERT": file("ca"), "LHC_CLIENT_CERT": str(file("cert")), "LHC_CLIENT_KEY": file("key")}
    numbers = {"LHC_GRPC_KEEPALIVE_TIME_MS": 5, "LHC_GRPC_KEEPALIVE_TIMEOUT_MS": "6", "LHW_NUM_WORKER_THREADS": 7}
    return {
        "defaults": look,
        "dict": lambda: look({"LHC_API_HOST": "h", "LHC_API_PORT": 5, "LHC_TENANT_ID": None, "X": 1, "lhc_x": 2}),
        "mixed case": lambda: look({"LHC_api_HOST": "h"}),
        "empty tenant": lambda: look({"LHC_TENANT_ID": "", "LHC_OAUTH_CLIENT_ID": ""}),
        "file": lambda: look(file()),
        "file by name": lambda: look(str(file())),
        "two sources": lambda: look({"LHC_API_HOST": "a", "LHC_TENANT_ID": "t"}, file()),
        "certificates": lambda: look(certificate)[1:4],
        "numbers": lambda: look(numbers),
        "authentication": lambda: look({"LHC_OAUTH_CLIENT_ID": "c", "LHC_OAUTH_ACCESS_TOKEN_URL": "u"}),
        "secrets": lambda: str(made({"LHC_MY_SECRET": 1, "LHC_PASSWORD_X": 2, "LHC_KEY": 3})),
        "tls": lambda: made({"LHC_API_PROTOCOL": "tls"}).is_secure(),
        "plaintext": lambda: made({"LHC_API_PROTOCOL": "Plaintext"}).is_secure(),
        "unknown protocol": lambda: made({"LHC_API_PROTOCOL": "http"}).is_secure(),
        "unknown protocol used": lambda: made({"LHC_API_PROTOCOL": "http"}).stub(),
        "no retry": lambda: made({"LHC_GRPC_RESOURCE_EXHAUSTED_RETRY": "FALSE"}).grpc_resource_exhausted_retry,
        "retry": lambda: made({"LHC_GRPC_RESOURCE_EXHAUSTED_RETRY": "no"}).grpc_resource_exhausted_retry,
        "number of text": lambda: made({"LHW_NUM_WORKER_THREADS": "many"}).num_worker_threads,
        "keepalive of text": lambda: made({"LHC_GRPC_KEEPALIVE_TIME_MS": "5s"}).grpc_keepalive_time_ms,
        "missing certificate": lambda: made({"LHC_CA_CERT": "/nowhere/at/all"}).ca_cert,
        "missing file": lambda: made("/nowhere/at/all"),
        "list": lambda: made([1]),
        "nothing": lambda: made(None),
        "bytes": lambda: made(b"x"),
        "number as key": lambda: made({5: 1}),
        "get": lambda: [LHConfig().get(key="LHC_NOTHING"), made({"LHC_A": 1}).get("LHC_A")],
        "default": lambda: [
            c := LHConfig(), c.get_or_set_default(key="k", default="d"), c.get_or_set_default("k", "e"), c.get("k")
        ][1:],
        "worker id": worker_id,
        "given worker id": lambda: made({"LHW_TASK_WORKER_ID": "w"}).task_worker_id,
        "channel ids": channel_ids,
        "text of channel id": lambda: str(ChannelId("s", "n", False)),
        "stubs": stubs,
        "async stubs": async_stubs,
        "constants": lambda: {
            name: getattr(module, name) for name in vars(module) if name.isupper() and name not in TYPING
        },
    }  # fmt: skip
