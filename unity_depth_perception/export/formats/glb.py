"""Scenes as binary glTF (.glb): a cloud or meshes, cameras as frusta, boxes of objects.

glTF's y axis is up. All vertices stay in the scene's own world frame, under the node `scene_world` whose matrix turns
that frame into glTF's; nothing is moved to the middle or scaled. `extras` of the scene and of that node say so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.files.atomic_file import replacing
from unity_depth_perception.export.formats.depth_mesh import depth_mesh, grid_step
from unity_depth_perception.export.point_selection import PointCloud, select_points
from unity_depth_perception.export.scene import Scene, SceneView

WORLD_NODE = "scene_world"
_Z_UP = ((1, 0, 0), (0, 0, 1), (0, -1, 0))  # x, z, -y
_Y_DOWN = ((1, 0, 0), (0, -1, 0), (0, 0, -1))  # of the optical frame, and usual of COLMAP's models
GLTF_FROM_WORLD = {"z_up": _Z_UP, "unity": _Z_UP, "optical": _Y_DOWN, "given": _Y_DOWN}
"""Rotation from each world frame to glTF's axes: x right, y up, z towards the viewer."""
_FRUSTUM_RATIO = 0.03  # depth of a frustum over the diagonal of the scene
_LEAST_FRUSTUM_M = 1e-3
_CAMERA_COLOUR, _BOX_COLOUR = (255, 140, 0, 255), (0, 200, 120, 255)
_CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
_EDGES = [(a, b) for a in range(8) for b in range(a) if (a ^ b) in (1, 2, 4)]


def write_glb(
    path: Path,
    scene: Scene,
    *,
    max_points: int,
    seed: int = 0,
    as_mesh: bool = False,
    show_cameras: bool = True,
    square_m: float = 0.0,
) -> None:
    """Write a scene.

    Args:
        max_points: largest number of points, or of vertices of all meshes.
        seed: of the selection of points.
        as_mesh: meshes of the views' depth instead of the cloud.
        show_cameras: whether to draw the views' cameras.
        square_m: edge of the square that each point with a normal is drawn as; 0: points, with gaps between.

    Raises:
        InputError: the scene has nothing to show.
    """
    content = trimesh.Scene()
    frame = scene.frame_description()
    matrix = np.eye(4)
    matrix[:3, :3] = GLTF_FROM_WORLD[scene.world]
    content.metadata.update(frame | {"gltf_from_world": matrix.tolist(), "world_node": WORLD_NODE})
    content.graph.update(frame_from="world", frame_to=WORLD_NODE, matrix=matrix, metadata=frame)
    if as_mesh:
        diagonal_m = _add_meshes(content, scene, max_points)
    else:
        diagonal_m = _add_cloud(content, select_points(scene, max_points, seed), square_m)
    if show_cameras:
        for view in scene.views:
            _add_frustum(content, view, max(_FRUSTUM_RATIO * diagonal_m, _LEAST_FRUSTUM_M))
    for index, item in enumerate(scene.objects):
        edges = (_CORNERS * item.size_m)[np.array(_EDGES)]
        extras = {"category": item.category, "size_m": list(item.size_m), "score": item.score, "parent": item.parent}
        _add_lines(content, f"object_{index}_{item.category}", edges, _BOX_COLOUR, item.world_from_box, extras)
    data = content.export(file_type="glb")
    with replacing(path, durable=False) as file:
        file.write(data)


def _add_cloud(content: trimesh.Scene, cloud: PointCloud, square_m: float) -> float:
    """Add the cloud; returns the diagonal of its box [m]."""
    if square_m > 0 and cloud.normals is not None:
        geometry: Any = _squares(cloud.points_m, cloud.normals, cloud.colours, square_m)
    else:
        geometry = trimesh.PointCloud(cloud.points_m, colors=cloud.colours)
    content.add_geometry(geometry, "cloud", "cloud", parent_node_name=WORLD_NODE)
    return float(np.linalg.norm(np.ptp(cloud.points_m, axis=0)))


def _squares(
    points_m: NDArray[np.float32], normals: NDArray[np.float32], colours: NDArray[np.uint8], edge_m: float
) -> trimesh.Trimesh:
    """Squares of two triangles around points (N, 3), across their normals."""
    axis = np.where(np.abs(normals[:, 2:]) < 0.9, (0.0, 0.0, 1.0), (1.0, 0.0, 0.0))  # not along the normal
    right = np.cross(axis, normals)
    right *= edge_m / 2 / np.linalg.norm(right, axis=1, keepdims=True)
    up = np.cross(normals, right)
    corners = np.stack([points_m + x * right + y * up for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))], axis=1)
    first = 4 * np.arange(len(points_m))[:, None]
    faces = np.concatenate([first + (0, 1, 2), first + (0, 2, 3)])
    return trimesh.Trimesh(corners.reshape(-1, 3), faces, vertex_colors=np.repeat(colours, 4, axis=0), process=False)


def _add_meshes(content: trimesh.Scene, scene: Scene, max_points: int) -> float:
    """Add a mesh for each view with depth; returns the diagonal of their box [m]."""
    corners = []
    views = tuple(view for view in scene.views if view.depth_m is not None)
    for view in views:
        mesh = depth_mesh(view, grid_step(views, max_points))
        if len(mesh.faces):
            name = f"mesh_{view.name}"
            surface = trimesh.Trimesh(mesh.vertices, mesh.faces, vertex_colors=mesh.colours, process=False)
            content.add_geometry(surface, name, name, parent_node_name=WORLD_NODE)
            corners += [mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)]
    if not corners:
        raise InputError("expected views with depth for a mesh, got none with valid depth; export a cloud instead")
    return float(np.linalg.norm(np.ptp(corners, axis=0)))


def _add_frustum(content: trimesh.Scene, view: SceneView, depth_m: float) -> None:
    """Add the outline of the image at `depth_m` before the camera and its lines to the centre, in the optical frame."""
    camera = view.camera
    rim = camera.unproject(_image_corners(camera), np.full(4, depth_m))
    sides = [(rim[k], rim[(k + 1) % 4]) for k in range(4)] + [(np.zeros(3), corner) for corner in rim]
    extras = {"intrinsics": camera.to_intrinsics(), "world_from_camera": view.world_from_camera.tolist()}
    _add_lines(content, f"camera_{view.name}", np.array(sides), _CAMERA_COLOUR, view.world_from_camera, extras)


def _image_corners(camera: Camera) -> NDArray[np.float64]:
    right, bottom = camera.width - 0.5, camera.height - 0.5
    return np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]])


def _add_lines(
    content: trimesh.Scene,
    name: str,
    lines: NDArray[np.float64],
    colour: tuple[int, int, int, int],
    world_from_local: NDArray[np.float64],
    extras: dict[str, object],
) -> None:
    """Add lines (N, 2, 3) [m] of a local frame under a node of that pose."""
    path = trimesh.load_path(lines)
    path.colors = np.tile(np.array(colour, np.uint8), (len(path.entities), 1))
    content.add_geometry(path, name, name, parent_node_name=WORLD_NODE, transform=world_from_local, metadata=extras)
