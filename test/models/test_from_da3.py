"""docs/from-da3.md: every command line runs, with da3-small and random weights; every option of da3 is mentioned."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest
from da3_networks import CPU, spread
from room_views import exact_view, room_scenes
from terminal import unity_depth

from unity_depth_perception.dataset.files import write_image
from unity_depth_perception.export.formats.colmap import write_colmap
from unity_depth_perception.export.scene import Scene, SceneView
from unity_depth_perception.models import registry
from unity_depth_perception.models.depth_anything_3.estimator import estimator_of
from unity_depth_perception.models.depth_anything_3.network import build_network
from unity_depth_perception.models.runtime.options import DepthOptions

PAGE = (Path(__file__).parents[2] / "docs" / "from-da3.md").read_text(encoding="utf-8")
INFERENCE = ("auto", "image", "images", "video", "colmap")
COMMANDS = [line for line in re.findall(r"unity-depth reconstruct [^`\n|]*", PAGE) if "--output" in line]
SCENES = room_scenes(4, turn=0.2, width=112, height=84)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the commands name: photo.jpg, photos, clip.mp4, model."""
    folder = tmp_path_factory.mktemp("sources")
    views = [exact_view(scene) for scene in SCENES]
    pictures = [view.image.numpy() for view in views]
    cv2.imwrite(str(folder / "photo.jpg"), pictures[0][..., ::-1])
    (folder / "photos").mkdir()
    video = cv2.VideoWriter(str(folder / "clip.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 2, (112, 84))
    for k, picture in enumerate(pictures):
        write_image(folder / "photos" / f"{k}.png", picture)
        for _ in range(2):
            video.write(np.ascontiguousarray(picture[..., ::-1]))
    video.release()
    (folder / "clip.avi").rename(folder / "clip.mp4")
    poses = tuple(
        SceneView(f"{k}.png", view.camera, view.world_from_camera, view.depth_m.numpy(), view.image.numpy())
        for k, view in enumerate(views)
    )
    nothing = np.zeros((0, 3), np.float32)
    scene = Scene(nothing, nothing.astype(np.uint8), poses, "z_up", "given", True)
    write_colmap(folder / "model", scene, max_points=100)
    return folder


@pytest.fixture(scope="module", autouse=True)
def random_weights() -> object:
    """da3-small with random weights, built once, in place of the published ones."""
    options = DepthOptions(size_px=84, precision="float32")
    estimator = estimator_of("da3-small", spread(build_network("da3-small")), CPU, options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "create_depth_estimator", lambda *arguments: estimator)
        yield


def test_page_has_a_line_for_each_inference_command() -> None:
    assert len(COMMANDS) >= 8
    assert all(f"`da3 {name} " in PAGE for name in INFERENCE)


def options_of_da3() -> set[str]:
    """Options of da3's inference commands, from its source: importing it needs packages for its web pages."""
    spec = importlib.util.find_spec("depth_anything_3")
    assert spec is not None
    (folder,) = spec.submodule_search_locations or ()
    tree = ast.parse((Path(folder) / "cli.py").read_text(encoding="utf-8"))
    commands = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in INFERENCE]
    options = [
        argument.arg
        for command in commands
        for argument, default in zip(command.args.args[::-1], command.args.defaults[::-1], strict=False)
        if "typer.Option" in ast.unparse(default)
    ]
    return {f"--{name.replace('_', '-')}" for name in options}


def test_page_mentions_every_option_of_da3() -> None:
    options = options_of_da3()
    assert {"--process-res", "--fps", "--sparse-subdir"} <= options
    assert {option for option in options if option not in PAGE} == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_command_of_the_page_runs(command: str, sources: Path, tmp_path: Path) -> None:
    words = shlex.split(command)[1:]
    words[1] = str(sources / words[1])
    words[words.index("--output") + 1] = str(tmp_path / "out")
    result = unity_depth(*words, "--process-res", "84", "--voxel", "0.05", "--min-views", "1")
    assert result.returncode == 0, result.stderr
    names = words[words.index("--format") + 1].split(",")
    written = {path.name for path in (tmp_path / "out").iterdir()}
    wanted = {
        "glb": "scene.glb",
        "npz": "scene.npz",
        "ply": "scene.ply",
        "mini_npz": "scene_mini.npz",
        "mp4": "depth.mp4",
    }
    assert {wanted[name] for name in names} <= written
    assert {"scene.png", "reconstruction.json"} <= written
