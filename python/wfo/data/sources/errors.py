"""What can go wrong between a source of market data and the store."""

from __future__ import annotations

from wfo.errors import DataError


class SourceError(DataError):
    """A source that did not answer as asked. No message holds a credential."""


class UnreachableError(SourceError):
    """No answer after all attempts: network, time-outs, a server that fails or is too busy."""


class CredentialsError(SourceError):
    """Credentials that are missing, refused, expired or revoked."""


class UnknownSymbolError(SourceError):
    """A symbol that the source does not know, or of which it has nothing at all."""


class RefusedError(SourceError):
    """A request that the source refuses, with its reason."""


class MalformedError(SourceError):
    """An answer that cannot be read: no JSON, a wrong shape, a price missing or impossible."""
