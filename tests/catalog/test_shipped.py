"""What comes along: everything loads, and every number says where it is from."""

from pathlib import Path
from typing import Any

import pytest

import sim
from sim.catalog.files import read_document
from sim.catalog.load import (
    load_device,
    load_model,
    load_profile,
    load_scenario,
    load_topology,
    load_workload,
)
from sim.catalog.names import KINDS, names

LOADERS: dict[str, Any] = {
    "models": load_model,
    "devices": load_device,
    "topologies": load_topology,
    "workloads": load_workload,
    "engines": load_profile,
    "scenarios": load_scenario,
}
TREE = Path(sim.__file__).parent.parent
BUILT = [name for name in names("devices") if "hypothetical" not in load_device(name).description]
ENTRIES = [(kind, name) for kind in KINDS for name in names(kind)]


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_every_file_loads_under_its_name_and_is_described(kind: str, name: str) -> None:
    entry = LOADERS[kind](name)

    assert entry.name == name
    assert len(entry.description) > 20
    assert entry.description.endswith(".")


def test_what_was_asked_for_is_there() -> None:
    wanted = {
        "models": (
            "llama-3.1-8b llama-3.1-70b gpt-3-175b deepseek-r1 deepseek-r1-60-layers mixtral-8x7b "
            "qwen3-30b-a3b"
        ),
        "devices": (
            "v100-sxm2-32gb a100-sxm-40gb a100-sxm-80gb a100-pcie-80gb h100-sxm h100-pcie h800-sxm "
            "h200-sxm h20-sxm b200-sxm gb200 b300-sxm gb300 mi300x mi325x mi355x tpu-v5e tpu-v5p "
            "tpu-v6e tpu-v7 gaudi-3 l40s rtx-pro-6000 rtx-4090 a10"
        ),
        "topologies": " ".join(
            ["single switched-32 pcie-gen5-8 pcie-gen5-8-h200 gb200-nvl72 gb300-nvl72 mi300x-8"]
            + ["mi325x-8 mi355x-8 tpu-v5e-16x16 tpu-v5p-8x4x4 tpu-v6e-16x16 gaudi-3-8"]
            + [
                f"dgx-{one}{more}"
                for one in ("a100", "h100", "h200", "b200", "b300")
                for more in ("", "-x2", "-x4", "-x8")
            ]
            + [
                f"pcie-{generation}-{count}-{shape}"
                for generation in ("gen4", "gen5")
                for count in (4, 8)
                for shape in ("one-switch", "two-switches", "two-sockets", "direct")
            ]
        ),
        "engines": "ideal plain measured",
    }

    for kind, text in wanted.items():
        assert set(text.split()) <= set(names(kind))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", names("devices"))
def test_every_number_of_a_device_has_a_source(name: str) -> None:
    document = read_document(names("devices")[name]).mapping
    numbers = {"peak_flop_per_s", "memory_bytes", "memory_bytes_per_s", "idle_w", "peak_w"}
    numbers |= {"processors", "cache_bytes"} & set(document)
    inherits = {"measured_as"} if document.get("measured_as", name) != name else set()

    assert set(document["source"]) == numbers | inherits
    assert all(len(text) > 10 for text in document["source"].values())


@pytest.mark.parametrize("name", BUILT)
def test_a_device_takes_curves_of_a_device_that_was_measured(name: str) -> None:
    device = load_device(name)
    measured = load_profile("measured").calibrations

    # Neither a TPU nor a Gaudi has processors of the kind that the curves know.
    assert device.measured_as in measured or name.startswith(("tpu", "gaudi"))
    assert (device.measured_as == name) == (name in measured)


@pytest.mark.parametrize("name", names("engines"))
def test_every_number_of_an_engine_has_a_source(name: str) -> None:
    document = read_document(names("engines")[name]).mapping
    numbers = set(document) - {"name", "description", "source", "base"}

    is_for_all = isinstance(document["source"], str) and name == "ideal"
    assert is_for_all or set(document["source"]) == numbers


@pytest.mark.parametrize("name", names("models"))
def test_every_model_names_the_publication_of_its_shape(name: str) -> None:
    source = load_model(name).source

    assert isinstance(source, str)
    assert any(word in source for word in ("config.json", "arXiv"))


@pytest.mark.parametrize("name", names("topologies"))
def test_every_link_and_the_groups_of_a_topology_have_a_source(name: str) -> None:
    topology = load_topology(name)

    if not topology.links:
        return
    assert set(topology.source) == {"groups", *(f"links.{n}" for n in range(len(topology.links)))}


@pytest.mark.parametrize("name", names("workloads"))
def test_every_workload_has_a_source(name: str) -> None:
    assert load_workload(name).source


def test_files_are_in_the_folder_of_their_kind_and_nowhere_else() -> None:
    for kind in KINDS:
        top = kind in ("topologies", "workloads")
        folder = TREE / kind if top else TREE / "sim" / "catalog" / kind
        assert {path.parent for path in names(kind).values()} == {folder}


@pytest.mark.parametrize("name", BUILT)
def test_the_usual_node_of_a_device_has_that_device(name: str) -> None:
    device = load_device(name)

    assert device.node is not None
    assert all(one == device for one in load_topology(device.node).devices)


@pytest.mark.parametrize(
    ("name", "bf16", "memory", "bandwidth", "watts"),
    [
        # The makers' data sheets, without sparsity.
        ("a100-sxm-80gb", 312e12, 80e9, 2.039e12, 400),
        ("h100-sxm", 989.5e12, 80e9, 3.35e12, 700),
        ("h200-sxm", 989.5e12, 141e9, 4.8e12, 700),
        ("b200-sxm", 2250e12, 192e9, 8e12, 1000),
        ("rtx-pro-6000", 468e12, 96e9, 1.792e12, 600),
        # Where their sources disagree, the files say what was taken.
        ("h100-pcie", 756e12, 80e9, 2e12, 350),
        ("h20-sxm", 148e12, 96e9, 4e12, 400),
        ("gb200", 2500e12, 186e9, 8e12, 1200),
        ("b300-sxm", 2250e12, 288e9, 8e12, 1100),
        ("gb300", 2500e12, 288e9, 8e12, 1400),
        ("mi300x", 1307.4e12, 192e9, 5.3e12, 750),
        ("mi355x", 2500e12, 288e9, 8e12, 1400),
        ("gaudi-3", 1835e12, 128e9, 3.7e12, 900),
        ("l40s", 362e12, 48e9, 0.864e12, 350),
        ("rtx-4090", 165.2e12, 24e9, 1.008e12, 450),
    ],
)
def test_devices_have_the_figures_of_their_data_sheets(
    name: str, bf16: float, memory: float, bandwidth: float, watts: float
) -> None:
    device = load_device(name)

    assert device.peak_flop_per_s["bf16"] == pytest.approx(bf16)
    assert (device.memory_bytes, device.memory_bytes_per_s) == (memory, bandwidth)
    assert device.peak_w == watts


@pytest.mark.parametrize(
    ("name", "ridge"),
    [
        # arXiv 2507.15465, table I; its 320.42 of TPU v7 is with 7.2 TB/s, and 2307 / 7.4 is 311.8.
        ("v100-sxm2-32gb", 138.89),
        ("a100-sxm-80gb", 153.02),
        ("h200-sxm", 206.15),
        ("b200-sxm", 281.25),
        ("tpu-v5p", 166.0),
        ("tpu-v7", 311.76),
        ("mi325x", 217.9),
    ],
)
def test_ridge_points_are_those_of_the_paper(name: str, ridge: float) -> None:
    assert load_device(name).ridge_flop_per_byte == pytest.approx(ridge, abs=0.01)


@pytest.mark.parametrize("name", names("devices"))
def test_a_smaller_type_is_at_least_as_fast(name: str) -> None:
    rates = [
        load_device(name).peak_flop_per_s.get(one, 0) for one in ("fp32", "bf16", "fp8", "fp4")
    ]
    given = [rate for rate in rates if rate]

    assert given == sorted(given)
