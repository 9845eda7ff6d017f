"""Shared by the tests of the SDK."""

import os

import pytest

import littlehorse.worker


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of whoever runs the tests must not configure the clients in them."""
    for key in list(os.environ):
        if key.startswith(("LHC_", "LHW_")):
            monkeypatch.delenv(key)


@pytest.fixture(params=["extension", "grpc"])
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the workers of a test reach their server; the test runs through both."""
    if request.param == "extension":
        pytest.importorskip("littlehorse._core", reason="the extension is not built")
    monkeypatch.setattr(littlehorse.worker, "USE_EXTENSION", request.param == "extension")
    return str(request.param)
