"""The Kong-compatible Admin API.

``create_admin_app`` makes it, ``AdminServer`` serves it.
"""

from sidecar.admin.app import create_admin_app
from sidecar.admin.boundary import AdminMetrics
from sidecar.admin.information import describe_node
from sidecar.admin.server import AdminServer

__all__ = ["AdminMetrics", "AdminServer", "create_admin_app", "describe_node"]
