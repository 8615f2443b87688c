"""The banner of read-only mode, on every page of the site."""

from typing import Any

from django import template

from portal.lib import read_only

register = template.Library()


@register.inclusion_tag("read_only/banner.html")
def read_only_banner() -> dict[str, Any]:
    return {"reading": read_only.current()}
