"""What happened? Turns access log entries into Moesif events, never in a request's way."""
