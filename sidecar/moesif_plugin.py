"""The plugin that configures analytics, by its name."""

MOESIF = "moesif"
