"""What ``GET /v1/config`` says of one application id: how to sample, who is in which cohort."""

from dataclasses import dataclass, field

import orjson

from analytics.cohorts import Cohorts, read_memberships
from analytics.errors import DocumentError
from analytics.rules import Flaw
from analytics.sampling import Sampling, read_sampling

_NAME = "config"


@dataclass(frozen=True, slots=True)
class AppConfig:
    """One configuration, as far as it made sense."""

    sampling: Sampling = field(default_factory=Sampling)
    cohorts: Cohorts = field(default_factory=Cohorts)


def read_app_config(document: bytes) -> tuple[AppConfig, list[Flaw]]:
    """Return the configuration, and what of it is ignored because it makes no sense.

    Raises:
        DocumentError: It is no JSON object.
    """
    try:
        raw = orjson.loads(document)
    except orjson.JSONDecodeError:
        raise DocumentError("the configuration is no JSON") from None
    if not isinstance(raw, dict):
        raise DocumentError("the configuration is no object")
    sampling, problems = read_sampling(raw)
    flaws = [Flaw(_NAME, problem) for problem in problems]
    users, bad_users = read_memberships(raw.get("user_rules"))
    companies, bad_companies = read_memberships(raw.get("company_rules"))
    for name, bad in {"user_rules": bad_users, "company_rules": bad_companies}.items():
        if bad:
            flaws.append(Flaw(_NAME, f"{name}: {bad} entries make no sense"))
    return AppConfig(sampling, Cohorts(users, companies)), flaws
