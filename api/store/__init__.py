"""The database: one engine, and one file of statements for each room that keeps something."""

from api.store.engine import Store

__all__ = ["Store"]
