"""Tables of text as people have them: how they are encoded, and what stands between their columns."""

from __future__ import annotations

from pathlib import Path

from likewise.errors import UsageError

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read_text(file: Path, what: str) -> str:
    """Text of a ground truth file in UTF-8, with or without a byte order mark, or in UTF-16 with one.

    Raises `UsageError` when it is not there, cannot be read or is no text.
    """
    try:
        data = file.read_bytes()
        return data.decode("utf-16" if data[:2] in _UTF_16 else "utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"{what} {file} is not there") from None
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{what} {file} cannot be read: byte {error.start} is no UTF-8; save it anew as text in UTF-8"
        ) from error
    except OSError as error:
        raise UsageError(f"{what} {file} cannot be read: {error}") from error


def delimiter_of(head: str) -> str:
    """The delimiter of columns: a comma, or what spreadsheets put there where commas are decimal."""
    return max(",;\t", key=head.count)
