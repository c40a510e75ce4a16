"""Sources of market data behind one protocol, `wfo.data.sources.source.Source`.

Names are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wfo.data.sources.clock import Clock
    from wfo.data.sources.config import SourcesConfig, config_folder
    from wfo.data.sources.errors import (
        CredentialsError,
        MalformedError,
        RefusedError,
        SourceError,
        UnknownSymbolError,
        UnreachableError,
    )
    from wfo.data.sources.registry import choose_source, open_source, source_names
    from wfo.data.sources.source import (
        SERIES,
        SOURCE_ADJUSTMENTS,
        Adjustment,
        Answer,
        SeriesKind,
        SeriesRequest,
        Source,
    )

_HOME = {
    "SERIES": "source",
    "SOURCE_ADJUSTMENTS": "source",
    "Adjustment": "source",
    "Answer": "source",
    "Clock": "clock",
    "CredentialsError": "errors",
    "MalformedError": "errors",
    "RefusedError": "errors",
    "SeriesKind": "source",
    "SeriesRequest": "source",
    "Source": "source",
    "SourceError": "errors",
    "SourcesConfig": "config",
    "UnknownSymbolError": "errors",
    "UnreachableError": "errors",
    "choose_source": "registry",
    "config_folder": "config",
    "open_source": "registry",
    "source_names": "registry",
}

__all__ = [
    "SERIES",
    "SOURCE_ADJUSTMENTS",
    "Adjustment",
    "Answer",
    "Clock",
    "CredentialsError",
    "MalformedError",
    "RefusedError",
    "SeriesKind",
    "SeriesRequest",
    "Source",
    "SourceError",
    "SourcesConfig",
    "UnknownSymbolError",
    "UnreachableError",
    "choose_source",
    "config_folder",
    "open_source",
    "source_names",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOME))
