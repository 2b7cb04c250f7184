"""Published weights, from a local file or folder, the Hugging Face cache or the hub. Nothing is ever unpickled."""

from __future__ import annotations

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
from safetensors import SafetensorError, safe_open
from torch import Tensor

from unity_depth_perception.core.errors import ModelError

WEIGHTS_FILE = "model.safetensors"
"""File name of the weights in a repository of the hub, and in a local folder."""
_LOG = logging.getLogger(__name__)
_REACH_S = 5.0


@dataclass(frozen=True)
class Published:
    """Weights published on the Hugging Face hub: repository and licence."""

    hub_id: str
    licence: str = "Apache-2.0"

    @property
    def is_non_commercial(self) -> bool:
        """Whether the licence forbids commercial use (CC BY-NC)."""
        return "-NC" in self.licence


def locate_weights(published: Published, local: Path | None = None) -> Path:
    """Path of the weights file: `local` (a file, or a folder with it), else from the hub's cache, else downloaded.

    HF_HUB_OFFLINE=1 forbids the download; HF_HOME moves the cache. A non-commercial licence is logged as a warning.

    Raises:
        ModelError: there are no weights; the message names the hub id, the places searched and what to do.
    """
    path = _from_hub(published) if local is None else _on_disk(published, local)
    if published.is_non_commercial:
        _LOG.warning("weights of %s: %s, not for commercial use", published.hub_id, published.licence)
    return path


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors by name of a .safetensors file, or of a .pth file, which is read with weights_only=True.

    Raises:
        ModelError: the file is truncated, of another kind, or holds anything else than tensors by name.
    """
    try:
        state = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    except (SafetensorError, OSError, ValueError, EOFError, RuntimeError, KeyError) as error:
        raise _unreadable(path, error) from None
    except zipfile.BadZipFile as error:
        raise _unreadable(path, error) from None
    except pickle.UnpicklingError:  # torch's own message advises unpickling, which is unsafe
        raise ModelError(
            f"{path}: expected a checkpoint that holds tensors alone; this file is none, or holds objects that would "
            "have to be unpickled, which can run any code; fetch it again, as .safetensors where there is one"
        ) from None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ModelError(f"{path}: expected tensors by name (a state dict), got something else")
    return {str(name): value for name, value in state.items()}


def _on_disk(published: Published, local: Path) -> Path:
    path = local / WEIGHTS_FILE if local.is_dir() else local
    if path.is_file():
        return path
    raise ModelError(_advice(published, f"no weights of {published.hub_id} at {path}"))


def _from_hub(published: Published) -> Path:
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    try:  # the cache first: without a network, no wait for a timeout
        return Path(hf_hub_download(published.hub_id, WEIGHTS_FILE, local_files_only=True))
    except (EntryNotFoundError, OSError):
        pass
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
    """Why a server is out of reach; empty where it is not, or behind a proxy. The hub's own client retries for 40 s."""
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
    return torch.load(path, map_location="cpu", weights_only=True)


def _unreadable(path: Path, error: Exception) -> ModelError:
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    return ModelError(
        f"{path}: expected weights as {path.suffix or 'a file'}, but it cannot be read ({first}); "
        "is it complete? Fetch it again, as .safetensors where there is one"
    )
