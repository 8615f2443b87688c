#!/bin/sh
# Lets a replica follow, as a login that can do nothing else. The image runs it when it makes the database;
# for one that is there already: docker compose exec postgres sh /docker-entrypoint-initdb.d/replication.sh
set -eu
password="$(cat /run/secrets/replication_password)"
psql --username postgres --dbname postgres --set ON_ERROR_STOP=1 --set password="$password" <<'SQL'
SELECT 'CREATE ROLE vigil_replication LOGIN REPLICATION'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigil_replication') \gexec
ALTER ROLE vigil_replication PASSWORD :'password';
SELECT pg_create_physical_replication_slot('vigil_replica')
WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = 'vigil_replica');
ALTER SYSTEM SET max_slot_wal_keep_size = '8GB';
SQL
line="host replication vigil_replication all scram-sha-256"
grep -qxF "$line" "$PGDATA/pg_hba.conf" || echo "$line" >> "$PGDATA/pg_hba.conf"
psql --username postgres --dbname postgres --command "SELECT pg_reload_conf()"
