from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import AdminConfig

# Makes it the current Celery application, which shared tasks are sent through.
from portal.celery import app as celery_app

__all__ = ["PortalConfig", "SiteConfig", "celery_app"]


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        # Shares the counters of all processes, so it comes before any is made.
        from portal import checks, counting  # noqa: F401
        from portal.system import breakers  # noqa: F401 - its action is known from the start

        checks.register()
        if settings.TRACES is not None:
            from portal.tracing.install import install

            install(settings.TRACES, settings.PROCESS)


class SiteConfig(AdminConfig):
    """The admin site is the product; ours is served at `/`."""

    default_site = "portal.site.VigilSite"
