"""Everything that `make run` starts on one machine: embedded PostgreSQL, broker, supervisor."""
