"""Storage of studies in SQLite files and PostgreSQL databases, in one format."""
