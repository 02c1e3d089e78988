"""Files given by a user: found whatever the Unicode form of their path, checked to be regular, and decoded."""

from __future__ import annotations

import codecs
import stat
import unicodedata
from pathlib import Path

from zsl.errors import InputError, is_control

LARGEST_TEXT = 256 * 2**20
"""the largest number of bytes of a text file"""
LONGEST_NAME = 100
"""the largest number of bytes of a name that is used as a part of file names"""
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""byte order mark -> encoding; UTF-32 comes before UTF-16, whose marks are prefixes of those of UTF-32"""


def composed(text: str) -> str:
    """Return a name in Unicode's normal form C, in which composed and decomposed letters are equal."""
    return unicodedata.normalize("NFC", text)


def locate(path: str | Path) -> Path:
    """Find a path on disk whatever its Unicode normal form: macOS decomposes accented letters that keyboards compose.

    ``~`` is the home folder. The only path that differs just in Unicode's normal form is returned; a path that does not
    exist is returned as given.
    """
    try:
        given = Path(path).expanduser()
    except RuntimeError:  # ~nosuchuser
        return Path(path)
    if _exists(given):
        return given
    found = Path(given.anchor)
    for part in given.relative_to(given.anchor).parts:
        there = found / part
        if not _exists(there):
            try:
                alike = [path for path in found.iterdir() if composed(path.name) == composed(part)]
            except (OSError, ValueError):
                return given
            if len(alike) != 1:
                return given
            there = alike[0]
        found = there
    return found


def require_file(path: str | Path, what: str, cure: str) -> Path:
    """Return the path of a regular file, found by `locate`.

    Raises:
        InputError: the file does not exist, is not a regular file, or cannot be opened; the message is
            ``what path: problem; cure``.
    """
    found = locate(path)
    problem = ""
    try:
        kind = stat.S_IFMT(found.stat().st_mode)
        if kind != stat.S_IFREG:
            problem = f"{_KINDS.get(kind, 'something else')}, not a file"
        else:
            with found.open("rb"):
                pass
    except FileNotFoundError:
        problem = "a link to a file that does not exist" if found.is_symlink() else "no such file"
    except (OSError, ValueError) as error:
        problem = f"cannot be read ({getattr(error, 'strerror', None) or error})"
    if problem:
        raise InputError(f"{what} {_short(path)}: {problem}; {cure}".lstrip())
    return found


def read_text(path: Path, what: str, cure: str = "save it as UTF-8") -> str:
    """Read a text file in UTF-8, or in UTF-16 or UTF-32 with a byte order mark, and return it without the mark.

    Raises:
        InputError: the file is too large, or has another encoding; the message names the line.
    """
    if path.stat().st_size > LARGEST_TEXT:
        raise InputError(f"{what} {path}: larger than {LARGEST_TEXT >> 20} MiB; give the right file")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{what} {path}: cannot be read ({error.strerror or error}); make it readable") from error
    encoding = next((encoding for mark, encoding in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line, value = content.count(b"\n", 0, error.start) + 1, content[error.start]
        raise InputError(f"{what} {path}: line {line} is not {encoding} (byte 0x{value:02x}); {cure}") from error


def require_file_name(key: str, name: str) -> None:
    """Refuse a name that cannot be a part of a file name, such as the name of a cache folder.

    Raises:
        InputError: the name contains a path separator or a control character, is ``.`` or ``..``, or is longer than
            100 bytes.
    """
    if "/" in name or "\\" in name or name in (".", "..") or any(map(is_control, name)):
        raise InputError(f"{key}={_short(name)}: cannot be in file names; give a name without / and control characters")
    if len(name.encode(errors="replace")) > LONGEST_NAME:
        raise InputError(f"{key}={_short(name)}: too long for file names; give a name of at most {LONGEST_NAME} bytes")


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except (OSError, ValueError):
        return False
    return True


def _short(path: str | Path) -> str:
    text = str(path)
    return text if len(text) <= 300 else f"{text[:300]}… ({len(text)} characters)"
