"""What the process shell raises, grouped by who is at fault.

Every text is one line for the operator, without any secret and without any setting's value.
"""


class SidecarError(Exception):
    """The root of this package's errors. Never raised itself."""


class SettingsError(SidecarError):
    """A setting, or what it refers to, is wrong; the text names it. The program ends with 2."""


class DeclarativeConfigError(SettingsError):
    """The declarative file declares what cannot be; a line tells of all that is wrong."""


class StartupError(SidecarError):
    """Something outside did not let the program start: another try may work. It ends with 1."""


class EmbeddedPostgresError(StartupError):
    """The embedded PostgreSQL cannot be had; the text is one line that says why."""
