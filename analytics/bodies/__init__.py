"""Bodies of requests and responses: taken beside the traffic, joined to log entries, masked."""
