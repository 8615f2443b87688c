#!/bin/sh
# Makes the secrets that compose.yaml reads; what is there already stays as it is.
set -eu
cd "$(dirname "$0")"
umask 022
random() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
keep() { [ -e "$1" ] || printf '%s' "$2" > "$1"; }
for name in secret_key postgres_password valkey_password app_password ledger_password signer_password grafana_password replication_password; do
  keep "$name" "$(random)"
done
keep pagerduty_key ""
keep detector_token ""
keep owner_database_url "postgresql://postgres:$(cat postgres_password)@postgres/postgres"
keep owner_database_url_vigil "postgresql://postgres:$(cat postgres_password)@postgres/vigil"
for role in app ledger signer; do
  keep "${role}_database_url" "postgresql://vigil_${role}:$(cat "${role}_password")@postgres/vigil"
done
keep replica_database_url "postgresql://vigil_app:$(cat app_password)@postgres-replica/vigil"
keep broker_url "redis://:$(cat valkey_password)@valkey:6379/0"
keep cache_url "redis://:$(cat valkey_password)@valkey:6379/1"
