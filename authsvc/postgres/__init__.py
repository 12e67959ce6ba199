"""The stores on Postgres; the only place that knows asyncpg and SQL."""
