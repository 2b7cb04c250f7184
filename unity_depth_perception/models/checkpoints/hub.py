"""Published weights, from a local file or folder, the Hugging Face cache or the hub. Nothing is ever unpickled."""

from __future__ import annotations

import argparse
import logging
import pickle
import socket
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import torch
from safetensors import safe_open
from torch import Tensor

from unity_depth_perception.core.errors import ModelError, shown
from unity_depth_perception.core.files.json_file import read_json_object
from unity_depth_perception.models.checkpoints.file_content import is_torch_file, require_weights_content

WEIGHTS_FILE = "model.safetensors"
"""File name of the weights in a repository of the hub, and in a local folder."""
INDEX_SUFFIX = ".index.json"
_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")
_MODEL_KEYS = ("model", "state_dict", "model_state_dict", "network", "module", "ema")  # in the checkpoint of a training
_LOG = logging.getLogger(__name__)
_REACH_S = 5.0


@dataclass(frozen=True)
class Published:
    """Weights published on the Hugging Face hub: repository, licence, and millions of parameters (of 4 bytes)."""

    hub_id: str
    licence: str = "Apache-2.0"
    parameters_m: float = 0.0

    @property
    def is_non_commercial(self) -> bool:
        """Whether the licence forbids commercial use (CC BY-NC)."""
        return "-NC" in self.licence


def locate_weights(published: Published, local: Path | None = None) -> Path:
    """Path of the weights file: `local` (a file, or a folder with it), else from the hub's cache, else downloaded.

    A folder may be one of the weights, a snapshot of the hub's cache, the folder of a model in that cache, or the cache
    itself. Of sharded weights the path is that of their index.

    HF_HUB_OFFLINE=1 forbids the download; HF_HOME moves the cache. A non-commercial licence is logged as a warning.

    Raises:
        ModelError: there are no weights; the message names the hub id, the places searched and what to do.
    """
    path = _from_hub(published) if local is None else _on_disk(published, local)
    if published.is_non_commercial:
        _LOG.warning("weights of %s: %s, not for commercial use", published.hub_id, published.licence)
    return path


def cached_weights(published: Published) -> Path | None:
    """The weights file in the hub's cache; None if it is not there. Needs no network."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    try:
        return Path(hf_hub_download(published.hub_id, WEIGHTS_FILE, local_files_only=True))
    except (EntryNotFoundError, OSError):
        return None


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors by name of a .safetensors file, of an index and its shards, or of a .pth file (weights_only=True).

    Of the checkpoint of a training, such as {model, optimizer, epoch}, the model's tensors are taken; the prefix
    `module.` of DistributedDataParallel is left out.

    Raises:
        ModelError: the file is truncated, of another kind, or holds anything else than tensors by name.
    """
    if path.name.endswith(INDEX_SUFFIX):
        return {name: value for shard in _shards(path) for name, value in read_tensors(shard).items()}
    require_weights_content(path)
    try:
        state = _read_torch(path) if is_torch_file(path) else _read_safetensors(path)
    except pickle.UnpicklingError:  # torch's own message advises unpickling, which is unsafe
        raise ModelError(
            f"{path}: expected a checkpoint that holds tensors alone; this file is none, or holds objects that would "
            "have to be unpickled, which can run any code; fetch it again, as .safetensors where there is one"
        ) from None
    except Exception as error:  # noqa: BLE001 - the unpickler fails with any exception on a damaged file
        raise _unreadable(path, error) from None
    named = _model_of_checkpoint(state)
    if named is None:
        raise ModelError(f"{path}: expected tensors by name (a state dict), got something else")
    return without_prefix({str(name): value for name, value in named.items()}, "module.", "_orig_mod.")


def without_prefix(state: dict[str, Tensor], *prefixes: str) -> dict[str, Tensor]:
    """The same tensors without a prefix that all names share."""
    for prefix in prefixes:
        if state and all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def _model_of_checkpoint(state: Any) -> dict[Any, Tensor] | None:
    """Tensors of a state dict, or of the one that a training has put into its checkpoint; None if there is none."""
    if not isinstance(state, dict):
        return None
    if state and all(isinstance(value, Tensor) for value in state.values()):
        return state
    inner = next((state[key] for key in _MODEL_KEYS if isinstance(state.get(key), dict)), None)
    return None if inner is None else _model_of_checkpoint(inner)


def _shards(index: Path) -> list[Path]:
    """Files of sharded weights, which lie beside their index."""
    files = read_json_object(index, "the index of sharded weights", ModelError).get("weight_map")
    if not isinstance(files, dict) or not files or not all(isinstance(name, str) for name in files.values()):
        raise ModelError(f"{index}: expected a weight_map from tensors to files")
    names = sorted(set(files.values()))
    for name in names:
        if Path(name).name != name or "\0" in name or not (index.parent / name).is_file():
            raise ModelError(f"{index}: the weights are in {len(names)} files, but {shown(name)} is not beside it")
    return [index.parent / name for name in names]


def _on_disk(published: Published, local: Path) -> Path:
    if local.is_file():
        return local
    folders = [local, *_cached_snapshots(published, local)] if local.is_dir() else []
    for folder in folders:
        if (path := _in_folder(folder)) is not None:
            return path
    where = f"{local} (no {WEIGHTS_FILE})" if local.is_dir() else str(local)
    raise ModelError(_advice(published, f"no weights of {published.hub_id} at {where}"))


def _in_folder(folder: Path) -> Path | None:
    """The weights in a folder: under the hub's name, sharded, or the only file of weights.

    Raises:
        ModelError: there are several files of weights.
    """
    for name in (WEIGHTS_FILE, WEIGHTS_FILE + INDEX_SUFFIX):
        if (folder / name).is_file():
            return folder / name
    indices = sorted(folder.glob(f"*{INDEX_SUFFIX}"))
    found = indices or sorted(path for path in folder.glob("*") if path.suffix in _SUFFIXES and path.is_file())
    if len(found) > 1:
        raise ModelError(f"{folder}: expected one file of weights, got {found[0].name}, {found[1].name}; name the file")
    return found[0] if found else None


def _cached_snapshots(published: Published, folder: Path) -> list[Path]:
    """Snapshots in a hub's cache (or in a model's folder of it), that of the branch main first."""
    name = "models--" + published.hub_id.replace("/", "--")
    model = next((path for path in (folder / name, folder / "hub" / name) if path.is_dir()), folder)
    snapshots = sorted(path for path in model.glob("snapshots/*") if path.is_dir())
    main = model / "refs" / "main"
    head = main.read_text(encoding="utf-8", errors="replace").strip()[:80] if main.is_file() else ""
    return sorted(snapshots, key=lambda path: path.name != head)


def _from_hub(published: Published) -> Path:
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    if (cached := cached_weights(published)) is not None:  # first: without a network, no wait for a timeout
        return cached
    looked = f"the cache {constants.HF_HUB_CACHE}"
    if constants.HF_HUB_OFFLINE:
        raise ModelError(_advice(published, f"no weights of {published.hub_id} in {looked}, and HF_HUB_OFFLINE is set"))
    reason = _unreachable(constants.ENDPOINT)
    if reason:
        found = f"no weights of {published.hub_id} in {looked}, and {constants.ENDPOINT} is out of reach ({reason})"
        raise ModelError(_advice(published, found))
    _LOG.warning("downloading the weights of %s into %s", published.hub_id, constants.HF_HUB_CACHE)
    try:
        return Path(hf_hub_download(published.hub_id, WEIGHTS_FILE))
    except (EntryNotFoundError, OSError) as error:
        reason = f"{type(error.__cause__ or error).__name__}: {error.__cause__ or error}"
        found = f"no weights of {published.hub_id} in {looked} nor at {constants.ENDPOINT} ({reason})"
        raise ModelError(_advice(published, found)) from None


def _unreachable(url: str) -> str:
    """Why a server cannot be reached; empty if it can, or with a proxy. The hub's own client would retry for 40 s."""
    if getproxies():
        return ""
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname or "", address.port or 443), timeout=_REACH_S).close()
    except OSError as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _advice(published: Published, found: str) -> str:
    return (
        f"{found}; either let this machine reach the hub once (or copy the cache of one that did: HF_HOME), or "
        f"download {WEIGHTS_FILE} of https://huggingface.co/{published.hub_id} and name its file or folder as weights; "
        "or take depth_model:=compact, which comes with this package"
    )


def _read_safetensors(path: Path) -> Mapping[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)


def _read_torch(path: Path) -> Any:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:  # torch stores; a compressed file could fill the memory
            if any(record.compress_type != zipfile.ZIP_STORED for record in archive.infolist()):
                raise ValueError("its archive is compressed")
    allowed = torch.serialization.safe_globals([argparse.Namespace])  # arguments of torchvision's training, not code
    with allowed, path.open("rb") as file:  # of a path torch looks at the suffix
        return torch.load(file, map_location="cpu", weights_only=True)


def _unreadable(path: Path, error: Exception) -> ModelError:
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    return ModelError(
        f"{path}: expected weights as {path.suffix or 'a file'}, but it cannot be read ({first}); "
        "is it complete? Fetch it again, as .safetensors where there is one"
    )
