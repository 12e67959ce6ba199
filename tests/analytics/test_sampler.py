from analytics.app_config import AppConfig
from analytics.bodies.captured import NO_BODIES
from analytics.identify import Identity
from analytics.instructions import NEVER_TOLD, Instructions
from analytics.metrics import SkipReason
from analytics.sampler import Sampler
from analytics.sampling import KEPT, Draw, Sampling
from tests.fakes.records import record


def test_what_is_in_force_now_counts() -> None:
    now = NEVER_TOLD
    sampler = Sampler(lambda: now, trusts_headers=False, chance=lambda: 0.5)
    draws = [sampler.draw(Identity(), record(), NO_BODIES)]
    now = Instructions(AppConfig(Sampling(everyone=50)))
    draws.append(sampler.draw(Identity(), record(), NO_BODIES))
    now = Instructions(AppConfig(Sampling(everyone=51)))
    draws.append(sampler.draw(Identity(), record(), NO_BODIES))
    assert draws == [KEPT, Draw(0, SkipReason.SAMPLED_GLOBAL), KEPT]


def test_about_as_many_are_kept_as_the_rate_says() -> None:
    instructions = Instructions(AppConfig(Sampling(everyone=30)))
    sampler = Sampler(lambda: instructions, trusts_headers=False)
    draws = [sampler.draw(Identity(), record(), NO_BODIES) for _ in range(10_000)]
    kept = sum(draw.left_out_by is None for draw in draws)
    assert 2500 < kept < 3500  # ten standard deviations
