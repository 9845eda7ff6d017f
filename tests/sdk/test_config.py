"""Settings and channels (spec 09 section 3)."""

import asyncio
import datetime
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from littlehorse import config as config_module
from littlehorse.client_interceptors import AccessToken, OAuthCredentialsProvider
from littlehorse.config import ChannelId, LHConfig
from littlehorse.model import GetLatestWfSpecRequest, LittleHorseServicer, WfSpec, add_LittleHorseServicer_to_server


def loaded(**settings: Any) -> LHConfig:
    config = LHConfig()
    config.load(settings)
    return config


def test_defaults() -> None:
    """09 section 3.1: what is used when nothing is set."""
    config = LHConfig()
    assert config.bootstrap_server == "localhost:2023"
    assert not config.is_secure()
    assert not config.has_authentication()
    assert (config.ca_cert, config.client_cert, config.client_key) == (None, None, None)
    assert config.tenant_id is None
    assert (config.oauth_client_id, config.oauth_client_secret, config.oauth_token_endpoint_url) == (None, None, None)
    assert (config.grpc_keepalive_time_ms, config.grpc_keepalive_timeout_ms) == (45000, 5000)
    assert config.grpc_resource_exhausted_retry
    assert config.num_worker_threads == 8
    assert config.worker_version == ""


def test_worker_id_is_stable() -> None:
    """09/PY-8: random, but the same for the life of the object."""
    config = LHConfig()
    assert config.task_worker_id == config.task_worker_id
    assert config.task_worker_id.startswith("worker-")
    assert len(config.task_worker_id) == len("worker-") + 32
    assert config.task_worker_id != LHConfig().task_worker_id
    assert config.get(config_module.TASK_WORKER_ID) == config.task_worker_id
    assert config.get("LHC_OTHER") is None
    assert config.get_or_set_default("LHC_OTHER", "x") == "x" == config.get("LHC_OTHER")


def test_keys() -> None:
    """09/PY-6, PY-7: only our prefixes, upper case first; the rest of a key in any case; values as text."""
    config = loaded(LHC_api_Host="h", lhc_api_port=1, OTHER=2, LHC_NOTHING=None, LHW_NUM_WORKER_THREADS=3)
    assert config.bootstrap_server == "h:2023"
    assert config.get("OTHER") is None
    assert config.get("LHC_NOTHING") == "None"
    assert config.num_worker_threads == 3


def test_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """09/PY-7: environment before the last load before earlier ones; loads add up."""
    config = loaded(LHC_API_HOST="first", LHC_API_PORT="1")
    config.load({"LHC_API_HOST": "second"})
    assert config.bootstrap_server == "second:1"
    monkeypatch.setenv("LHC_API_HOST", "env")
    assert LHConfig().bootstrap_server == "env:2023"
    config.load({"LHC_API_HOST": "third", "LHC_API_PORT": "3"})
    assert config.bootstrap_server == "env:3"


def test_properties_files(tmp_path: Path) -> None:
    """09/PY-7: Java-style properties in UTF-8, by str or Path."""
    path = tmp_path / "client.properties"
    path.write_text("# a comment\nLHC_API_HOST = h\nLHC_API_PORT:5\nLHC_TENANT_ID=tenänt \\\n  two\nother=1\n", "utf-8")
    for source in (path, str(path)):
        config = LHConfig()
        config.load(source)
        assert config.bootstrap_server == "h:5"
        assert config.tenant_id == "tenänt two"
        assert config.get("OTHER") is None
    with pytest.raises(FileNotFoundError):
        LHConfig().load(tmp_path / "missing")
    wrong: Any = 3
    with pytest.raises(ValueError, match="Invalid type"):
        LHConfig().load(wrong)


def test_files_are_read_each_time(tmp_path: Path) -> None:
    """09/PY-9: certificates and keys."""
    path = tmp_path / "cert"
    path.write_bytes(b"one")
    config = loaded(LHC_CA_CERT=path, LHC_CLIENT_CERT=path, LHC_CLIENT_KEY=path)
    assert (config.ca_cert, config.client_cert, config.client_key) == (b"one", b"one", b"one")
    path.write_bytes(b"two")
    assert (config.ca_cert, config.client_cert, config.client_key) == (b"two", b"two", b"two")


def test_protocol() -> None:
    """09/PY-9: TLS or PLAINTEXT in any case."""
    assert loaded(LHC_API_PROTOCOL="tls").is_secure()
    assert not loaded(LHC_API_PROTOCOL="Plaintext").is_secure()
    with pytest.raises(ValueError, match="Invalid protocol: SSL"):
        loaded(LHC_API_PROTOCOL="ssl").is_secure()
    with pytest.raises(ValueError, match="Invalid protocol: SSL"):
        loaded(LHC_API_PROTOCOL="ssl").stub()


def test_switches() -> None:
    """09 section 3.1, PY-9: `false` in any case switches retries off; a client id switches authentication on."""
    assert not loaded(LHC_GRPC_RESOURCE_EXHAUSTED_RETRY="False").grpc_resource_exhausted_retry
    assert loaded(LHC_GRPC_RESOURCE_EXHAUSTED_RETRY="no").grpc_resource_exhausted_retry
    assert loaded(LHC_OAUTH_CLIENT_ID="x").has_authentication()
    assert not loaded(LHC_OAUTH_CLIENT_ID="").has_authentication()


def test_text_hides_secrets() -> None:
    """09/PY-10: one line for each entry."""
    config = loaded(LHC_API_HOST="h", LHC_OAUTH_CLIENT_SECRET="s1", LHC_KEY_PASSWORD="s2")
    lines = str(config).splitlines()
    assert "LHC_API_HOST=h" in lines
    assert "LHC_OAUTH_CLIENT_SECRET=******" in lines
    assert "LHC_KEY_PASSWORD=******" in lines


def test_channel_ids() -> None:
    """09 section 3.1: equal by value, hashable."""
    assert ChannelId("s", "n", True) == ChannelId("s", "n", True)
    assert hash(ChannelId("s", "n", True)) == hash(ChannelId("s", "n", True))
    for other in (ChannelId("s", "n", False), ChannelId("s", "m", True), ChannelId("t", "n", True), "s"):
        assert ChannelId("s", "n", True) != other


class Recorder(LittleHorseServicer):
    """Answers GetLatestWfSpec and keeps the metadata of the calls."""

    def __init__(self) -> None:
        self.metadata: list[dict[str, Any]] = []

    def GetLatestWfSpec(self, request: GetLatestWfSpecRequest, context: Any) -> WfSpec:
        self.metadata.append(dict(context.invocation_metadata()))
        return WfSpec()


class Served:
    """A synchronous server on a free port, to be used as a context manager."""

    def __init__(self, credentials: grpc.ServerCredentials | None = None) -> None:
        self.recorder = Recorder()
        self._server = grpc.server(futures.ThreadPoolExecutor(2))
        add_LittleHorseServicer_to_server(self.recorder, self._server)
        address = "localhost:0"
        if credentials is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, credentials)

    def __enter__(self) -> "Served":
        self._server.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.stop(None).wait()


REQUEST = GetLatestWfSpecRequest(name="x")


def test_channels_are_shared() -> None:
    """09/PY-12: one channel for each server, name and kind; `close` lets go of them."""
    with Served() as server, loaded(LHC_API_PORT=server.port) as config:
        opened: list[Any] = []
        establish = config.establish_channel
        config.establish_channel = lambda *args, **kw: opened.append(args) or establish(*args, **kw)  # type: ignore
        assert config.stub() is not config.stub()
        config.stub().GetLatestWfSpec(REQUEST)
        config.stub(f"localhost:{server.port}", name="default").GetLatestWfSpec(REQUEST)
        assert len(opened) == 1
        config.stub(name="other")
        config.stub(f"127.0.0.1:{server.port}")
        assert len(opened) == 3
        config.close()
        config.stub().GetLatestWfSpec(REQUEST, timeout=10)
        assert len(opened) == 4


def test_tenant_goes_along() -> None:
    """09 section 3.1, PY-11: in the header `tenantid`, beside what the caller adds; none without a tenant."""
    with Served() as server:
        metadata = server.recorder.metadata
        with loaded(LHC_API_PORT=server.port, LHC_TENANT_ID="acme") as config:
            config.stub().GetLatestWfSpec(REQUEST, metadata=(("mine", "1"),))
            assert (metadata[-1]["tenantid"], metadata[-1]["mine"]) == ("acme", "1")
            config.stub().GetLatestWfSpec(REQUEST, metadata=(("tenantid", "other"),))
            assert metadata[-1]["tenantid"] == "other"
        for settings in ({}, {"LHC_TENANT_ID": ""}):
            with loaded(LHC_API_PORT=server.port, **settings) as config:
                config.stub().GetLatestWfSpec(REQUEST)
                assert "tenantid" not in metadata[-1]


def test_asyncio_channels_belong_to_their_loop() -> None:
    """09/PY-12: a configuration may be used in one event loop after another; callers may add metadata (PY-15)."""
    with Served() as server:
        config = loaded(LHC_API_PORT=server.port, LHC_TENANT_ID="acme")

        async def call() -> None:
            stub = config.stub(async_channel=True)
            await stub.GetLatestWfSpec(REQUEST, metadata=(("mine", "1"),))
            await config.stub(async_channel=True).GetLatestWfSpec(REQUEST)

        async def call_and_close() -> None:
            await call()
            await config.aclose()

        asyncio.run(call_and_close())
        asyncio.run(call_and_close())
        assert server.recorder.metadata[0]["mine"] == "1"
        assert [metadata["tenantid"] for metadata in server.recorder.metadata] == ["acme"] * 4


def test_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """09/PY-11: PLAINTEXT ignores OAuth; TLS uses certificates; OAuth adds call credentials."""
    used: dict[str, Any] = {}

    def secure(target: str, credentials: Any, options: Any = None) -> grpc.Channel:
        used.update(kind="secure", target=target, options=dict(options))
        return grpc.insecure_channel(target)

    def insecure(target: str, options: Any = None) -> grpc.Channel:
        used.update(kind="insecure", target=target, options=dict(options))
        return plain(target)

    plain = grpc.insecure_channel
    monkeypatch.setattr(grpc, "secure_channel", secure)
    monkeypatch.setattr(grpc, "ssl_channel_credentials", lambda *files: used.update(files=files))
    monkeypatch.setattr(grpc, "composite_channel_credentials", lambda *parts: used.update(composed=parts))
    certificate = tmp_path / "pem"
    certificate.write_bytes(b"pem")
    files = {"LHC_CA_CERT": certificate, "LHC_CLIENT_KEY": certificate, "LHC_CLIENT_CERT": certificate}

    loaded(LHC_API_PROTOCOL="TLS", LHC_GRPC_KEEPALIVE_TIME_MS=7, **files).establish_channel("h:1").close()
    assert (used["kind"], used["target"], used["files"]) == ("secure", "h:1", (b"pem", b"pem", b"pem"))
    assert "composed" not in used
    assert used["options"]["grpc.keepalive_time_ms"] == 7
    assert used["options"]["grpc.keepalive_timeout_ms"] == 5000
    assert used["options"]["grpc.keepalive_permit_without_calls"] == 1
    assert used["options"]["grpc.http2.max_pings_without_data"] == 0

    loaded(LHC_API_PROTOCOL="TLS", LHC_OAUTH_CLIENT_ID="x").establish_channel().close()
    assert used["files"] == (None, None, None)
    assert "composed" in used

    used.clear()
    monkeypatch.setattr(grpc, "insecure_channel", insecure)
    loaded(LHC_OAUTH_CLIENT_ID="x").establish_channel().close()
    assert used["kind"] == "insecure"
    assert "composed" not in used


def self_signed(directory: Path) -> tuple[Path, Path]:
    """Files with a key and with a certificate of `localhost` that proves itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    key_file, certificate_file = directory / "key.pem", directory / "certificate.pem"
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    key_file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    certificate_file.write_bytes(certificate.public_bytes(pem))
    return key_file, certificate_file


@pytest.mark.parametrize("is_async", [False, True])
def test_mutual_tls_with_tokens(is_async: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """09/PY-11, PY-13: certificates of both sides, and a token with every call, on both kinds of channel."""
    monkeypatch.setattr(OAuthCredentialsProvider, "access_token", lambda self: AccessToken({"access_token": "secret"}))
    key, certificate = self_signed(tmp_path)
    pairs = [(key.read_bytes(), certificate.read_bytes())]
    credentials = grpc.ssl_server_credentials(pairs, certificate.read_bytes(), require_client_auth=True)
    files = {"LHC_CA_CERT": certificate, "LHC_CLIENT_KEY": key, "LHC_CLIENT_CERT": certificate}
    with Served(credentials) as server:
        config = loaded(LHC_API_PORT=server.port, LHC_API_PROTOCOL="TLS", LHC_OAUTH_CLIENT_ID="x", **files)
        if is_async:

            async def call() -> None:
                await config.stub(async_channel=True).GetLatestWfSpec(REQUEST)
                await config.aclose()

            asyncio.run(call())
        else:
            config.stub().GetLatestWfSpec(REQUEST)
            config.close()
        assert server.recorder.metadata[0]["authorization"] == "Bearer secret"
