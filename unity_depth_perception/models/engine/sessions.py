"""ONNX Runtime and OpenVINO: sessions that run an exported network on torch tensors without copying them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unity_depth_perception.core.errors import ConfigurationError

Session = Callable[[Sequence[Tensor]], list[Tensor]]
"""An exported network: float32 tensors in the order of the file in, new tensors on the same device out."""

_LIBRARIES = {"onnxruntime": ("onnx", "onnxscript", "onnxruntime"), "openvino": ("onnx", "onnxscript", "openvino")}
_EXTRAS = {"onnxruntime": "onnx", "openvino": "openvino"}
ENGINES = tuple(_LIBRARIES)
"""Names of the engines, which are names of accelerations too."""


def is_installed(engine: str) -> bool:
    """Whether an engine and what its export needs are installed."""
    return all(importlib.util.find_spec(library) is not None for library in _LIBRARIES[engine])


def how_to_install(engine: str) -> str:
    """A sentence that says what is missing for an engine and how to get it."""
    missing = [library for library in _LIBRARIES[engine] if importlib.util.find_spec(library) is None]
    return (
        f"{engine} needs {', '.join(missing)}, which this Python does not have: "
        f"pip install unity-depth-perception[{_EXTRAS[engine]}]"
    )


def versions(*libraries: str) -> dict[str, str]:
    """Versions of libraries; empty for one that is not installed."""
    found = {}
    for library in libraries:
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            found[library] = ""
    return found


def open_session(engine: str, path: Path, device: torch.device, threads: int) -> Session:
    """Load an ONNX file.

    Args:
        engine: one of ENGINES.
        path: of the file.
        device: of the inputs and outputs.
        threads: on a CPU; those of torch, so that both never ask for more cores together.

    Raises:
        ConfigurationError: the engine cannot run on this device.
        Exception: of any type, where the engine cannot load the file.
    """
    return {"onnxruntime": _onnx_runtime, "openvino": _openvino}[engine](path, device, threads)


def _onnx_runtime(path: Path, device: torch.device, threads: int) -> Session:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors
    # Threads that wait for work in a loop would take the cores from torch, which runs beside them and in between.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = _providers(device, onnxruntime.get_available_providers(), path.parent)
    return _OnnxRuntimeSession(onnxruntime.InferenceSession(str(path), options, providers=providers), device)


def _providers(device: torch.device, available: Sequence[str], cache: Path) -> list[Any]:
    """Providers of ONNX Runtime for a device: on a GPU TensorRT where it is installed, then CUDA."""
    if device.type != "cuda":
        return ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" not in available:
        raise ConfigurationError(
            f"expected an ONNX Runtime with CUDA for the device {device}, got one with {', '.join(available)}: "
            "pip install onnxruntime-gpu"
        )
    index = {"device_id": device.index or 0}
    tensorrt = {"trt_engine_cache_enable": True, "trt_engine_cache_path": str(cache)}
    chosen: list[Any] = [("CUDAExecutionProvider", index)]
    if "TensorrtExecutionProvider" in available:
        chosen.insert(0, ("TensorrtExecutionProvider", {**index, **tensorrt}))
    return chosen


class _OnnxRuntimeSession:
    """Session of ONNX Runtime that reads and writes the memory of torch tensors."""

    def __init__(self, session: Any, device: torch.device) -> None:
        self._session = session
        self._device = device
        self._inputs = [value.name for value in session.get_inputs()]
        self._outputs = [(value.name, tuple(value.shape)) for value in session.get_outputs()]

    def __call__(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        place = self._device.type, self._device.index or 0
        binding = self._session.io_binding()
        kept = [tensor.contiguous() for tensor in inputs]  # until the run has ended
        outputs = [torch.empty(shape, device=self._device) for _, shape in self._outputs]
        for name, tensor in zip(self._inputs, kept, strict=True):
            binding.bind_input(name, *place, np.float32, tuple(tensor.shape), tensor.data_ptr())
        for (name, shape), tensor in zip(self._outputs, outputs, strict=True):
            binding.bind_output(name, *place, np.float32, shape, tensor.data_ptr())
        if self._device.type == "cuda":  # the engine works on a stream of its own
            torch.cuda.current_stream(self._device).synchronize()
        self._session.run_with_iobinding(binding)
        return outputs


def _openvino(path: Path, device: torch.device, threads: int) -> Session:
    import openvino

    if device.type != "cpu":
        raise ConfigurationError(f"expected the device cpu for openvino, got {device}; use onnxruntime or none")
    properties: Mapping[str, Any] = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "CACHE_DIR": str(path.parent / "openvino"),
    }
    return _OpenVinoSession(openvino.Core().compile_model(str(path), "CPU", properties))


class _OpenVinoSession:
    """Request of OpenVINO that reads and writes the memory of torch tensors."""

    def __init__(self, model: Any) -> None:
        from openvino import Tensor as OpenVinoTensor

        self._request = model.create_infer_request()
        self._shapes = [tuple(output.shape) for output in model.outputs]
        self._wrap: Callable[[Tensor], Any] = lambda tensor: OpenVinoTensor(tensor.numpy(), shared_memory=True)

    def __call__(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        kept = [tensor.contiguous() for tensor in inputs]
        outputs = [torch.empty(shape) for shape in self._shapes]
        for index, tensor in enumerate(kept):
            self._request.set_input_tensor(index, self._wrap(tensor))
        for index, tensor in enumerate(outputs):
            self._request.set_output_tensor(index, self._wrap(tensor))
        self._request.infer()
        return outputs
