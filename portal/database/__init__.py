"""Django's PostgreSQL backend, guarded: a database that is away or frozen costs nobody their time."""
