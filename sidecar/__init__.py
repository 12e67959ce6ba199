"""The process: settings, command line, Admin API, health, metrics, logs, supervision, the demo."""
