"""What a client sees that a rule of somebody else blocks: the rule's own answer."""

from authsvc.denial import Denial
from authsvc.governance import Ruling
from authsvc.request import Request

_PERMISSION_DENIED = 7
# gRPC's codes for HTTP statuses, with those that gRPC has a better word for than Envoy.
_GRPC_STATUS = {400: 3, 401: 16, 404: 5, 409: 10, 429: 8, 500: 13, 501: 12, 503: 14, 504: 4}


def deny_by_rule(ruling: Ruling, request: Request) -> Denial:
    """Return the answer of a ruling that blocks; a gRPC call's message is the body."""
    if not request.is_grpc:
        return Denial(ruling.status, ruling.headers, ruling.body)
    status = str(_GRPC_STATUS.get(ruling.status, _PERMISSION_DENIED))
    told = (header for header in ruling.headers if header[0] != "content-type")
    return Denial(ruling.status, (*told, ("grpc-status", status)), ruling.body)
