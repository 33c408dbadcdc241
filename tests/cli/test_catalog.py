import json
from pathlib import Path

import pytest

from tests.cli.commands import moesim


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("models", "deepseek-r1"),
        ("devices", "h100-sxm"),
        ("topologies", "pcie-gen5-8-h200"),
        ("workloads", "chat-small"),
        ("engines", "plain"),
        ("scenarios", "chat-llama-70b"),
    ],
)
def test_each_kind_is_listed_with_descriptions(kind: str, name: str) -> None:
    outcome = moesim("list", kind)

    (line,) = (line for line in outcome.out.splitlines() if line.split()[:1] == [name])
    assert len(line.split()) > 4


def test_a_model_shows_its_parameters_and_the_bytes_of_a_token() -> None:
    # 671,026,404,352 as transformers counts, and 58 x 256 router biases; 61 x 576 x 2 bytes.
    out = moesim("show", "deepseek_r1").out

    assert "# parameters: 671,026,419,200\n" in out
    assert "in bf16: 70.27 kB\n" in out


@pytest.mark.parametrize(
    ("file", "text", "shown"),
    [
        (
            "llama/config.json",
            '{"model_type": "llama", "hidden_size": 64, "intermediate_size": 128,'
            ' "vocab_size": 100, "num_hidden_layers": 2, "num_attention_heads": 4}',
            "# models/llama\n",
        ),
        ("two.yaml", "{base: llama-3.1-8b, layers: 2}", "# models/two\n"),
        ("card.yaml", "{base: h100-sxm, memory: 90 GB}", "# devices/card\n"),
        ("boxes.yaml", "{base: dgx-h100, description: two}", "# topologies/boxes\n"),
        ("few.yaml", "{base: chat, requests: 2}", "# workloads/few\n"),
        ("brisk.yaml", "{base: plain, step_overhead: 1 us}", "# engines/brisk\n"),
        ("run.yaml", "{base: chat-llama-70b, seed: 2}", "# scenarios/run\n"),
        ("models/three.yaml", "{base: llama-3.1-8b}", "# models/three\n"),
    ],
)
def test_a_file_is_shown_by_its_path(
    file: str, text: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)

    outcome = moesim("show", file)

    assert outcome.out.startswith(shown), outcome.err


def test_a_device_shows_its_ridge_under_its_alias_too() -> None:
    # 989.5 TFLOP/s over 3.35 TB/s.
    assert "# ridge in bf16: 295.4 FLOP/B\n" in moesim("show", "h100").out


def test_a_topology_shows_its_devices_and_links() -> None:
    # Two boxes of eight; each link counts in both directions.
    out = moesim("show", "dgx-h100-x2").out

    assert "# devices: 16 x h100-sxm\n" in out
    assert "# nvlink4 links: 32 of 450 GB/s" in out


def test_roofline_shows_operators_and_the_ridge() -> None:
    words = ("deepseek-r1", "--device", "h200", "--batch", "64", "--length", "4096")

    outcome = moesim("roofline", *words, "--precision", "fp8", "--mla", "absorbed")

    assert outcome.status == 0
    assert "decode core" in outcome.out
    # 989.5 TFLOP/s over 4.8 TB/s.
    assert "206.1 FLOP/B" in outcome.out


def test_rooflines_shares_add_up_to_one() -> None:
    words = ("llama-3.1-8b", "--device", "h100", "--batch", "4", "--length", "512", "--prefill")

    found = json.loads(moesim("roofline", *words, "--json").out)

    assert sum(row["time_share"] for row in found["operators"]) == pytest.approx(1)


def test_a_kernel_is_priced_with_the_profile_that_is_asked_for() -> None:
    # 2 x 8192^3 operations at 989.5 TFLOP/s; plain reaches 80 % of it and adds 3 us.
    words = ("kernel", "h100_sxm", "gemm", "m=8192", "n=8192", "k=8192", "dtype=bfloat16", "--json")

    ideal = json.loads(moesim(*words, "--engine", "ideal").out)
    plain = json.loads(moesim(*words).out)

    assert ideal["time_s"] == pytest.approx(2 * 8192**3 / 989.5e12)
    assert plain["time_s"] == pytest.approx(ideal["time_s"] / 0.8 + 3e-6)
    assert (ideal["engine_profile"], plain["engine_profile"]) == ("ideal", "plain")


def test_a_kernels_table_names_device_profile_and_topology() -> None:
    words = ("kernel", "h100", "all_reduce", "gpus=8", "bytes=1024", "library=nccl")

    out = moesim(*words).out

    for word in ("h100-sxm", "plain", "dgx-h100"):
        assert word in out


def test_what_a_config_says_that_is_not_modelled_is_a_line_of_its_own(tmp_path: Path) -> None:
    config = {
        "model_type": "mistral",
        "num_hidden_layers": 2,
        "hidden_size": 64,
        "num_attention_heads": 4,
        "intermediate_size": 128,
        "vocab_size": 1000,
        "odd": 5,
    }
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))

    outcome = moesim(
        "roofline", str(path), *["--device", "h200-sxm", "--batch", "1", "--length", "8"]
    )

    assert outcome.status == 0
    (line,) = outcome.err.splitlines()
    assert line.startswith("moesim: warning: ")
    assert line.endswith("config.json: odd: not modelled, the model may cost more or less")
