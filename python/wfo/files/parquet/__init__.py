"""Parquet files, read under limits: whatever they hold, reading them ends well or in one line."""

from wfo.files.parquet.footer import Column
from wfo.files.parquet.reading import ParquetFile, read_parquet

__all__ = ["Column", "ParquetFile", "read_parquet"]
