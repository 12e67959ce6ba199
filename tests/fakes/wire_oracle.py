"""Holds what is read off the bytes of a CheckRequest against what protobuf reads."""

from authsvc.extauthz.codec import CodecError, are_peers, names_in, names_of, parse, request_of
from authsvc.extauthz.pb.extauthz_pb2 import AttributeContext
from authsvc.extauthz.request_wire import Asked, RequestWire, Terms
from authsvc.extauthz.wishes import Wish, Wishes, wish_of
from authsvc.policy import KeyAuthConfig, PolicyBook
from authsvc.preparation import recipe_for
from authsvc.transaction_id import TRANSACTION_ID

BOOK = PolicyBook.bind(
    default=KeyAuthConfig(key_names=("api_key",)), plugins=(), routes=(), services=()
)
TELLING = ("api_key", "api-key", TRANSACTION_ID)
WISHES = Wishes((b"token",))


def terms_of(part: bytes) -> Terms | None:
    """Return the terms that are named after a request."""
    names = names_in(part)
    return None if names is None else Terms(*names, recipe_for(BOOK, *names))


def a_wire(*, capacity: int = 4096) -> RequestWire:
    """Return a reader under a policy that takes keys in ``api_key`` and ``api-key``."""
    return RequestWire(terms_of=terms_of, are_peers=are_peers, capacity=capacity)


def read(wire: RequestWire, payload: bytes) -> Asked | None:
    """Return what is read, after protobuf has read the same."""
    asked = wire.read(payload)
    if asked is not None:
        terms, method, path, host, key, headers_at = asked
        attributes = parse(payload)  # raises if there is anything wrong with it
        http = attributes.request.http
        assert (terms.route, terms.service) == names_of(attributes)
        assert (method, path, host) == (
            http.method.encode(),
            http.path.encode(),
            http.host.encode(),
        )
        if http.HasField("header_map"):
            headers = [
                (each.key, each.raw_value or each.value.encode())
                for each in http.header_map.headers
            ]
        else:
            headers = [(name, value.encode()) for name, value in http.headers.items()]
        telling = [(name.lower(), value) for name, value in headers if name.lower() in TELLING]
        assert telling == [(name, key) for name, _ in telling[:1] if name != TRANSACTION_ID]
        assert bool(telling) == bool(key)
        assert method
        _judge_wish(WISHES.read(payload, headers_at), attributes)
    return asked


def _judge_wish(wish: Wish | None, attributes: AttributeContext) -> None:
    """See that what is read is what the whole way goes by; an id that it lacks is made up."""
    try:
        request = request_of(attributes)
    except CodecError:
        return
    assert request.body is None
    if wish is not None:
        assert not request.first("token")
        same = wish_of(request)
        assert same is not None
        assert wish[0] == same[0]
        assert wish[1] == same[1] if request.first("x-request-id") else len(wish[1]) == len(same[1])
