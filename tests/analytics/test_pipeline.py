import base64
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from analytics import intake
from analytics.codec import PORTION
from analytics.config import MoesifConfig
from analytics.config_fields import parse_moesif_config
from analytics.identify import Identity
from analytics.instruction_book import InstructionBook
from analytics.logged_call import LoggedCall
from analytics.metrics import DropReason, SkipReason
from analytics.moesif import MoesifCollector
from analytics.pipeline import Pipeline
from analytics.routing import KnownRoute, KnownService, ScopedConfig, Topology
from analytics.sampling import KEPT, Draw
from tests.deadline import eventually
from tests.fakes.collector import Collector, Hang
from tests.fakes.counting_metrics import CountingMetrics
from tests.fakes.documents import CountingInstructions
from tests.fakes.envoy_log import entry, message, said


@asynccontextmanager
async def pipeline(
    metrics: CountingMetrics, *, stop_seconds: float = 10.0
) -> AsyncIterator[Pipeline]:
    async with (
        MoesifCollector() as client,
        Pipeline(collector=client, metrics=metrics, stop_seconds=stop_seconds) as built,
    ):
        yield built


def scoped(
    collector: Collector, route: str | None = None, service: str | None = None, **config: Any
) -> ScopedConfig:
    given = {"application_id": "APP1", "api_endpoint": collector.url, "batch_max_wait": 0}
    return ScopedConfig(parse_moesif_config(given | config), route, service)


def path(number: int | str) -> dict[str, Any]:
    return {"request": {"path": f"/{number}"}}


def paths(collector: Collector) -> list[str]:
    return [event["request"]["uri"].rpartition("/")[2] for event in collector.events]


async def arrived(collector: Collector, count: int) -> None:
    await eventually(lambda: len(collector.events) >= count, f"{count} events")
    assert len(collector.events) == count


async def test_an_entry_becomes_an_event(metrics: CountingMetrics) -> None:
    async with Collector() as collector, pipeline(metrics) as it:
        it.configure([scoped(collector)], credential_names=["my-key"])
        stream = it.open_stream()
        secret = entry(request={"path": "/?my_key=secret"}, common=said(username="alice"))
        stream.accept(message(secret, node="envoy-1"))
        stream.accept(message(entry()))
        await arrived(collector, 2)
    first, second = collector.events
    assert first["user_id"] == "alice"
    assert first["request"]["uri"] == "https://api.example.com/?my_key=*****"
    assert first["metadata"]["node"] == second["metadata"]["node"] == "envoy-1"
    assert first["transaction_id"] != second["transaction_id"]
    assert (metrics.entries, metrics.events_sent, metrics.events_waiting) == (2, 2, 0)


async def test_no_token_keeps_its_call_from_becoming_an_event(metrics: CountingMetrics) -> None:
    members = base64.urlsafe_b64encode(rb'{"sub": "\ud800"}').decode()
    async with Collector() as collector, pipeline(metrics) as it:
        it.configure([scoped(collector)], credential_names=[])
        logged = {"request_headers": {"authorization": f"Bearer e30.{members}.s"}}
        it.open_stream().accept(message(entry(request=logged)))
        await arrived(collector, 1)
    assert "user_id" not in collector.events[0]


async def test_what_is_no_event_is_counted(metrics: CountingMetrics) -> None:
    async with Collector() as collector, pipeline(metrics) as it:
        it.configure([scoped(collector, "orders")], credential_names=[])
        stream = it.open_stream()
        nothing = entry(request=dict.fromkeys(("request_method", "scheme", "authority", "path")))
        unfinished = entry(common={"access_log_type": "DownstreamStart"})
        stream.accept(message(entry(), unfinished, nothing))
        stream.accept(b"\xff")
    assert collector.posts == []
    assert metrics.entries == 4
    assert metrics.skips == {
        SkipReason.NOT_CONFIGURED: 1,
        SkipReason.UNFINISHED: 1,
        SkipReason.NO_REQUEST: 1,
    }
    assert metrics.drops == {DropReason.MALFORMED: 1}


async def test_a_message_rests_between_its_portions_only(metrics: CountingMetrics) -> None:
    async with Collector() as collector, pipeline(metrics) as it:
        it.configure([scoped(collector)], credential_names=[])
        stream = it.open_stream()
        assert not list(stream.portions(message(entry(), node="envoy-1")))
        assert not list(stream.portions(b"\xff"))
        rests = stream.portions(message(*(entry() for _ in range(2 * PORTION + 1))))
        seen = [metrics.entries for _ in rests]
    assert seen == [2 + PORTION, 2 + 2 * PORTION]
    assert metrics.entries == 2 + 2 * PORTION + 1
    assert {event["metadata"]["node"] for event in collector.events} == {"envoy-1"}


async def test_entries_wait_for_the_first_configuration(metrics: CountingMetrics) -> None:
    async with Collector() as collector, pipeline(metrics) as it:
        it.open_stream().accept(message(entry(request={"path": "/?my_key=secret"}), node="envoy-1"))
        it.configure([scoped(collector)], credential_names=["my-key"])
        await arrived(collector, 1)
    (event,) = collector.events
    assert "secret" not in repr(event)
    assert event["metadata"]["node"] == "envoy-1"


async def test_the_oldest_of_too_many_that_wait_go(
    metrics: CountingMetrics, monkeypatch: Any
) -> None:
    monkeypatch.setattr(intake, "MAX_HELD", 3)
    async with Collector() as collector, pipeline(metrics) as it:
        it.open_stream().accept(message(*(entry(**path(number)) for number in range(5))))
        it.configure([scoped(collector)], credential_names=[])
        await arrived(collector, 3)
    assert paths(collector) == ["2", "3", "4"]
    assert metrics.drops == {DropReason.NOT_YET_CONFIGURED: 2}


async def test_without_a_configuration_ever_what_waits_is_counted(metrics: CountingMetrics) -> None:
    async with pipeline(metrics) as it:
        it.open_stream().accept(message(entry(), entry()))
    assert metrics.drops == {DropReason.SHUTDOWN: 2}


async def test_the_most_specific_configuration_applies(metrics: CountingMetrics) -> None:
    topology = Topology([KnownRoute("r1", "orders", "s1")], [KnownService("s1", "shop")])
    async with Collector() as one, Collector() as two, pipeline(metrics) as it:
        scopes = [scoped(one), scoped(two, service="s1", application_id="APP2")]
        it.configure(scopes, credential_names=[], topology=topology)
        stream = it.open_stream()
        stream.accept(message(entry(common={"route_name": "orders"}, **path("of-the-service"))))
        stream.accept(message(entry(common={"route_name": "users"}, **path("of-all"))))
        stream.accept(
            message(entry(common={"route_name": "users"} | said(route="r1"), **path("by-verdict")))
        )
        await arrived(one, 1)
        await arrived(two, 2)
    assert paths(one) == ["of-all"]
    assert paths(two) == ["of-the-service", "by-verdict"]
    assert two.posts[0].headers["x-moesif-application-id"] == "APP2"


async def test_scopes_of_one_application_id_share_a_queue_and_the_broadest_says_how_to_send(
    metrics: CountingMetrics,
) -> None:
    async with Collector() as broad, Collector() as narrow, pipeline(metrics) as it:
        scopes = [
            scoped(narrow, "orders", api_version="2.0"),
            scoped(broad, batch_size=2, batch_max_wait=60_000),
        ]
        it.configure(scopes, credential_names=[])
        orders = entry(common={"route_name": "orders"})
        it.open_stream().accept(message(orders, entry()))
        await arrived(broad, 2)
    assert narrow.posts == []
    assert [event["request"]["api_version"] for event in broad.events] == ["2.0", "1.0"]


async def test_what_is_queued_survives_a_change_of_the_endpoint(metrics: CountingMetrics) -> None:
    async with Collector(401) as wrong, Collector() as right, pipeline(metrics) as it:
        it.configure([scoped(wrong)], credential_names=[])
        it.open_stream().accept(message(entry(**path("kept"))))
        await eventually(lambda: wrong.posts, "a refusal")
        it.configure([scoped(right)], credential_names=[])
        await arrived(right, 1)
    assert not metrics.drops


async def test_an_application_id_that_goes_may_send_what_it_has(metrics: CountingMetrics) -> None:
    async with Collector() as collector, pipeline(metrics) as it:
        it.configure([scoped(collector, batch_max_wait=60_000)], credential_names=[])
        stream = it.open_stream()
        stream.accept(message(entry(**path("before"))))
        it.configure([], credential_names=[])
        stream.accept(message(entry(**path("after"))))
        await arrived(collector, 1)
    assert paths(collector) == ["before"]
    assert metrics.skips == {SkipReason.NOT_CONFIGURED: 1}
    assert metrics.events_waiting == 0


async def test_leaving_waits_for_an_application_id_that_just_went(
    metrics: CountingMetrics,
) -> None:
    async with Collector() as collector:
        async with pipeline(metrics) as it:
            it.configure([scoped(collector, batch_max_wait=60_000)], credential_names=[])
            it.open_stream().accept(message(entry()))
            it.configure([], credential_names=[])
        assert len(collector.events) == 1


async def test_what_an_application_id_that_goes_cannot_send_is_counted(
    metrics: CountingMetrics,
) -> None:
    async with Collector(503) as collector, pipeline(metrics, stop_seconds=0.05) as it:
        it.configure([scoped(collector)], credential_names=[])
        it.open_stream().accept(message(entry()))
        await eventually(lambda: collector.posts, "a failure")
        it.configure([], credential_names=[])
        await eventually(lambda: metrics.drops, "the end of the delivery")
    assert metrics.drops == {DropReason.REMOVED: 1}


async def test_one_application_id_never_delays_another(metrics: CountingMetrics) -> None:
    async with (
        Collector(Hang(3600)) as stuck,
        Collector() as well,
        pipeline(metrics, stop_seconds=0.05) as it,
    ):
        scopes = [scoped(stuck, "a"), scoped(well, "b", application_id="APP2")]
        it.configure(scopes, credential_names=[])
        stream = it.open_stream()
        for _ in range(3):
            stream.accept(message(entry(common={"route_name": "a"})))
            stream.accept(message(entry(common={"route_name": "b"})))
        await arrived(well, 3)
        assert stuck.events == []


async def test_leaving_sends_what_is_queued(metrics: CountingMetrics) -> None:
    async with Collector() as collector:
        async with pipeline(metrics) as it:
            it.configure([scoped(collector, batch_max_wait=60_000)], credential_names=[])
            stream = it.open_stream()
            stream.accept(message(*(entry(**path(number)) for number in range(7))))
        assert len(collector.events) == 7
        it.configure([scoped(collector)], credential_names=[])
        stream.accept(message(entry()))
        assert len(collector.events) == 7
    assert metrics.drops == {DropReason.SHUTDOWN: 1}


async def test_leaving_takes_no_longer_than_it_may(metrics: CountingMetrics) -> None:
    async with Collector(Hang(3600)) as collector, pipeline(metrics, stop_seconds=0.05) as it:
        it.configure([scoped(collector)], credential_names=[])
        it.open_stream().accept(message(entry(), entry()))
        await eventually(lambda: collector.posts, "a request under way")
    assert metrics.drops == {DropReason.SHUTDOWN: 2}


class FaultySampling:
    """Fails over some calls, with their URIs in its errors."""

    keeps_all = False

    def draw(self, identity: Identity, call: LoggedCall, number: float) -> Draw:
        if "poison" in (call.uri or ""):
            raise RuntimeError(call.uri)
        return KEPT


class FaultyBook(InstructionBook):
    """Knows nothing but a sampling that fails."""

    def configure(self, scopes: Iterable[ScopedConfig]) -> None:
        pass

    def instructions(self, config: MoesifConfig) -> Any:
        return SimpleNamespace(sampling=FaultySampling())


async def test_a_fault_costs_one_entry_and_shows_nothing_of_it(
    metrics: CountingMetrics, capsys: Any, caplog: Any
) -> None:
    async with Collector() as collector, MoesifCollector() as client:
        book = FaultyBook(source=client, metrics=CountingInstructions())
        async with Pipeline(collector=client, metrics=metrics, instructions=book) as it:
            it.configure([scoped(collector)], credential_names=[])
            it.open_stream().accept(message(entry(**path("poison")), entry(**path("sound"))))
            await arrived(collector, 1)
    assert metrics.drops == {DropReason.INTERNAL_ERROR: 1}
    logged = caplog.text + "".join(capsys.readouterr())
    assert "RuntimeError" in logged
    assert "poison" not in logged


async def test_what_a_rule_skips_is_no_event_and_counted(metrics: CountingMetrics) -> None:
    rules = [{"path": "^/healthz$"}, {"status": "^3", "user_agent": "probe"}]
    async with Collector() as collector, pipeline(metrics) as it:
        it.configure([scoped(collector, skip=rules)], credential_names=[])
        it.open_stream().accept(message(entry(**path("healthz?x=1")), entry(**path("orders"))))
        await arrived(collector, 1)
    assert paths(collector) == ["orders"]
    assert metrics.skips == {SkipReason.SKIP_RULE: 1}


async def test_no_more_events_go_than_the_rate_allows(metrics: CountingMetrics) -> None:
    async with Collector() as collector, pipeline(metrics, stop_seconds=0.1) as it:
        it.configure([scoped(collector, max_send_rate=1, batch_size=2)], credential_names=[])
        stream = it.open_stream()
        stream.accept(message(*(entry(**path(number)) for number in range(4))))
        await arrived(collector, 2)
        it.configure([scoped(collector, batch_size=2)], credential_names=[])
        await arrived(collector, 4)
        it.configure([scoped(collector, max_send_rate=1, batch_size=2)], credential_names=[])
        stream.accept(message(*(entry(**path(number)) for number in range(4, 8))))
        await arrived(collector, 6)
    assert len(collector.events) == 6
    assert metrics.drops == {DropReason.SHUTDOWN: 2}


async def test_what_moesif_does_not_want_is_left_out_and_the_rest_has_a_weight(
    metrics: CountingMetrics,
) -> None:
    async with Collector() as collector, MoesifCollector() as client:
        collector.config = {"sample_rate": 25, "user_sample_rate": {"all": 100, "none": 0}}
        counted = CountingInstructions()
        async with (
            InstructionBook(source=client, metrics=counted) as book,
            Pipeline(collector=client, metrics=metrics, instructions=book) as it,
        ):
            it.configure([scoped(collector)], credential_names=[])
            await eventually(lambda: counted.fetches, "what Moesif wants")
            stream = it.open_stream()
            for user in ("none", "all", "none"):
                stream.accept(message(entry(common=said(username=user))))
            stream.accept(message(*[entry() for _ in range(200)]))
    weights = [(event.get("user_id"), event["weight"]) for event in collector.events]
    assert weights[0] == ("all", 1)
    assert set(weights[1:]) == {(None, 4)}
    assert metrics.skips[SkipReason.SAMPLED_USER] == 2
    assert metrics.skips[SkipReason.SAMPLED_GLOBAL] + len(weights) - 1 == 200


async def test_a_delivery_goes_by_the_broadest_plugin_that_there_is_now(
    metrics: CountingMetrics,
) -> None:
    async with Collector() as collector, pipeline(metrics) as it:
        it.configure([scoped(collector, "r")], credential_names=[])
        await eventually(lambda: metrics.deliveries, "a look at the delivery")
        assert metrics.deliveries.keys() == {"route r"}
        it.configure([scoped(collector), scoped(collector, "r")], credential_names=[])
        await eventually(lambda: metrics.deliveries, "another look")
        assert metrics.deliveries.keys() == {"global"}
