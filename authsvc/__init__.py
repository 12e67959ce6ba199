"""Who is calling, and may they? Decides; Envoy obeys."""
