"""Scenes as .npz with the keys of Depth Anything 3's npz export, and everything else that a Scene holds.

Keys of Depth Anything 3, for N views of at most H x W pixels (smaller views fill the upper left corner):
image (N, H, W, 3) uint8, depth (N, H, W) [m], conf (N, H, W), extrinsics (N, 3, 4) camera from world, intrinsics
(N, 3, 3) [px] with pixel centres at integers. `metadata` is JSON: unit, axes, names, objects. Nothing is rounded.
"""

from __future__ import annotations

import json
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.files.atomic_file import replacing
from unity_depth_perception.core.gaussians import Gaussians
from unity_depth_perception.export.scene import Scene, SceneObject, SceneView

VERSION = 1
_MAX_BYTES = 1 << 36  # of a file's arrays
_COMPRESSION = 1  # higher levels take several times as long and save a few per cent of depth and images
_GAUSSIANS = ("means_m", "scales_m", "rotations", "opacities", "harmonics")
_POINTS = ("points_m", "colours", "normals", "confidence")
_PER_PIXEL = {"depth_m": ("depth", np.nan), "image": ("image", 0), "confidence": ("conf", np.nan)}
"""Attribute of a view: key, and value of pixels outside a view."""


def write_npz(path: Path, scene: Scene) -> None:
    """Write a whole scene; `load_scene` gives an equal one."""
    views, arrays = scene.views, _view_arrays(scene.views)
    arrays |= {f"cloud_{name}": getattr(scene, name) for name in _POINTS if getattr(scene, name) is not None}
    if scene.gaussians is not None:
        arrays |= {f"gaussians_{name}": getattr(scene.gaussians, name) for name in _GAUSSIANS}
    arrays["world_from_camera"] = _stacked([view.world_from_camera for view in views], (4, 4))
    arrays["object_poses"] = _stacked([item.world_from_box for item in scene.objects], (4, 4))
    arrays["object_sizes_m"] = _stacked([np.array(item.size_m) for item in scene.objects], (3,))
    objects = [{"category": o.category, "parent": o.parent, "score": o.score} for o in scene.objects]
    _write(path, arrays, _metadata(scene) | {"objects": objects})


def write_mini_npz(path: Path, scene: Scene) -> None:
    """Write depth, confidence and cameras alone, without images and points."""
    arrays = _view_arrays(scene.views)
    arrays.pop("image", None)
    _write(path, arrays, _metadata(scene))


def load_scene(path: Path) -> Scene:
    """Read a scene of `write_npz`.

    Raises:
        InputError: the file cannot be read, or is no such file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MAX_BYTES:
                raise InputError(f"{path}: expected a scene of at most {_MAX_BYTES >> 30} GiB, got a larger one")
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        metadata = json.loads(str(arrays["metadata"]))
        return _scene(arrays, metadata)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except KeyError as error:
        raise InputError(
            f"{path}: expected a scene written by `unity-depth export --format npz` or reconstruct, without {error}"
        ) from None
    except (OSError, ValueError, TypeError, AttributeError, IndexError, EOFError, MemoryError) as error:
        raise InputError(f"{path}: cannot read this scene: {error!s:.200}") from None
    except (
        zipfile.BadZipFile,
        zlib.error,
        RuntimeError,
        SyntaxError,
        tokenize.TokenError,
    ) as error:  # of NumPy headers
        raise InputError(f"{path}: expected a scene as .npz, got a damaged or another file: {error!s:.200}") from None


def _write(path: Path, arrays: Mapping[str, NDArray[Any]], metadata: dict[str, Any]) -> None:
    with (
        replacing(path, durable=False) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_COMPRESSION) as archive,
    ):
        for name, array in {**arrays, "metadata": np.array(json.dumps(metadata))}.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)  # type: ignore[no-untyped-call]


def _metadata(scene: Scene) -> dict[str, Any]:
    views = [
        {"name": view.name, "size": [view.camera.width, view.camera.height]}
        | {attribute: getattr(view, attribute) is not None for attribute in _PER_PIXEL}
        for view in scene.views
    ]
    frame = {"version": VERSION, "pixel_origin": "pixel_centre", "is_metric": scene.is_metric}
    return scene.frame_description() | frame | {"views": views}


def _view_arrays(views: tuple[SceneView, ...]) -> dict[str, NDArray[Any]]:
    """Arrays under the keys of Depth Anything 3; those that no view has are left out."""
    extrinsics = _stacked([view.camera_from_world for view in views], (4, 4))
    arrays: dict[str, NDArray[Any]] = {
        "extrinsics": extrinsics[:, :3],
        "intrinsics": _stacked([view.camera.k for view in views], (3, 3)),
    }
    size = (max((v.camera.height for v in views), default=0), max((v.camera.width for v in views), default=0))
    for attribute, (key, outside) in _PER_PIXEL.items():
        planes = [getattr(view, attribute) for view in views]
        known = next((plane for plane in planes if plane is not None), None)
        if known is not None:
            arrays[key] = np.full((len(views), *size, *known.shape[2:]), outside, known.dtype)
            for target, plane in zip(arrays[key], planes, strict=True):
                if plane is not None:
                    target[: plane.shape[0], : plane.shape[1]] = plane
    return arrays


def _scene(arrays: Mapping[str, NDArray[Any]], metadata: dict[str, Any]) -> Scene:
    if metadata.get("version") != VERSION:
        raise InputError(f"expected a scene of version {VERSION}, got {metadata.get('version')!r}")
    objects = tuple(
        SceneObject(item["category"], pose, tuple(size), item["parent"], item["score"])
        for item, pose, size in zip(
            metadata["objects"], arrays["object_poses"], arrays["object_sizes_m"].tolist(), strict=True
        )
    )
    cloud = {name: arrays.get(f"cloud_{name}") for name in _POINTS}
    has_gaussians = "gaussians_means_m" in arrays
    return Scene(
        **cloud,  # type: ignore[arg-type]  # Scene checks them
        views=tuple(_view(arrays, k, entry) for k, entry in enumerate(metadata["views"])),
        world=metadata["world"],
        scale_source=metadata["scale_source"],
        is_metric=bool(metadata["is_metric"]),
        objects=objects,
        gaussians=Gaussians(*(arrays[f"gaussians_{name}"] for name in _GAUSSIANS)) if has_gaussians else None,
    )


def _view(arrays: Mapping[str, NDArray[Any]], index: int, entry: dict[str, Any]) -> SceneView:
    width, height = entry["size"]
    planes = {
        attribute: np.ascontiguousarray(arrays[key][index, :height, :width])
        for attribute, (key, _) in _PER_PIXEL.items()
        if entry[attribute]
    }
    camera = Camera.from_k(arrays["intrinsics"][index], width, height)
    return SceneView(entry["name"], camera, arrays["world_from_camera"][index], **planes)


def _stacked(items: list[NDArray[Any]], shape: tuple[int, ...]) -> NDArray[Any]:
    return np.stack(items) if items else np.zeros((0, *shape))
