"""Where studies are stored: SQLite files and PostgreSQL databases, in one format."""
