"""The faces of the decision towards Envoy: bytes in, bytes out."""
