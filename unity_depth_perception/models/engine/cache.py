"""The cache of exported networks on disk: one folder each, named by the content of the weights, versions and sizes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.core.files.atomic_file import remove_drafts, replacing_folder, write_json
from unity_depth_perception.core.files.json_file import read_json_object
from unity_depth_perception.core.files.output_folder import locked_folder, make_folder
from unity_depth_perception.models.engine.onnx_file import OPSET
from unity_depth_perception.models.engine.sessions import versions

MODEL_FILE, TIMES_FILE = "model.onnx", "times.json"


def cache_folder() -> Path:
    """Folder of all exported networks; XDG_CACHE_HOME moves it. It may be deleted at any time."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "unity_depth_perception" / "networks"


def weights_digest(network: nn.Module) -> str:
    """SHA-256 of the names, types, shapes and values of a network's tensors, and of its class."""
    digest = hashlib.sha256(f"{type(network).__qualname__} {network.extra_repr()}".encode())
    for name, value in sorted(network.state_dict().items()):
        host = value.detach().cpu().contiguous()
        digest.update(f"{name} {host.dtype} {tuple(host.shape)}".encode())
        digest.update(host.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


@dataclass(frozen=True)
class CacheEntry:
    """A network exported for inputs of one size."""

    folder: Path

    @classmethod
    def of(cls, digest: str, inputs: Sequence[Tensor]) -> CacheEntry:
        """Entry of the network with this `weights_digest` for inputs of these sizes, of the versions in use."""
        libraries = versions("unity-depth-perception", "torch", "onnx", "onnxscript")
        what = [digest, OPSET, sorted(libraries.items()), [tuple(tensor.shape) for tensor in inputs]]
        return cls(cache_folder() / hashlib.sha256(repr(what).encode()).hexdigest()[:32])

    @property
    def model(self) -> Path:
        """The ONNX file."""
        return self.folder / MODEL_FILE

    def fill(self, export: Callable[[Path], None], replace: bool) -> None:
        """Let `export` write the ONNX file, unless another process has done it meanwhile.

        Args:
            export: is called with the path to write.
            replace: export anew even if there is a file.

        Raises:
            ConfigurationError: the folder cannot be made.
        """
        make_folder(self.folder.parent)
        lock = make_folder(self.folder.with_suffix(".lock"))
        with locked_folder(lock, wait=True):
            if self.model.is_file() and not replace:
                return
            remove_drafts(self.folder)
            with replacing_folder(self.folder) as draft:
                export(draft / MODEL_FILE)

    def read_times(self) -> dict[str, Any]:
        """Content of `write_times`; empty if there is none."""
        try:
            return read_json_object(self.folder / TIMES_FILE, "times of a cached network", ConfigurationError)
        except ConfigurationError:
            return {}

    def write_times(self, times: dict[str, Any]) -> None:
        """Keep measured times and what they depend on."""
        write_json(self.folder / TIMES_FILE, times)
