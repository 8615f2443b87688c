"""Makes entries searchable once they are in the log, batch after batch, from wherever it stopped.

Runs as the role `vigil_ledger`, after sequencing. Search is a convenience: where it fails,
the log goes on, and the viewer says how far its search has come.
"""

import structlog
from django.db import DataError, connection, transaction

from audit.models import Head, SearchProgress

log = structlog.get_logger(__name__)

BATCH = 500

_FILL = """
INSERT INTO audit_search (event_id, at, document, about)
SELECT e.id, e.at, audit_search_document(body), audit_search_about(body, coalesce(listed.changes::jsonb,
    CASE jsonb_typeof(body -> 'changes') WHEN 'array' THEN body -> 'changes' ELSE '[]' END))
FROM audit_leaf l
JOIN audit_event e ON e.id = l.event_id
CROSS JOIN LATERAL (SELECT convert_from(e.entry, 'UTF8')::jsonb AS body) AS read
LEFT JOIN audit_event_changes listed ON listed.event_id = e.id
WHERE l.index >= %s AND l.index < %s
"""


def fill() -> int:
    """Makes up to 500 leaves searchable, and returns how many it did."""
    try:
        return _fill(BATCH)
    except DataError:
        # One of them is no entry any more: somebody changed it behind the product. The others count.
        return _fill(1)


def _fill(batch: int) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        # The lock is a statement of its own: what is read after it is what the last holder left.
        done = SearchProgress.objects.select_for_update().get().size
        upto = min(done + batch, Head.objects.values_list("size", flat=True).get())
        if upto > done:
            try:
                with transaction.atomic():
                    cursor.execute(_FILL, [done, upto])
            except DataError as error:
                if batch > 1:
                    raise
                log.warning("entry_not_searchable", index=done, error=str(error).strip())
            SearchProgress.objects.update(size=upto)
        return upto - done
