"""Numbered SQL files, applied in order by `db.migrate`; `schema.sql` equals their sum, by test."""
