"""The stores on Postgres; the only place that knows asyncpg and SQL."""

from authsvc.postgres.database import Database

__all__ = ["Database"]
