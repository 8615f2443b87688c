"""Making the replica the database: checked, asked for, journaled before, and on record after."""
