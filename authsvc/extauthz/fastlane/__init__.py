"""The fast lane: gRPC over HTTP/2 on asyncio, for the calls that Envoy makes."""
