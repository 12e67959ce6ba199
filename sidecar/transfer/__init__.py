"""Everything of a database into a declarative file, and such a file into a database.

Both work on the database itself, so that twenty thousand keys take seconds, and need what the
product needs: its settings, and the root key.
"""
