"""What every answer of the Admin API has, and what becomes of every error."""

import time
from collections.abc import Mapping
from typing import Any, Protocol

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from sidecar.admin.cors import Origins
from sidecar.admin.error_responses import problem_of
from sidecar.admin.information import Traffic
from sidecar.admin.problems import ProblemError
from sidecar.admin.refusals import UNMATCHED

ROUTE = web.RequestKey("route", str)
"""The template of the endpoint that a request matched, for the metrics."""
_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class AdminMetrics(Protocol):
    """Implemented by the process shell."""

    def __call__(self, *, method: str, route: str, status: int) -> None:
        """Count an answered request; all labels are from small fixed sets. Never raises."""


def ignore(*, method: str, route: str, status: int) -> None:
    """Count nothing."""


def boundary_of(traffic: Traffic, on_request: AdminMetrics, origins: Origins) -> Middleware:
    """Return what stands around every request: it counts, and lets no error out.

    Args:
        traffic: Counts for ``/status``.
        on_request: Counts for the metrics.
        origins: Whose pages may read answers.
    """

    @web.middleware
    async def boundary(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.monotonic()
        traffic.total += 1
        traffic.active += 1
        try:
            response = await handler(request)
        except Exception as error:  # noqa: BLE001 - the face: every error ends in an answer here
            response = _refusal(problem_of(error))
        finally:
            traffic.active -= 1
        milliseconds = int((time.monotonic() - started) * 1000)
        response.headers["X-Kong-Admin-Latency"] = str(milliseconds)
        response.headers["Cache-Control"] = "no-store"
        response.headers["Server"] = "tollkeeper"
        response.headers.update(origins.answered(headers_of(request)))
        route = request.get(ROUTE, UNMATCHED)
        on_request(method=method_of(request), route=route, status=response.status)
        return response

    return boundary


def method_of(request: web.Request) -> str:
    """Return a request's method, from a small fixed set."""
    return request.method if request.method in _KNOWN_METHODS else "other"


def headers_of(request: web.Request) -> dict[str, tuple[str, ...]]:
    """Return the values of each header of a request, by its name in lower case."""
    names = {name.lower() for name in request.headers}
    return {name: tuple(request.headers.getall(name)) for name in names}


def json_answer(status: int, body: Mapping[str, Any] | None) -> web.Response:
    """Return an answer; without a body where there is none."""
    if body is None:
        return web.Response(status=status)
    return web.Response(
        status=status,
        body=orjson.dumps(body),
        headers={"Content-Type": "application/json; charset=utf-8"},
    )


def _refusal(problem: ProblemError) -> web.Response:
    response = json_answer(problem.status, problem.body)
    response.headers.update(problem.headers)
    return response
