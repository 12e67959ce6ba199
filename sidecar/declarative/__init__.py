"""Declarative files: Kong's format, as decK writes it too, and what a sidecar without database is.

``parse_declaration`` makes a ``Declaration`` of a text: complete, valid entities, judged by the
schemas of the Admin API.  Whoever brings one into a database has to know:

1. ``given_ids`` are the ids that the file itself gave. Every other id was derived, as Kong derives
   it, from names; or, of a credential, from its consumer and its place among that consumer's
   keys, never from the key. A database may know the same consumer, service or route by another
   id: look it up by its name, and a credential by the blind index of its key.
2. A credential's ``key`` is an ``ApiKey``, or a ``SealedKey``: a text that the ``KeyReader`` took
   for sealed, and left so. A reader that opens sealed texts returns what is in them.
3. ``expires_at`` counts from ``now``, which is an argument.
4. ``select_tags`` are those of decK's ``_info``; every entity has them already.
5. ``left_out`` names what the file has and Tollkeeper does not: only with ``lenient=True``, else
   it is an error. ``ignored`` names what decK writes for itself.
"""
