"""`unity-depth export-model`: files that other programs can run, and a README that tells them how."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from da2_models import make_variants_tiny, picture, save_random_weights
from terminal import unity_depth

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.models.compact.depth import CompactDepth
from unity_depth_perception.models.depth_anything_3.estimator import MetricDepth, MonoDepth, NestedDepth
from unity_depth_perception.models.engine import sessions
from unity_depth_perception.models.engine.network_files import export_model as export_module
from unity_depth_perception.models.engine.network_files.depth_anything import depth_anything_3_files
from unity_depth_perception.models.engine.network_files.export_model import export_model, network_files
from unity_depth_perception.models.engine.network_files.unity_operators import NOT_ON_GPU, SUPPORTED
from unity_depth_perception.models.engine.onnx_file import tensors_in
from unity_depth_perception.models.floor_plane_baseline import FloorPlaneEstimator
from unity_depth_perception.models.runtime.options import DepthOptions

CPU = torch.device("cpu")
CAMERA = Camera.from_vertical_fov(1.0, 96, 64)
NAME = "da2-metric-indoor-small"
needs_onnx = pytest.mark.skipif(
    not sessions.is_installed("onnxruntime"), reason="needs the extra onnx: onnx, onnxscript, onnxruntime"
)


@needs_onnx
def test_exported_file_gives_the_metres_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    from unity_depth_perception.models.registry import create_depth_estimator

    make_variants_tiny(monkeypatch)
    weights, output = save_random_weights(tmp_path / "weights"), tmp_path / "onnx"
    arguments = ("export-model", NAME, "--depth-weights", str(weights), "--size", "96x64", "--output", str(output))
    assert unity_depth(*arguments).stdout.split() == [str(output / "depth.onnx"), str(output / "README.md")]
    estimator = create_depth_estimator(NAME, CPU, weights, DepthOptions(precision="float32"))
    image = picture(96, 64)
    session = onnxruntime.InferenceSession(str(output / "depth.onnx"), providers=["CPUExecutionProvider"])
    (depth,) = session.run(["depth"], {"image": estimator.network_input(image).numpy()})
    readme = (output / "README.md").read_text()
    factor = float(re.search(r"metres = depth \* (\d+)", readme)[1])  # type: ignore[index]
    with torch.inference_mode():
        np.testing.assert_allclose(factor * depth, estimator.depth_at_network_size(image).numpy(), rtol=1e-4)
    assert f"`image` ({', '.join(map(str, estimator.network_input(image).shape))})" in readme
    assert "has them all" in readme


def test_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_module, "is_installed", lambda engine: False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"export onnxruntime needs onnx.*pip install unity-depth-perception\[onnx\]"):
        export_model(CompactDepth(CPU), picture(96, 64), CAMERA, tmp_path / "onnx")
    assert not (tmp_path / "onnx").exists()


@needs_onnx
def test_file_that_differs_from_torch_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_module, "export_onnx", lambda network, arguments, path, *names: path.write_bytes(b""))
    monkeypatch.setattr(export_module, "open_session", lambda *_: lambda inputs: [torch.full((32, 1), 2.0)])
    monkeypatch.setattr(export_module, "tensors_in", lambda _: [torch.ones(32, 1)])
    with pytest.raises(ModelError, match=r"depth\.onnx: expected the result of torch to 0\.0001.*difference of 1;"):
        export_model(CompactDepth(CPU), picture(96, 64), CAMERA, tmp_path / "onnx")
    assert not list((tmp_path / "onnx").glob("*.onnx"))


def test_every_output_of_a_network_has_a_name_and_a_meaning() -> None:
    from da3_networks import Known

    files = network_files(CompactDepth(CPU), picture(96, 64), CAMERA)
    networks = Known(focal_px=None), Known(focal_px=100.0)
    metric, nested = networks
    image = picture(96, 64)
    options = DepthOptions(size_px=126)
    metric_files = depth_anything_3_files(MetricDepth("metric", CPU, metric, options), image)
    mono_files = depth_anything_3_files(MonoDepth("mono", CPU, metric, options), image)
    nested_files = depth_anything_3_files(NestedDepth("nested", CPU, nested, metric, options), image)
    assert [file.name for file in (*files, *nested_files)] == ["depth", "detector", "depth", "metric"]
    assert "300" in metric_files[0].use
    assert "relative" in mono_files[0].use
    for file in files:
        with torch.inference_mode():
            outputs = tensors_in(file.network(*file.arguments))
        assert len(outputs) == len(file.outputs)
        assert len(file.arguments) == len(file.inputs)


def test_dense_depth_of_the_file_is_in_metres_of_the_focal_length() -> None:
    """As the README says it: near the package's depth, whose scale comes from the cubes too."""
    from unity_depth_perception.synthetic.samples import render_samples

    (sample,) = render_samples([21], 512, 384)
    image, estimator = torch.from_numpy(sample.image), CompactDepth(CPU)
    file = network_files(estimator, image, sample.camera)[0]
    with torch.inference_mode():
        depth = file.network(*file.arguments)[0]
        expected = estimator.infer(image, sample.camera).depth_m
    network_camera = sample.camera.resized(file.arguments[0].shape[3], file.arguments[0].shape[2])
    metres = depth * network_camera.focal_px / 256
    ratio = metres.median() / expected.median()
    assert 0.7 < ratio < 1.4


def test_model_without_a_network_is_refused() -> None:
    with pytest.raises(ModelError, match="depth model with a network, got floor-plane"):
        network_files(FloorPlaneEstimator(CPU), picture(96, 64), CAMERA)


def test_operators_of_unity_are_those_of_onnx() -> None:
    onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
    known = {schema.name for schema in onnx.defs.get_all_schemas_with_history()}
    assert SUPPORTED - known == set()
    assert NOT_ON_GPU < SUPPORTED
    assert {"Loop", "If", "QLinearConv"}.isdisjoint(SUPPORTED)
