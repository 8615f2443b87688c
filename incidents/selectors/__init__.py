"""Reads of incidents: what pages and the API show. Each starts from `incidents_visible_to`."""

from incidents.selectors.visibility import incident_get, incidents_visible_to, receipts_visible_to

__all__ = ["incident_get", "incidents_visible_to", "receipts_visible_to"]
