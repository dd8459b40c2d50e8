"""What `sitter check` says that a study will take, beside what networks and runs truly take."""

from __future__ import annotations

import pytest

from pipeline.cli import main
from pipeline.core.errors import SitterError
from pipeline.core.layout import HERE, Layout
from pipeline.params import check
from pipeline.params.backbones import BACKBONES
from pipeline.plan.estimate import estimate
from pipeline.plan.networks import network_of
from tests.demo import PARAMS, demo

BIG = PARAMS.parent / "studies/arcface-vs-infonce.yaml"
TIMM = BACKBONES["timm-vit"].model_fields["architecture"].annotation.__args__  # type: ignore[union-attr]
NETWORKS = [
    {"kind": "iresnet", "depth": 18, "width": 0.125, "embedding": 16, "size": 48},
    {"kind": "iresnet", "depth": 34, "width": 0.25},
    {"kind": "iresnet", "depth": 50, "width": 0.5},
    {"kind": "iresnet", "depth": 100, "width": 0.25},
    {"kind": "dlib-resnet29"},
    {"kind": "efficientnet-lite0"},
    {"kind": "mobilefacenet"},
    *({"kind": "clip", "architecture": name, "depth": 1} for name in ("ViT-B-32", "ViT-B-16", "ViT-L-14", "ViT-H-14")),
    {"kind": "clip", "architecture": "ViT-B-32-quickgelu", "depth": 2, "width": 128, "projected": False},
    *({"kind": "timm-vit", "architecture": name, "depth": 1} for name in TIMM if "in22k" not in name),
    {"kind": "timm-vit", "architecture": TIMM[0], "depth": 2, "width": 128, "size": 112},
]


@pytest.mark.slow
@pytest.mark.parametrize("options", NETWORKS, ids=lambda options: "-".join(map(str, options.values())))
def test_the_table_of_networks_says_what_torch_counts(options: dict[str, object]) -> None:
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    backbone = BACKBONES[str(options["kind"])].model_validate(options)
    network, said = backbone.make(), network_of(backbone)
    assert said is not None
    side = network.template.size
    faces = torch.randn(2, 3, side, side)
    weights = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.numel()
        return tensor

    assert sum(p.numel() for p in network.parameters()) == said.parameters
    # PyTorch does not count a CPU's fused attention.
    with FlopCounterMode(display=False) as counted, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        assert network.stages(faces).shape[1] == said.dim == network.dim
    assert counted.get_total_flops() / len(faces) == said.flops
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network.stages(faces).sum()
    assert sum(size for at, size in kept.items() if at not in weights) / len(faces) == pytest.approx(
        said.activations, rel=0.25
    )
    with torch.no_grad():
        assert network.stages[:-1](faces)[0].numel() == said.last


def test_the_big_study_is_estimated_beside_the_published_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--params", str(BIG)]) == 0
    lines = capsys.readouterr().out.splitlines()
    row = next(line for line in lines if line.startswith("arcface  "))
    assert "4,658,122 × 30" in row
    assert row.split()[-3:] == ["99.72", "99.8", "95.84"]
    assert any(line.startswith("assumed: an H100") for line in lines)
    assert not any("not said" in line for line in lines), "each source says how to get it, and its licence"


def test_hours_memory_and_disk_follow_from_what_the_study_asks() -> None:
    def cost(**training: object):
        raw = demo()
        raw["models"] = {
            "one": {
                "backbone": {"kind": "iresnet", "depth": 50},
                "adaptation": {"kind": "full"},
                "loss": {"kind": "infonce"},
                "training": {"sampler": "pairs", "batch": 512, "precision": "fp16", **training},
            }
        }
        raw |= {"fuse": {}, "overlap": {}, "explain": None, "identify": {}, "resources": {}}
        raw["evaluate"] = {"benchmarks": {}}
        found = estimate(check(raw), HERE).models["one"]
        assert found is not None
        assert found.on_gpu
        return found

    once = cost(epochs=10)
    assert once.images == 960
    assert cost(epochs=1000).hours == pytest.approx(100 * once.hours, rel=0.1)
    # 10.0 GB were measured on an H200 for chunks of 256, and 36.2 GB for 1,000 at once.
    assert cost(batch=1000, chunk=256).gpu_bytes == pytest.approx(10.0e9, rel=0.1)
    assert cost(batch=1000).gpu_bytes == pytest.approx(36.2e9, rel=0.1)
    assert cost(optimiser="sgd").gpu_bytes < once.gpu_bytes
    assert cost(chunk=64).hours > once.hours


def test_what_is_not_known_is_named_and_not_guessed(tmp_path, capsys, monkeypatch) -> None:
    raw = demo()
    del raw["download"]["orl"]["size"]
    found = estimate(check(raw), Layout(tmp_path))
    assert found.unknown == ["orl", "orl-painted"]
    assert set(found.models.values()) == {None}


def test_own_portraits_are_counted_where_they_lie(tmp_path) -> None:
    for sitter in ("a", "b"):
        for image in range(3):
            file = tmp_path / "mine" / sitter / f"{image}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"x" * 1000)
    raw = demo()
    raw["download"]["orl"] = {"kind": "folder", "path": "mine"}
    found = estimate(check(raw), Layout(tmp_path))
    assert not found.unknown
    head = found.models["dlib-head"]
    assert head is not None
    assert head.images == round(0.4 * 6 * 6)


def test_a_size_without_gigabytes_is_refused() -> None:
    raw = demo()
    raw["download"]["orl"]["size"] = {"images": 400}
    with pytest.raises(SitterError, match=r"download\.orl\.size\.gb"):
        check(raw)


def test_the_demo_is_estimated_within_a_factor_of_two_of_what_it_took() -> None:
    found = estimate(check(demo()), HERE)
    assert found.disk_bytes() == pytest.approx(317e6, rel=0.5)
    # The largest resident memory of the jobs of `train`, by Snakemake's own benchmark files.
    for model, took in {"dlib-head": 557e6, "dlib-lora": 692e6, "effnet-lora": 842e6}.items():
        cost = found.models[model]
        assert cost is not None
        assert took / 2 < cost.memory_bytes < 2 * took
