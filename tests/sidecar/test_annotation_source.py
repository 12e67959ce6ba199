import base64
import json
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from analytics.config_fields import parse_moesif_config
from analytics.routing import KnownRoute, KnownService, Routing, ScopedConfig, Topology
from authsvc.annotation_rules import NOTHING_WANTED, AnnotationRules, IdSource
from authsvc.entities import Plugin, Route, Service
from authsvc.policy import PolicyBook
from authsvc.request import Request
from sidecar.annotation_source import annotation_rules

TOKENS_IN = ("authorization",)
IDS = AnnotationRules(transaction_ids=True, token_headers=TOKENS_IN)
CONFIGS: dict[str, tuple[dict[str, Any], AnnotationRules | None]] = {
    "by default": ({}, IDS),
    "without transaction ids": (
        {"disable_transaction_id": True},
        AnnotationRules(token_headers=TOKENS_IN),
    ),
    "with tokens elsewhere": (
        {"authorization_header_name": "X_Token, Authorization"},
        replace(IDS, token_headers=("x_token", "x-token", "authorization")),
    ),
    "with sources of ids": (
        {"user_id_from": "metadata:user,id", "company_id_from": "tags:company:"},
        AnnotationRules(
            transaction_ids=True,
            user_id_from=(IdSource("metadata", "user"), IdSource("id")),
            company_id_from=(IdSource("tags", "company:"),),
            token_headers=TOKENS_IN,
        ),
    ),
    "not valid": ({"company_id_from": "nowhere"}, None),
}


def plugin(name: str, config: dict[str, Any]) -> Plugin:
    return Plugin(id="p", created_at=0, updated_at=0, name=name, config=config)


@pytest.mark.parametrize(("config", "expected"), CONFIGS.values(), ids=CONFIGS)
def test_a_moesif_plugin_says_what_is_told(
    config: dict[str, Any], expected: AnnotationRules | None
) -> None:
    rules = annotation_rules(plugin("moesif", {"application_id": "app"} | config))
    assert (rules and replace(rules, read_token=None)) == expected


def token(**claims: Any) -> bytes:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
    return b"Bearer e30." + payload + b".c2ln"


TOKENS: dict[str, tuple[dict[str, Any], list[tuple[str, bytes]], bool, Any]] = {
    "of nobody known": ({}, [("authorization", token(sub="u", org="o"))], False, ("u", None)),
    "of a consumer": ({}, [("authorization", token(sub="u"))], True, (None, None)),
    "a company's claim": (
        {"authorization_company_id_field": "org"},
        [("authorization", token(sub="u", org="o"))],
        True,
        ("u", "o"),
    ),
    "another header": (
        {"authorization_header_name": "X_Token, Authorization"},
        [("authorization", token(sub="a")), ("x-token", token(sub="x"))],
        False,
        ("x", None),
    ),
    "the first of two lines": (
        {},
        [("authorization", token(sub="a")), ("authorization", token(sub="b"))],
        False,
        ("a", None),
    ),
    "a password": ({}, [("authorization", b"Basic Z2luYTpwdzp4")], False, ("gina", None)),
    "no text": ({}, [("authorization", b"\xff\xfe")], False, (None, None)),
    "none": ({}, [], False, (None, None)),
}


@pytest.mark.parametrize(("config", "headers", "is_known", "expected"), TOKENS.values(), ids=TOKENS)
def test_tokens_are_read_at_the_check(
    config: dict[str, Any], headers: list[tuple[str, bytes]], is_known: bool, expected: Any
) -> None:
    rules = annotation_rules(plugin("moesif", {"application_id": "app"} | config))
    assert rules is not None
    assert rules.read_token is not None
    request = Request(method="GET", path="/", headers=tuple(headers))
    assert rules.read_token(request, is_known) == expected


def test_no_other_plugin_says_anything() -> None:
    assert annotation_rules(plugin("acl", {"allow": ["a"]})) is None


ROUTES = [("r1", "orders", "s1"), ("r2", "users", None), ("r3", None, None), ("r4", "r1", "s2")]
SERVICES = [("s1", "shop"), ("s2", None)]
SCOPES = [("r1", "s1"), ("r1", None), (None, "s1"), ("r4", None), (None, None)]
NAMES = [None, "orders", "users", "r1", "r3", "r4", "unknown", "shop", "s2"]


@pytest.mark.parametrize("scopes", [SCOPES, SCOPES[1:4], SCOPES[2:], SCOPES[4:], SCOPES[:1]])
def test_authsvc_and_analytics_take_the_same_plugin_for_the_most_specific(
    scopes: list[tuple[str | None, str | None]],
) -> None:
    plugins = [
        replace(
            plugin("moesif", {"application_id": "app", "company_id_from": f"tags:{number}"}),
            route_id=route,
            service_id=service,
        )
        for number, (route, service) in enumerate(scopes)
    ]
    book = PolicyBook.bind(
        default=None,
        plugins=plugins,
        routes=[
            Route(id=id_, created_at=0, updated_at=0, name=name, service_id=service)
            for id_, name, service in ROUTES
        ],
        services=[
            Service(id=id_, created_at=0, updated_at=0, host="h", name=name)
            for id_, name in SERVICES
        ],
        annotation_of=annotation_rules,
    )
    routing = Routing(
        [
            (ScopedConfig(parse_moesif_config(each.config), each.route_id, each.service_id), each)
            for each in plugins
        ],
        Topology(
            [KnownRoute(*each) for each in ROUTES], [KnownService(*each) for each in SERVICES]
        ),
    )
    for route, service in product(NAMES, NAMES):
        found = routing.find(route, service)
        rules = annotation_rules(found) if found else NOTHING_WANTED
        assert rules is not None
        applying = book.annotation_rules(route, service)
        assert applying.company_id_from == rules.company_id_from, (route, service)
