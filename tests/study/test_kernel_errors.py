import pytest

import sim
from sim.catalog.load import load_device, load_profile
from sim.errors import ScenarioError
from sim.spec.scenario import Scenario
from sim.study.kernel_errors import HEADLINES, error_of, kernel_errors, scaled
from sim.study.kernels import kernel_s


def scenario(profile: str) -> Scenario:
    settings = ["topology=dgx-h100", f"engine.profile={profile}", "workload.limit=8"]
    return sim.load_scenario("chat-llama-70b", settings)


@pytest.mark.parametrize("m", [1, 300, 9000])
@pytest.mark.parametrize("dtype", ["bfloat16", "fp8"])
def test_a_scaled_curve_takes_longer_by_its_error_at_every_size(m: int, dtype: str) -> None:
    profile, device = load_profile("measured"), load_device("h100-sxm")
    curve = profile.calibrations["h100-sxm"].curves[
        f"gemm/{'bf16' if dtype == 'bfloat16' else dtype}"
    ]

    took_s, slow_s, fast_s = (
        kernel_s(device, "gemm", one, m=m, n=4096, k=4096, dtype=dtype)
        for one in (profile, scaled(profile, slower=True), scaled(profile, slower=False))
    )

    assert slow_s == pytest.approx(took_s * (1 + error_of(curve.errors)), rel=1e-9)
    assert fast_s == pytest.approx(took_s / (1 + error_of(curve.errors)), rel=1e-9)


def test_the_figures_lie_between_those_of_faster_and_slower_kernels() -> None:
    found = kernel_errors(scenario("measured"), before_each=lambda _: None)

    assert set(found.as_priced) == set(HEADLINES)
    for name in ("p50_tpot_ms", "mean_e2el_ms"):
        fast, as_is, slow = (
            figures[name] for figures in (found.all_faster, found.as_priced, found.all_slower)
        )
        assert fast is not None
        assert as_is is not None
        assert slow is not None
        assert fast < as_is < slow < 1.2 * as_is


def test_constants_have_no_errors_to_carry() -> None:
    with pytest.raises(ScenarioError, match="'plain' has no measured curves"):
        kernel_errors(scenario("plain"), before_each=lambda _: None)
