"""The whole thing on one machine: a real Envoy, an echo upstream, a local collector."""
