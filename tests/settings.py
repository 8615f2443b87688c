"""The settings under test. One throw-away `var` a run, which parallel workers inherit."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("SECRET_KEY", "tests-only")
# Never the installation's own `var`, whatever the environment says: the run removes this one.
if "VIGIL_TEST_VAR" not in os.environ:
    os.environ["VIGIL_TEST_VAR"] = tempfile.mkdtemp(prefix="vigil-tests-")
    # PostgreSQL runs as another user where the tests run as root.
    Path(os.environ["VIGIL_TEST_VAR"]).chmod(0o755)
os.environ["VIGIL_VAR"] = os.environ["VIGIL_TEST_VAR"]
# Machines are noisy: what a slow voter leads to is tested by itself.
os.environ["VIGIL_VOTE_TIMEOUT_MS"] = "10000"
# Most tests start no signer.
os.environ["VIGIL_MAX_CHECKPOINT_LAG"] = "3600"
os.environ["VIGIL_CHECKPOINT_WAIT"] = "0"

from portal.settings import *
from portal.settings import DATABASES, INSTALLED_APPS, STORAGES, VAR, env

# Tests connect as a superuser and step down: to the owner for migrations, else to the application.
IS_EMBEDDED = not env.values.get("DATABASE_URL", "").strip()
if IS_EMBEDDED:
    DATABASES["default"]["USER"] = "portal"
DATABASES["default"]["OPTIONS"]["assume_role"] = "vigil_app"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# WhiteNoise warns where nothing has been collected.
VAR.static.mkdir(parents=True, exist_ok=True)
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
LIMITS_STORAGE_URL = "memory://"
# Tasks sent on commit go to memory: what they would do is what the tests call.
CELERY_BROKER_URL = "memory://"
INSTALLED_APPS = [*INSTALLED_APPS, "django_migration_linter"]
