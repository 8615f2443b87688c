"""What one start of an installation does in the settings of a throw-away one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.staticfiles.finders import get_finder
from django.core.management import CommandError, call_command
from django.test import override_settings

from portal.first_run import Credentials
from portal.management.commands import set_up
from portal.stack.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    made = Layout(tmp_path)
    made.keys.mkdir()
    with override_settings(VAR=made, STATIC_ROOT=made.static):
        yield made


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "source"
    directory.mkdir()
    (directory / "a.css").write_text("a { }")
    # Finders remember the directories that they were made with.
    get_finder.cache_clear()
    with override_settings(STATICFILES_DIRS=[directory]):
        yield directory
    get_finder.cache_clear()


def test_static_files_are_collected_once_and_again_when_one_changes(
    layout: Layout, source: Path
) -> None:
    collected = layout.static / "a.css"
    set_up.collect_static()
    assert collected.read_text() == "a { }"
    collected.unlink()
    set_up.collect_static()
    assert not collected.exists(), "nothing changed, so nothing is done"
    (source / "a.css").write_text("a { color: red }")
    set_up.collect_static()
    assert collected.read_text() == "a { color: red }"


def test_credentials_are_kept_for_the_owner_only(layout: Layout) -> None:
    layout.first_run.write_text("from a first run that never ended")
    layout.first_run.chmod(0o644)
    people = [("admin", "secret-1", "Administrator"), ("bo", "secret-2", "Responder")]
    set_up.keep(Credentials(people, "vgl_x"), layout)
    assert layout.first_run.read_text() == (
        "Administrator  admin  secret-1\nResponder      bo     secret-2\n\nDetector token  vgl_x\n"
    )
    assert layout.first_run.stat().st_mode & 0o777 == 0o600


@pytest.mark.django_db
def test_check_alone_migrates_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not set_up.has_missing_migrations()
    monkeypatch.setattr(set_up, "has_missing_migrations", lambda: True)
    with pytest.raises(CommandError, match="VIGIL_OWNER_DATABASE_URL"):
        call_command("set_up", check=True)


def test_in_containers_it_makes_neither_static_files_nor_a_key(
    committed_db: None, layout: Layout, source: Path
) -> None:
    layout.keys.rmdir()
    with override_settings(SIGNER_KEY=layout.signer_key):
        call_command("set_up", "--database-only")
    assert layout.first_run.exists()
    assert not layout.static.exists()
    assert not layout.signer_key.exists()


def test_the_signer_makes_its_key_and_says_the_public_half(
    layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    with override_settings(SIGNER_KEY=layout.signer_key):
        for _ in range(2):
            call_command("signer", "--make-key")
    first, second = capsys.readouterr().out.split()
    assert first == second == layout.signer_key.with_suffix(".pub").read_text().strip()
    assert layout.signer_key.stat().st_mode & 0o777 == 0o600
