"""Settings, all from the environment; `docs/configuration.md` lists every variable."""

from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from kombu import Queue

from portal import navigation
from portal.env import Env, database, replica
from portal.logs import logging_config
from portal.mail_server import mail_server, networks
from portal.stack.layout import Layout
from portal.tracing.configuration import traces

env = Env()
BASE_DIR = Path(__file__).resolve().parent.parent
VAR = Layout(env.path("VIGIL_VAR", BASE_DIR / "var"))

# --- Identity -------------------------------------------------------------------------------------
PORT = env.integer("VIGIL_PORT", 8000, minimum=1, maximum=65535)
ORIGIN = env.url("VIGIL_ORIGIN", f"http://localhost:{PORT}", schemes={"http", "https"}).rstrip("/")
_origin = urlsplit(ORIGIN)
if _origin.path or not _origin.hostname:
    msg = "VIGIL_ORIGIN must be a scheme and host only, like https://vigil.example.org"
    raise ImproperlyConfigured(msg)
IS_HTTPS = _origin.scheme == "https"
# The name in signed checkpoints: a schema-less URL, as C2SP tlog-checkpoint recommends.
LEDGER_ORIGIN = env.text("VIGIL_LEDGER_ORIGIN", f"{_origin.netloc}/ledger")
LEDGER_EARLIER_KEYS = env.items("VIGIL_LEDGER_EARLIER_KEYS")


def _secret_key() -> str:
    if value := env.values.get("SECRET_KEY", "").strip():
        return value
    try:
        return VAR.secret_key.read_text().strip()
    except OSError:
        msg = f"SECRET_KEY is not set, and {VAR.secret_key} (made by `make run`) cannot be read"
        raise ImproperlyConfigured(msg) from None


SECRET_KEY = _secret_key()
SECRET_KEY_FALLBACKS = env.items("SECRET_KEY_FALLBACKS")
DEBUG = False
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS", f"{_origin.hostname},localhost,127.0.0.1,[::1]")

# --- Applications ---------------------------------------------------------------------------------
INSTALLED_APPS = [
    "portal.apps.PortalConfig",
    "forensics.apps.ForensicsConfig",
    "incidents.apps.IncidentsConfig",
    "audit.apps.AuditConfig",
    "unfold.apps.BasicAppConfig",  # the default one would put a site of its own in place of ours
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.guardian",
    "unfold.contrib.simple_history",
    "portal.apps.SiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_filters",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "guardian",
    "rest_framework",
    "simple_history",
]
MIDDLEWARE = [
    "portal.middleware.TraceMiddleware",
    "portal.middleware.StatelessMiddleware",
    "portal.middleware.DeadlineMiddleware",
    "portal.counting.CountingMiddleware",
    "portal.middleware.UnreachableMiddleware",
    # Before anything that costs something: a refusal asks neither session nor database.
    "portal.limits.middleware.LimitsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "portal.middleware.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.database.middleware.ReadOnlyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.middleware.TimeZoneMiddleware",
    "portal.middleware.CallerMiddleware",
    "portal.middleware.FailureMiddleware",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database: PostgreSQL, and nothing else ---------------------------------------------------------
DATABASE_URL = env.url(
    "DATABASE_URL", VAR.database_url("vigil_app"), schemes={"postgres", "postgresql"}
)
DATABASES = {
    "default": {
        **database(DATABASE_URL, "DATABASE_URL"),
        # Persistent connections come from the pool, where one is configured.
        "CONN_MAX_AGE": 0,
        # A pooled connection that died is replaced before anybody gets it.
        "CONN_HEALTH_CHECKS": True,
        # A governed call owns its transaction: a raised denial must not roll back its own record.
        "ATOMIC_REQUESTS": False,
    }
}
_options = DATABASES["default"]["OPTIONS"]
PROCESS = env.text("VIGIL_PROCESS", "vigil")
_options["application_name"] = PROCESS
# A server that takes connections and does not answer is one that is away.
_options.setdefault("connect_timeout", 5)
# The role that the connection assumes: migrations run as the owner, everything else as the login.
if _role := env.values.get("VIGIL_DATABASE_ROLE", "").strip():
    _options["assume_role"] = _role
if _pool := env.integer("VIGIL_DATABASE_POOL", 0, minimum=0, maximum=100):
    _options["pool"] = {"min_size": 1, "max_size": _pool, "timeout": 5}
# Read from while the database is away; never written to.
REPLICA_MAX_LAG = env.integer("VIGIL_REPLICA_MAX_LAG", 60, minimum=1, maximum=86_400)
FAILOVER_DATABASE_URL = env.values.get("VIGIL_FAILOVER_DATABASE_URL", "").strip()
if env.values.get("DATABASE_REPLICA_URL", "").strip():
    FAILOVER_DATABASE_URL = FAILOVER_DATABASE_URL or env.text("DATABASE_REPLICA_URL")
    DATABASES["replica"] = replica(
        DATABASES["default"],
        env.url("DATABASE_REPLICA_URL", schemes={"postgres", "postgresql"}),
    )
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Cache, broker, tasks ---------------------------------------------------------------------------
CACHE_URL = env.url("CACHE_URL", VAR.cache_url(), schemes={"redis", "rediss", "unix"})
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CACHE_URL,
        # What it holds is convenience: nobody waits for it.
        "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
    }
}
# Where requests are counted, and how many a minute a person or a token may make.
LIMITS_STORAGE_URL = CACHE_URL
REQUESTS_PER_MINUTE = env.integer("VIGIL_REQUESTS_PER_MINUTE", 100, minimum=1, maximum=1_000_000)
CELERY_BROKER_URL = env.url(
    "BROKER_URL",
    VAR.broker_url(),
    schemes={"redis", "rediss", "redis+socket", "amqp", "amqps"},
)
# What waits for others' servers has processes of its own, so that nothing else waits with it.
CELERY_TASK_QUEUES = [Queue("celery"), Queue("notifications")]
CELERY_TASK_DEFAULT_QUEUE = "celery"
CELERY_TASK_ROUTES = {
    "incidents.deliver_notifications": {"queue": "notifications"},
    "incidents.read_tickets": {"queue": "notifications"},
}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 60
CELERY_TASK_SOFT_TIME_LIMIT = 50
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# KiB: a process that leaks is replaced after its task.
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 400 * 1024
# A message that a killed worker took comes back after this; no task runs longer.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 120}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR.var / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    # The safety net under the task sent on commit: nothing accepted waits for a lost message.
    "seal-journal": {"task": "audit.seal_journal", "schedule": 3600.0, "options": {"expires": 600}},
    "find-outages": {"task": "audit.find_outages", "schedule": 60.0, "options": {"expires": 60}},
    "expire-approvals": {
        "task": "audit.expire_approvals",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "drain-receipts": {
        "task": "incidents.drain_receipts",
        "schedule": 2.0,
        "options": {"expires": 10},
    },
    "deliver-notifications": {
        "task": "incidents.deliver_notifications",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    "notify-detected": {
        "task": "incidents.notify_detected",
        "schedule": 2.0,
        "options": {"expires": 10},
    },
    "escalate-unacknowledged": {
        "task": "incidents.escalate_unacknowledged",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "read-tickets": {
        "task": "incidents.read_tickets",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "watch-clocks": {
        "task": "incidents.watch_clocks",
        "schedule": 15.0,
        "options": {"expires": 15},
    },
    "remind-of-action-items": {
        "task": "incidents.remind_of_action_items",
        "schedule": 15 * 60.0,
        "options": {"expires": 15 * 60},
    },
    "forget-idempotency-keys": {
        "task": "incidents.forget_idempotency_keys",
        "schedule": 60 * 60.0,
    },
}

# --- People -----------------------------------------------------------------------------------------
AUTH_USER_MODEL = "audit.User"
AUTHENTICATION_BACKENDS = [
    "audit.role_backend.RoleBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None
GUARDIAN_RAISE_403 = False
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "/"
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = IS_HTTPS
CSRF_COOKIE_SECURE = IS_HTTPS
CSRF_TRUSTED_ORIGINS = [ORIGIN]
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_HTTPS
SECURE_HSTS_PRELOAD = IS_HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- Language, time, files --------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
DATE_FORMAT, TIME_FORMAT, DATETIME_FORMAT = "Y-m-d", "H:i", "Y-m-d H:i"
STATIC_URL = "/static/"
STATIC_ROOT = env.path("VIGIL_STATIC_DIR", VAR.static)
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# Detector bodies are read by `portal.lib.body`, bounded and streamed; forms stay small.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440

# --- Governance -------------------------------------------------------------------------------------
# Seconds after which a voter has not voted.
VOTE_TIMEOUT = env.integer("VIGIL_VOTE_TIMEOUT_MS", 250, minimum=10, maximum=10_000) / 1000

# --- Ledger -----------------------------------------------------------------------------------------
SIGNER_KEY = env.path("VIGIL_SIGNER_KEY", VAR.signer_key)
# With a person's salt, opens what is sealed about them. The same file on every machine.
SUBJECT_KEY = env.path("VIGIL_SUBJECT_KEY", VAR.keys / "subjects")
ARCHIVE_DIR = env.path("VIGIL_ARCHIVE_DIR", VAR.var / "archive")
RETENTION_YEARS = env.integer("VIGIL_LEDGER_RETENTION_YEARS", 7, minimum=7, maximum=100)
MAX_CHECKPOINT_LAG = env.integer("VIGIL_MAX_CHECKPOINT_LAG", 60, minimum=5, maximum=86_400)
CHECKPOINT_WAIT = env.integer("VIGIL_CHECKPOINT_WAIT", 5, minimum=0, maximum=30)
JOURNAL_DIR = env.path("VIGIL_JOURNAL_DIR", VAR.journal)
JOURNAL_KEEP_DAYS = env.integer("VIGIL_JOURNAL_KEEP_DAYS", 90, minimum=1, maximum=36_500)
JOURNAL_SHIP = env.text("VIGIL_JOURNAL_SHIP", "")
JOURNAL_SHIP_HEADERS = env.text("VIGIL_JOURNAL_SHIP_HEADERS", "")
# Whom this installation witnesses, `origin vkey`, and who witnesses it, `url vkey`.
WITNESS_LOGS = env.items("VIGIL_WITNESS_LOGS")
WITNESS_NAME = env.text("VIGIL_WITNESS_NAME", f"{_origin.netloc}/witness")
WITNESS_KEY = env.path("VIGIL_WITNESS_KEY", VAR.keys / "witness")
WITNESS_DIR = env.path("VIGIL_WITNESS_DIR", VAR.var / "witness")
WITNESSES = env.items("VIGIL_WITNESSES")
WITNESS_QUORUM = env.integer("VIGIL_WITNESS_QUORUM", 0, minimum=0, maximum=100)

# --- Emergencies: paged by the watchdog itself ------------------------------------------------------
EMERGENCY_PAGERDUTY_KEY = env.values.get("VIGIL_EMERGENCY_PAGERDUTY_KEY", "").strip()
EMERGENCY_PAGERDUTY_URL = env.url(
    "VIGIL_EMERGENCY_PAGERDUTY_URL",
    "https://events.pagerduty.com/v2/enqueue",
    schemes={"http", "https"},
)

# --- Notifications ----------------------------------------------------------------------------------
SMTP = mail_server(env)
EMAIL_SENDER = env.text("VIGIL_EMAIL_FROM", f"Vigil <vigil@{_origin.hostname}>")
# Networks of our own that notifications may be sent into.
NOTIFY_NETWORKS = networks(env, "VIGIL_NOTIFY_NETWORKS")

# --- Attachments of timelines -----------------------------------------------------------------------
ATTACHMENT_MAX_BYTES = env.integer("VIGIL_ATTACHMENT_MAX_MIB", 10, minimum=1, maximum=100) << 20
ATTACHMENTS_MAX_BYTES = (
    env.integer("VIGIL_ATTACHMENTS_PER_INCIDENT_MIB", 200, minimum=1, maximum=10_000) << 20
)
FILE_UPLOAD_HANDLERS = ["portal.lib.uploads.BoundedUploadHandler"]

# --- API --------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "audit.authentication.BearerTokenAuthentication",
        "audit.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["portal.lib.parsers.StrictJSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "portal.lib.envelope.drf_exception_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Vigil",
    "DESCRIPTION": "Incidents, alerts, audit and ledger.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    # For what goes by the name of one field in several places.
    "ENUM_NAME_OVERRIDES": {
        "IncidentState": "incidents.procedure.State",
        "ClockState": "incidents.sla.ClockState",
        "ApprovalState": "audit.models.governance.ApprovalRequest.State",
        "ChecklistItemState": "incidents.models.checklist.ChecklistItem.State",
        "ContainmentKind": "incidents.models.containment.ContainmentAction.Kind",
        "HandoverState": "incidents.models.handover.RoleHandover.State",
        "TimelineEntryKind": "incidents.models.timeline.TimelineEntry.Kind",
        "AttachmentType": "incidents.attachments.MediaType",
        "ActionItemKind": "incidents.models.followup.ActionItem.Kind",
        "ChannelKind": "incidents.models.channel.ChannelKind",
        "AlertStatus": "incidents.models.alert.Alert.Status",
        "PostmortemStatus": "incidents.models.postmortem.Postmortem.Status",
        "NotificationState": "incidents.models.notification.Notification.State",
    },
    "SERVE_INCLUDE_SCHEMA": False,
    "PREPROCESSING_HOOKS": ["portal.schema.documented_endpoints"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "portal.schema.describe_failures",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- Pages
UNFOLD = navigation.UNFOLD

# --- Logs -------------------------------------------------------------------------------------------
LOGGING = logging_config(env.text("VIGIL_LOG_LEVEL", "INFO"))

# --- Traces: none where no collector is named
TRACES = traces(env)
