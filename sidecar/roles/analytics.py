"""What happened? The process that Envoy streams its log to."""

from analytics import accesslog
from analytics.bodies.face import BodyFace
from analytics.moesif import MoesifCollector
from analytics.pipeline import Pipeline
from sidecar.analytics_metrics import AnalyticsCounters
from sidecar.body_metrics import BodyCounters
from sidecar.consumer_sync import ConsumerSync
from sidecar.errors import SettingsError
from sidecar.flag import Flag
from sidecar.governance import moesif_folder, sampling_book
from sidecar.instruction_metrics import InstructionCounters
from sidecar.live_tail import shown_tail
from sidecar.moesif_source import MoesifSetup, follow_setup
from sidecar.profile_metrics import ProfileCounters
from sidecar.roles.opening import OpenedRole, Opening
from sidecar.setup_warnings import SetupWarnings
from sidecar.spool_key import open_shelves


async def open_analytics(opening: Opening) -> OpenedRole:
    """Open analytics. It takes Envoy's log from the start, also while the database is away.

    Raises:
        SettingsError: The address cannot be listened on, or there is none.
    """
    address = opening.spec.settings.analytics.grpc
    if address is None:
        raise SettingsError("analytics.grpc: nothing to listen on")
    collector = await opening.stack.enter_async_context(MoesifCollector())
    pipeline = await _open_pipeline(opening, collector)
    consumers = await opening.stack.enter_async_context(
        ConsumerSync(
            stores=opening.stores,
            sink=collector,
            metrics=opening.telemetry.counting(ProfileCounters),
            folder=moesif_folder(opening.spec.settings),
        )
    )
    followed, warnings = Flag(), SetupWarnings()

    def use(setup: MoesifSetup) -> None:
        warnings.tell(setup)
        pipeline.configure(
            setup.scopes, credential_names=setup.credential_names, topology=setup.topology
        )
        consumers.configure(setup)

    following = follow_setup(
        opening.stores, default=opening.default_policy, use=use, followed=followed.set
    )
    opening.cancel_at_end(following, name="moesif-setup")
    face = accesslog.serve(
        address,
        open_stream=pipeline.open_stream,
        metrics=opening.telemetry.counting(AnalyticsCounters),
        drain_seconds=opening.notice_of(accesslog.DRAIN_SECONDS),
        beside=BodyFace(pipeline.bodies),
    )
    await opening.listen(face, "analytics.grpc", address)
    return OpenedRole({"database": followed.is_set})


async def _open_pipeline(opening: Opening, collector: MoesifCollector) -> Pipeline:
    settings, telemetry = opening.spec.settings, opening.telemetry
    metrics = telemetry.counting(AnalyticsCounters)
    book = sampling_book(
        settings, source=collector, metrics=telemetry.counting(InstructionCounters)
    )
    await opening.stack.enter_async_context(book)
    return await opening.stack.enter_async_context(
        Pipeline(
            collector=collector,
            metrics=metrics,
            body_metrics=telemetry.counting(BodyCounters),
            instructions=book,
            shelves=open_shelves(settings, metrics),
            tail=await opening.stack.enter_async_context(shown_tail(settings)),
        )
    )
