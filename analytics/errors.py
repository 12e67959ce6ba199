"""Everything analytics raises, grouped by who is at fault.

No error carries an application id, a key or an event: its text may be logged and shown.
"""


class AnalyticsError(Exception):
    """The root of this package's errors. Never raised itself."""


class ConfigError(AnalyticsError):
    """A ``moesif`` configuration is not valid.

    Attributes:
        fields: Why, by field name; for an array whose elements are wrong a list, with None for
            each element that is fine.
    """

    def __init__(self, fields: dict[str, object]) -> None:
        super().__init__("; ".join(f"{name}: {why}" for name, why in fields.items()))
        self.fields = fields


class CollectorUnreachableError(AnalyticsError):
    """The collector gave no answer in time, or none at all. Trying again later may work."""


class ListenError(AnalyticsError):
    """The address for access logs cannot be listened on."""


class PatternError(AnalyticsError):
    """A regular expression from outside cannot be used. The text does not show it."""


class DocumentError(AnalyticsError):
    """What the collector said about sampling or rules, or a part of it, makes no sense."""


class SpoolBusyError(AnalyticsError):
    """Another process has this spool. It may let go of it."""
