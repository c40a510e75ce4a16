"""Text files of other programs: from bytes to characters."""

from __future__ import annotations

from wfo.errors import WfoError

#: Bytes at the beginning of a file that tell UTF-16 without a byte order mark.
_HEAD = 4096

_KINDS = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook: unpack it, or save it as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook: save it as CSV"),
    (b"\x1f\x8b", "compressed with gzip: unpack it first"),
    (b"%PDF", "a PDF document: save its table as CSV"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
    (b"Rar!", "a RAR archive: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it first"),
    (b"BZh", "compressed with bzip2: unpack it first"),
    (b"\xfd7zXZ\x00", "compressed with xz: unpack it first"),
    (b"ARROW1", "an Arrow file: save it as Parquet or CSV"),
    (b"\x89HDF", "an HDF5 file: save its table as Parquet or CSV"),
    (b"SQLite format 3\x00", "a database: save its table as CSV"),
)


def other_kind(content: bytes) -> str | None:
    """Return what a file is that is commonly taken for a text, and what to do; None of others."""
    return next((what for magic, what in _KINDS if content.startswith(magic)), None)


def encoding_of(content: bytes) -> str | None:
    """Return the encoding of a text file, a name that `bytes.decode` takes.

    Parameters
    ----------
    content
        The whole file.

    Returns
    -------
    str or None
        UTF-16 by its byte order mark or, without one, by zero bytes that fill every second place of
        its beginning, as they do in text of Latin letters; otherwise UTF-8 with or without a mark.
        None where there are zero bytes that this does not explain: the file is no text.
    """
    if content.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        # The marks of UTF-32, of which the first begins as that of UTF-16 does.
        return None
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\x00" not in content:
        return "utf-8-sig"
    head = content[:_HEAD]
    first, second = head[0::2], head[1::2]
    for encoding, letters, zeros in (("utf-16-le", first, second), ("utf-16-be", second, first)):
        if letters.count(0) == 0 and 10 * zeros.count(0) > 9 * len(zeros):
            return encoding
    return None


def decode(
    name: str, content: bytes, *, error: type[WfoError], no_text: str, ansi: bool = False
) -> tuple[str, str]:
    """Return the characters of a text file, and its encoding.

    Parameters
    ----------
    name
        What messages call the file.
    content
        The whole file.
    error
        What is raised.
    no_text
        What the message says of a file that holds zero bytes and is not UTF-16.
    ansi
        Whether what is not UTF-8 is tried as Windows-1252, in which older programs write currency
        signs and non-breaking blanks.

    Raises
    ------
    WfoError
        An `error`, with the line of the first byte that is wrong.
    """
    encoding = encoding_of(content)
    if encoding is None:
        raise error(f"{name} {no_text}")
    try:
        return content.decode(encoding), encoding
    except UnicodeDecodeError as failure:
        if ansi and encoding == "utf-8-sig" and not is_cut(failure):
            try:
                return content.decode("cp1252"), "cp1252"
            except UnicodeDecodeError:
                pass
        line = content.count(b"\n", 0, failure.start) + 1
        raise error(undecodable(name, line, failure)) from failure


def is_cut(failure: UnicodeDecodeError) -> bool:
    """Tell whether decoding failed because a text ends in the middle of a character."""
    return failure.reason in {"truncated data", "unexpected end of data"}


def undecodable(name: str, line: int, failure: UnicodeDecodeError) -> str:
    """Return what is wrong with a text file that is not in its encoding, in words.

    Parameters
    ----------
    name
        What messages call the file.
    line
        The number of the line, from 1, in which decoding failed.
    failure
        How it failed.
    """
    if is_cut(failure):
        return (
            f"{name}, line {line}: the file ends in the middle of a character, so it was cut"
            " short: get it again"
        )
    found = f"byte 0x{failure.object[failure.start]:02x}"
    encoding = {"utf8": "utf-8"}.get(failure.encoding, failure.encoding)
    return (
        f"{name}, line {line}: {found} is not {encoding.upper()[:6].rstrip('-')} text: "
        "save the file as CSV in UTF-8"
    )
