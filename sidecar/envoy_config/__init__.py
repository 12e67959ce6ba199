"""Builds a complete, hardened Envoy bootstrap from a plan, or from what the Admin API knows."""
