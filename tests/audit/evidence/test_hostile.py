"""Packs made to harm whoever checks them: refused, quickly, and without a file being written."""

import io
import os
import stat
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.audit.evidence.conftest import Verify
from tests.audit.evidence.drafts import Draft


def refused(verify: Verify, path: Path) -> str:
    begun = time.monotonic()
    code, said = verify(path)
    assert (code, "RESULT: REFUSED" in said) == (1, True)
    assert time.monotonic() - begun < 2
    return said


@pytest.mark.parametrize(
    "name",
    [
        *("../outside", "entries/../../outside", "/etc/passwd", "C:/outside", "..\\outside"),
        *("entries\\outside", "entries//outside", "./outside", "entries/", "a\0b", "", " "),
        *("a" * 200, "a/b/c/d/e", "-rf", "nul\n", "\u202egpj.exe", "~/outside"),
    ],
)
def test_names_that_lead_elsewhere_are_refused(verify: Verify, tmp_path: Path, name: str) -> None:
    member = zipfile.ZipInfo("placeholder")
    member.filename = name
    path = Draft().write_raw(tmp_path, (member, b"x"))
    refused(verify, path)
    assert {entry.name for entry in tmp_path.iterdir()} == {"evidence.zip"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["checkpoint", "CHECKPOINT", "manifest.json"])
def test_two_files_of_one_name_are_refused(verify: Verify, tmp_path: Path, name: str) -> None:
    """One to be checked and one to be read, or one for each kind of file system."""
    assert "two files" in refused(verify, Draft().write_raw(tmp_path, (name, b"x")))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_links_and_devices_are_refused(verify: Verify, tmp_path: Path, kind: int) -> None:
    member = zipfile.ZipInfo("link")
    member.external_attr = (kind | 0o777) << 16
    path = Draft().write_raw(tmp_path, (member, b"/etc/passwd"))
    assert "special file" in refused(verify, path)


def test_a_bomb_is_not_unpacked(verify: Verify, tmp_path: Path) -> None:
    bomb = zipfile.ZipInfo("bomb")
    bomb.compress_type = zipfile.ZIP_DEFLATED
    path = Draft().write_raw(tmp_path, (bomb, bytes(64 << 20)))
    assert path.stat().st_size < 200_000
    assert "bomb is too large" in refused(verify, path)


def test_many_middling_files_are_a_bomb_too(verify: Verify, tmp_path: Path) -> None:
    blob = io.BytesIO()
    with zipfile.ZipFile(blob, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", bytes(1 << 20))
    # The same compressed megabyte, listed 1100 times: more than a gigabyte in 50 kB.
    content = blob.getvalue()
    end = content.rindex(b"PK\5\6")
    start = struct.unpack_from("<L", content, end + 16)[0]
    row = content[start : start + 46]
    rows = b"".join(row[:28] + b"\4\0" + row[30:] + b"%04d" % n for n in range(1100))
    tail = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1100, 1100, len(rows), start, 0)
    path = tmp_path / "evidence.zip"
    path.write_bytes(content[:start] + rows + tail)
    assert "too large together" in refused(verify, path)


def test_a_size_that_lies_gains_nothing(verify: Verify, tmp_path: Path) -> None:
    """The file says it is small, and its compressed data go on for ever."""
    blob = io.BytesIO()
    with zipfile.ZipFile(blob, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", b" " * (64 << 20))
    lying = blob.getvalue().replace(struct.pack("<L", 64 << 20), struct.pack("<L", 10))
    path = tmp_path / "evidence.zip"
    path.write_bytes(lying)
    refused(verify, path)


def huge_table(content: bytes) -> bytes:
    """Announces a table of contents of gigabytes."""
    return content[:-10] + struct.pack("<L", 0xF0000000) + content[-6:]


CONTAINERS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _content: b"",
    "no ZIP": lambda _content: b"x" * 1000,
    "cut": lambda content: content[:-1],
    "half": lambda content: content[: len(content) // 2],
    "with something before it": lambda content: b"#!/bin/sh\n" + content,
    "with something after it": lambda content: content + b"x",
    "with a comment": lambda content: content[:-2] + b"\1\0x",
    "of several disks": lambda content: content[:-18] + b"\1\0" + content[-16:],
    "huge table": huge_table,
}


@pytest.mark.parametrize("how", CONTAINERS)
def test_only_a_plain_zip_file_is_a_pack(verify: Verify, tmp_path: Path, how: str) -> None:
    path = Draft().write(tmp_path)
    path.write_bytes(CONTAINERS[how](path.read_bytes()))
    refused(verify, path)


def test_the_large_form_is_refused(verify: Verify, tmp_path: Path) -> None:
    content = Draft().write(tmp_path).read_bytes()
    end, table = content[-22:], struct.unpack("<L", content[-10:-6])[0]
    locator = b"PK\6\7" + bytes(16)
    path = tmp_path / "large.zip"
    path.write_bytes(content[:-22] + locator + end[:12] + struct.pack("<L", table + 20) + end[16:])
    assert "unusual form" in refused(verify, path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_compression_is_refused(verify: Verify, tmp_path: Path, compression: int) -> None:
    member = zipfile.ZipInfo("odd")
    member.compress_type = compression
    assert "unusual" in refused(verify, Draft().write_raw(tmp_path, (member, b"x")))


def test_encrypted_files_are_refused(verify: Verify, tmp_path: Path) -> None:
    path = Draft().write(tmp_path)
    content = path.read_bytes()
    first = content.index(b"PK\1\2")
    path.write_bytes(content[: first + 8] + b"\1\0" + content[first + 10 :])
    assert "encrypted" in refused(verify, path)


def test_more_files_than_any_pack_has_are_refused(verify: Verify, tmp_path: Path) -> None:
    path = tmp_path / "evidence.zip"
    rows = b"".join(
        struct.pack("<4s6H3L5H2L", b"PK\1\2", *(0,) * 9, 5, *(0,) * 6) + b"%05d" % number
        for number in range(65_500)
    )
    path.write_bytes(
        rows + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65_500, 65_500, len(rows), 0, 0)
    )
    assert "too many" in refused(verify, path)


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    zipfile.ZipFile(Draft().write(tmp_path)).extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


def test_links_in_a_directory_are_not_followed(
    verify: Verify, unpacked: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    (unpacked / "checkpoint").rename(outside)
    (unpacked / "checkpoint").symlink_to(outside)
    assert "special file" in refused(verify, unpacked)


def test_a_linked_directory_is_not_followed(verify: Verify, unpacked: Path, tmp_path: Path) -> None:
    (unpacked / "policy").rename(tmp_path / "policy")
    (unpacked / "policy").symlink_to(tmp_path / "policy")
    assert "special file" in refused(verify, unpacked)


def test_a_pipe_in_a_directory_does_not_make_it_wait(verify: Verify, unpacked: Path) -> None:
    (unpacked / "checkpoint").unlink()
    os.mkfifo(unpacked / "checkpoint")
    assert "special file" in refused(verify, unpacked)


def test_a_large_file_in_a_directory_is_not_read(verify: Verify, unpacked: Path) -> None:
    with (unpacked / "README.txt").open("wb") as file:
        file.truncate(1 << 40)
    assert "too large" in refused(verify, unpacked)
