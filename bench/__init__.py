"""How fast a check is, measured beside others that answer the same question."""
