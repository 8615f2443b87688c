"""The settings under test. One throw-away `var` a run, which parallel workers inherit."""

import os
import tempfile

os.environ.setdefault("SECRET_KEY", "tests-only")
os.environ.setdefault("VIGIL_VAR", tempfile.mkdtemp(prefix="vigil-tests-"))

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
# Tasks sent on commit go to memory: what they would do is what the tests call.
CELERY_BROKER_URL = "memory://"
INSTALLED_APPS = [*INSTALLED_APPS, "django_migration_linter"]
