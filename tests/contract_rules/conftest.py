"""The engines that every scenario runs on, and the mark that names the rules it shows."""

from __future__ import annotations

import pytest

from contract_rules.scenarios import ENGINES, Engine


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "rule(*ids): the rules of the contract that a test shows")


@pytest.fixture(scope="session", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """One engine after the other."""
    return Engine(request.param)
