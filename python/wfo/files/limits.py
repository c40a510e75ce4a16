"""How much of a file is read before it is refused.

A file within these limits is read in bounded memory and time, whatever it holds. They lie far above
what honest files have, and ``.github/SECURITY.md`` states them.
"""

from __future__ import annotations

from typing import Final

#: Bytes of a JSON file: the largest that is written has some 10 MB, of a million permutations.
JSON_BYTES: Final = 64 << 20
#: Objects and lists within each other; those that are written have 8.
JSON_DEPTH: Final = 64
#: Values, keys not counted.
JSON_VALUES: Final = 2_000_000
#: Digits of a whole number; a float holds up to 1e308.
JSON_DIGITS: Final = 300

#: Bytes of a YAML file: a grid, a schedule or options. The largest grid that ships has some 4,000.
YAML_BYTES: Final = 1 << 20
#: Mappings and lists within each other, where aliases stand for what they name; a grid has 4.
YAML_DEPTH: Final = 32
#: Values, keys not counted, where aliases stand for what they name.
YAML_VALUES: Final = 100_000

#: Values of one parameter of a grid; those that ship have up to 12.
AXIS_VALUES: Final = 10_000
#: Sets of values of parameters that share constraints, each of which is looked at and kept.
CONSTRAINED_POINTS: Final = 1_000_000
#: Cells of a map, for each of which a sweep keeps figures of every phase.
MAP_CELLS: Final = 1_000_000
#: Phases of a schedule; the built-in ones have 4, and the core counts those of a combination in a
#: byte.
PHASES: Final = 255
#: Windows of a walk-forward: 40 years of days.
WALK_WINDOWS: Final = 10_000
#: Cells of a walk-forward matrix: with twenty lengths each way there is no more to see.
MATRIX_CELLS: Final = 400
#: Months that a schedule looks back.
PHASE_MONTHS: Final = 120_000

#: Dimensions of a space that is searched, and constraints on them.
SEARCH_DIMENSIONS: Final = 1_000
SEARCH_CONSTRAINTS: Final = 200

#: Expressions of rules, and parts of one, such as the branches of a choice.
RULES_NODES: Final = 10_000
RULES_PARTS: Final = 1_000

#: Bytes of a text of bars, of a report, or of a Parquet file.
TABLE_BYTES: Final = 2 << 30
#: Rows of a file of bars: 38 years of minutes.
BARS_ROWS: Final = 20_000_000
#: Columns of a text of bars, and characters of one of its lines.
TABLE_COLUMNS: Final = 4096
LINE_CHARACTERS: Final = 1 << 20

#: Bytes that a packed text of bars (zip, gzip, bzip2, xz) has when it is unpacked: never more than
#: a text, nor than the first number for each of its bytes, but as much as the second in any case.
PACKED_RATIO: Final = 64
PACKED_SMALL: Final = 256 << 20
#: Bytes of the directory of a zip archive, and of what unpacking xz needs.
ARCHIVE_DIRECTORY: Final = 1 << 20
XZ_MEMORY: Final = 128 << 20

#: Bytes of any other text file, such as a journal or a page of the documentation.
TEXT_BYTES: Final = 64 << 20

#: Entries of a folder with all below it; a run of ten strategies has some 2,000.
TREE_ENTRIES: Final = 100_000
#: Folders within each other.
TREE_DEPTH: Final = 16

#: Rows of a Parquet file, and its columns.
PARQUET_ROWS: Final = 50_000_000
PARQUET_COLUMNS: Final = 4096
#: Bytes that what is read of a Parquet file has when it is unpacked; never more than the second
#: number for each byte of the file, but as much as the third in any case.
PARQUET_UNPACKED: Final = 4 << 30
PARQUET_RATIO: Final = 64
PARQUET_SMALL: Final = 256 << 20
#: Bytes of the footer of a Parquet file, values in it, and structs within each other.
PARQUET_FOOTER: Final = 32 << 20
PARQUET_VALUES: Final = 2_000_000
PARQUET_DEPTH: Final = 16
#: Pages of what is read of a Parquet file.
PARQUET_PAGES: Final = 500_000

#: Bytes of a database with its log, and of one of its cells: the state of a method, or what a
#: program wrote.
DATABASE_BYTES: Final = 16 << 30
DATABASE_CELL: Final = 64 << 20
#: Trials of a study, and figures that its program returns, by symbol and name.
STUDY_TRIALS: Final = 10_000_000
STUDY_FIGURES: Final = 10_000
