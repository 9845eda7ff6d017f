"""Shared by the tests of the SDK."""

import os

import pytest


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of whoever runs the tests must not configure the clients in them."""
    for key in list(os.environ):
        if key.startswith(("LHC_", "LHW_")):
            monkeypatch.delenv(key)
