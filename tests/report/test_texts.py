import pytest

from sim.report.texts import header, text


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("weights_bytes", 100.8e9, "100.8 GB"),
        ("capacity_bytes_per_s", 450e9, "450 GB/s"),
        ("time_s", 0.00053, "530 us"),
        ("time_s", 0.0, "0 s"),
        ("requests_per_s", 3.3051, "3.305 /s"),
        ("output_tokens_per_s", 12345.6, "12,346 /s"),
        ("p99_ttft_ms", 1265.34, "1.265 s"),
        ("time_share", 0.1234, "12.3 %"),
        ("throughput_ratio", 0.5, "0.500 x"),
        ("intensity_flop_per_byte", 228.26, "228.3 FLOP/B"),
        ("energy_j", 8.7951, "8.795 J"),
        ("kv_tokens", 329152, "329,152"),
        ("output_throughput", 330.54, "330.5"),
        ("link", "box0/gpu0>box0/gpu1", "box0/gpu0>box0/gpu1"),
        ("causal", True, "True"),
        ("p50_ttft_ms", None, "-"),
    ],
)
def test_values_are_written_as_the_end_of_their_name_says(
    name: str, value: object, expected: str
) -> None:
    assert text(name, value) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("capacity_bytes_per_s", "capacity"),
        ("p99_ttft_ms", "p99 TTFT"),
        ("sim_communication_share", "communication share"),
        ("kv_tokens_of_a_rank", "KV tokens of a rank"),
        ("intensity_flop_per_byte", "intensity"),
        ("output_throughput", "output tokens/s"),
    ],
)
def test_headers_are_words_without_the_unit(name: str, expected: str) -> None:
    assert header(name) == expected
