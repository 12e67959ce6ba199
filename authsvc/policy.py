"""Which configuration applies to a request.

Plugins are kept per route, per service, or for everything; as in Kong the most specific one of
each name wins: route and service together, route, service, global.  Where no ``key-auth-enc``
applies, the settings' default steps in, and without a default the request is refused.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from authsvc.annotation_rules import NOTHING_WANTED, AnnotationRules
from authsvc.edge_cache_option import check_edge_cache, read_edge_cache
from authsvc.entities import Plugin, Route, Service
from authsvc.errors import PolicyError

KEY_AUTH = "key-auth-enc"
KEY_AUTH_NAMES = frozenset({KEY_AUTH, "key-auth"})
ACL = "acl"
PREFIXED = "prefixed"
KEY_FORMATS = (PREFIXED,)
_NAME_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


@dataclass(frozen=True, slots=True)
class KeyAuthConfig:
    """The ``key-auth-enc`` plugin's configuration; Kong's fields and defaults first."""

    key_names: tuple[str, ...] = ("apikey",)
    key_in_header: bool = True
    key_in_query: bool = True
    key_in_body: bool = False
    hide_credentials: bool = False
    anonymous: str | None = None  # id or username of a consumer
    run_on_preflight: bool = True
    realm: str | None = None
    # Ours, each neutral by default.
    key_in_cookie: bool = False
    key_in_bearer: bool = False  # `Authorization: Bearer <key>`, where no name has a value
    key_format: str | None = None  # `prefixed`: refuse ill-formed prefixed keys without a look-up
    edge_cache: int = 0  # seconds in which Envoy may let a key through again unasked


@dataclass(frozen=True, slots=True)
class AclConfig:
    """The ``acl`` plugin's configuration: exactly one of ``allow`` and ``deny`` has members."""

    allow: frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()
    hide_groups_header: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """What applies to one request."""

    key_auth: KeyAuthConfig
    acl: AclConfig | None = None


def parse_key_auth(config: Mapping[str, Any]) -> KeyAuthConfig:
    """Read a ``key-auth-enc`` configuration.

    Raises:
        PolicyError: With Kong's words for every field that is wrong.
    """
    problems: dict[str, object] = {}
    values: dict[str, Any] = {}
    for name, value in config.items():
        check = _KEY_AUTH_CHECKS.get(name)
        problem = check(value) if check else "unknown field"
        if problem:
            problems[name] = problem
        else:
            values[name] = _READERS[name](value) if name in _READERS else value
    if problems:
        raise PolicyError(problems)
    return KeyAuthConfig(**values)


def parse_acl(config: Mapping[str, Any]) -> AclConfig:
    """Read an ``acl`` configuration that was validated when it was stored.

    Raises:
        PolicyError: It could let in more than was meant: groups that are no list of texts, or
            both of ``allow`` and ``deny``.
    """
    groups = {name: _read_groups(name, config.get(name)) for name in ("allow", "deny")}
    if groups["allow"] and groups["deny"]:
        problem = "exactly one of these fields must be non-empty: 'config.allow', 'config.deny'"
        raise PolicyError({"@entity": [problem]})
    return AclConfig(**groups, hide_groups_header=config.get("hide_groups_header") is True)


def _read_groups(name: str, value: object) -> frozenset[str]:
    if value is None:
        return frozenset()
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise PolicyError({name: "expected an array of strings"})
    return frozenset(value)


def _check_bool(value: object) -> str | None:
    if value is None:
        return "required field missing"
    return None if isinstance(value, bool) else "expected a boolean"


def _check_optional_text(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        return "expected a string"
    return None if value else "length must be at least 1"


def _check_key_format(value: object) -> str | None:
    if value is None or value in KEY_FORMATS:
        return None
    return "expected a string" if not isinstance(value, str) else "expected one of: prefixed"


def _check_key_names(value: object) -> object:
    if value is None:
        return "required field missing"
    if not isinstance(value, list | tuple):
        return "expected an array"
    problems = [_check_key_name(name) for name in value]
    return problems if any(problems) else None


def _check_key_name(name: object) -> str | None:
    if not isinstance(name, str):
        return "expected a string"
    if not name:
        return "length must be at least 1"
    if not _NAME_CHARACTERS.issuperset(name):
        return f"bad header name '{name}', allowed characters are A-Z, a-z, 0-9, '_', and '-'"
    return None


_KEY_AUTH_CHECKS = {
    "key_names": _check_key_names,
    "key_in_header": _check_bool,
    "key_in_query": _check_bool,
    "key_in_body": _check_bool,
    "hide_credentials": _check_bool,
    "anonymous": _check_optional_text,
    "run_on_preflight": _check_bool,
    "realm": _check_optional_text,
    "key_in_cookie": _check_bool,
    "key_in_bearer": _check_bool,
    "key_format": _check_key_format,
    "edge_cache": check_edge_cache,
}
_READERS: Mapping[str, Callable[[Any], Any]] = {
    "key_names": tuple,
    "edge_cache": read_edge_cache,
}


_Scope = tuple[str | None, str | None]  # route, service
ReadAnnotation = Callable[[Plugin], AnnotationRules | None]


def nothing_wanted(_plugin: Plugin) -> None:
    """Read no configuration: nobody wants to be told anything."""


@dataclass(frozen=True, slots=True)
class PolicyBook:
    """All policies of one moment; made anew when a plugin, a route or a service changes."""

    default: KeyAuthConfig | None
    _plugins: Mapping[tuple[str, str | None, str | None], Plugin] = field(default_factory=dict)
    _route_ids: Mapping[str, Route] = field(default_factory=dict)
    _service_ids: Mapping[str, str] = field(default_factory=dict)
    _annotations: Mapping[_Scope, AnnotationRules] = field(default_factory=dict)
    _found: dict[_Scope, Policy | None] = field(default_factory=dict)
    _wanted: dict[_Scope, AnnotationRules] = field(default_factory=dict)

    @classmethod
    def bind(
        cls,
        *,
        default: KeyAuthConfig | None,
        plugins: Iterable[Plugin],
        routes: Iterable[Route],
        services: Iterable[Service],
        annotation_of: ReadAnnotation = nothing_wanted,
    ) -> "PolicyBook":
        """Make a book of what is stored. Routes and services are found by id and by name.

        Args:
            default: What applies where no key authentication is configured.
            plugins: The configurations; those that are not enabled count for nothing.
            routes: The routes there are.
            services: The services there are.
            annotation_of: Returns what a plugin wants to be told of requests; None: it is not of
                those that want anything.
        """
        enabled = [plugin for plugin in plugins if plugin.enabled]
        by_scope = {
            (_canonical(plugin.name), plugin.route_id, plugin.service_id): plugin
            for plugin in enabled
        }
        annotations = {
            (plugin.route_id, plugin.service_id): rules
            for plugin in enabled
            if (rules := annotation_of(plugin)) is not None
        }
        route_ids: dict[str, Route] = {}
        for route in routes:
            route_ids[route.id] = route
            if route.name is not None:
                route_ids.setdefault(route.name, route)
        service_ids: dict[str, str] = {}
        for service in services:
            service_ids[service.id] = service.id
            if service.name is not None:
                service_ids.setdefault(service.name, service.id)
        return cls(default, by_scope, route_ids, service_ids, annotations)

    def find(self, route: str | None, service: str | None) -> Policy | None:
        """Return what applies to a request of this route and service, or None: refuse it.

        Names that nothing is stored under are as good as none: what is global applies.
        """
        names = (route, service)
        if names not in self._found:
            if len(self._found) >= _MOST_REMEMBERED:
                self._found.clear()
            self._found[names] = self._resolve(route, service)
        return self._found[names]

    def annotation_rules(self, route: str | None, service: str | None) -> AnnotationRules:
        """Return what is wanted of a request of this route and service, refused or not."""
        if not self._annotations:
            return NOTHING_WANTED
        names = (route, service)
        if names not in self._wanted:
            if len(self._wanted) >= _MOST_REMEMBERED:
                self._wanted.clear()
            scopes = self._scopes(route, service)
            found = (self._annotations[scope] for scope in scopes if scope in self._annotations)
            self._wanted[names] = next(found, NOTHING_WANTED)
        return self._wanted[names]

    def _resolve(self, route_name: str | None, service_name: str | None) -> Policy | None:
        scopes = self._scopes(route_name, service_name)
        key_auth = self._most_specific(KEY_AUTH, scopes)
        config = parse_key_auth(key_auth.config) if key_auth else self.default
        if config is None:
            return None
        acl = self._most_specific(ACL, scopes)
        return Policy(key_auth=config, acl=parse_acl(acl.config) if acl else None)

    def _scopes(self, route_name: str | None, service_name: str | None) -> tuple[_Scope, ...]:
        """Return the scopes that hold a request, the most specific one first."""
        route = self._route_ids.get(route_name) if route_name else None
        service_id = self._service_ids.get(service_name) if service_name else None
        if service_id is None and route is not None:
            service_id = route.service_id
        route_id = route.id if route else None
        return ((route_id, service_id), (route_id, None), (None, service_id), (None, None))

    def _most_specific(self, name: str, scopes: Iterable[_Scope]) -> Plugin | None:
        for scope in scopes:
            plugin = self._plugins.get((name, *scope))
            if plugin is not None:
                return plugin
        return None


_MOST_REMEMBERED = 10_000


def _canonical(plugin_name: str) -> str:
    return KEY_AUTH if plugin_name in KEY_AUTH_NAMES else plugin_name
