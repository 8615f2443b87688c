"""Which notifications are due: nobody is at them, they need not wait, and none goes before them."""

# Of the table as `due`. To one addressee about one incident, in order.
IS_DUE = """
    due.state = 'pending'
    AND coalesce(due.retry_at, '-infinity') <= clock_timestamp()
    AND coalesce(due.leased_until, '-infinity') <= clock_timestamp()
    AND NOT EXISTS (
        SELECT FROM incidents_notification AS earlier
        WHERE earlier.state = 'pending' AND earlier.id < due.id
            AND earlier.incident_id = due.incident_id
            AND earlier.channel_id IS NOT DISTINCT FROM due.channel_id
            AND earlier.contact_id IS NOT DISTINCT FROM due.contact_id)
"""
# Seconds for which the oldest of them has waited for its turn; null for none.
OLDEST_DUE = f"""
SELECT extract(epoch FROM clock_timestamp()
    - min(greatest(due.queued_at, due.retry_at, due.leased_until)))::float
FROM incidents_notification AS due WHERE {IS_DUE}
"""  # noqa: S608 - made of constants
