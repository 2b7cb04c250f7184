"""Names and weights of Depth Anything 3: what is published, what is left out, what does not fit."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file

from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.models.depth_anything_3.network import build_network, drop_gaussian_head
from unity_depth_perception.models.depth_anything_3.variants import DA3_VARIANTS
from unity_depth_perception.models.registry import create_depth_estimator, depth_model_names

CPU = torch.device("cpu")


def test_every_model_of_the_family_has_a_name() -> None:
    assert set(DA3_VARIANTS) <= set(depth_model_names())
    restricted = {name for name, variant in DA3_VARIANTS.items() if variant.published.is_non_commercial}
    assert restricted == {"da3nested-giant-large-1.1", "da3-large-1.1", "da3-giant-1.1"}


@pytest.mark.parametrize("architecture", ["da3-giant", "da3nested-giant-large"])
def test_the_gaussian_heads_are_left_out(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are a tenth of the giant networks, and nothing here renders."""
    built = []
    monkeypatch.setattr(
        "depth_anything_3.cfg.create_object", lambda config: built.append(config) or torch.nn.Identity()
    )
    build_network(architecture)
    any_view = built[0].get("anyview", built[0])
    assert {"net", "head", "cam_enc", "cam_dec"} <= set(any_view)
    assert not {"gs_head", "gs_adapter"} & set(any_view)
    state = {"model.da3.gs_head.a": torch.ones(1), "model.da3.head.a": torch.ones(1)}
    assert list(drop_gaussian_head(state)) == ["model.da3.head.a"]


def test_weights_that_do_not_fit_are_named_with_the_first_mismatch(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(ModelError, match=r"depth-anything/DA3-SMALL at .*model\.safetensors.*either"):
        create_depth_estimator("da3-small", CPU, tmp_path)
    save_file({"weight": torch.ones(3)}, path)
    with pytest.raises(ModelError, match=r"model\.safetensors: expected a tensor model\.backbone\.pretrained\.\w+"):
        create_depth_estimator("da3-small", CPU, tmp_path)
    save_file({"model.backbone.pretrained.cls_token": torch.ones(1, 1, 1024)}, path)
    with pytest.raises(ModelError, match=r"cls_token of shape \(1, 1, 384\), got \(1, 1, 1024\)"):
        create_depth_estimator("da3-small", CPU, tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"model\.safetensors: .*cannot be read"):
        create_depth_estimator("da3-small", CPU, tmp_path)


def test_without_the_package_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_file({"weight": torch.ones(3)}, tmp_path / "model.safetensors")
    monkeypatch.setitem(sys.modules, "depth_anything_3.cfg", SimpleNamespace())
    with pytest.raises(ModelError, match="da3-small needs the package depth-anything-3"):
        create_depth_estimator("da3-small", CPU, tmp_path)
