-- What was to be said, to whom and why, stays as it was; only what came of it changes. Nothing is deleted.
CREATE FUNCTION incidents_notification_is_kept() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'notifications are kept (%)', old.public_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'notification_is_kept';
    END IF;
    IF ROW(new.public_id, new.incident_id, new.reason, new.severity, new.kind, new.channel_id,
           new.contact_id, new.person_id, new.addressee, new.dedup_key, new.message, new.queued_at,
           new.event_id)
       IS DISTINCT FROM
       ROW(old.public_id, old.incident_id, old.reason, old.severity, old.kind, old.channel_id,
           old.contact_id, old.person_id, old.addressee, old.dedup_key, old.message, old.queued_at,
           old.event_id)
       OR (old.state <> new.state AND old.state IN ('sent', 'sink', 'set_aside')) THEN
        RAISE EXCEPTION 'what a notification says is kept (%)', old.public_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'notification_is_kept';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER notification_is_kept BEFORE UPDATE OR DELETE ON incidents_notification
    FOR EACH ROW EXECUTE FUNCTION incidents_notification_is_kept();
ALTER TABLE incidents_notification ENABLE ALWAYS TRIGGER notification_is_kept;

SELECT audit_protect(t, 'governed') FROM unnest(ARRAY[
    'incidents_team', 'incidents_team_members', 'incidents_contactmethod', 'incidents_channel',
    'incidents_channelsecret', 'incidents_notificationrule', 'incidents_escalation']::regclass[]) AS t;
SELECT audit_protect('incidents_ticket', 'governed', '{seen_at}');
SELECT audit_protect('incidents_notification', 'governed',
    '{rounds,retry_at,lease,leased_until,accepted_at,reference}');
SELECT audit_protect(t, 'append_only') FROM unnest(ARRAY[
    'incidents_escalation', 'incidents_notificationattempt', 'incidents_historicalteam',
    'incidents_historicalchannel', 'incidents_historicalnotificationrule']::regclass[]) AS t;
