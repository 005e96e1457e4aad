"""The schema: numbered migrations, the roles, and `schema.sql`, their sum."""
