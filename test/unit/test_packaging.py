"""Files that must agree with one another: messages and contract, metadata, executables, pinned versions."""

from __future__ import annotations

import ast
import configparser
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
NAME = "unity_depth_perception"
MAX_WEIGHTS_BYTES = 30_000_000
REQUIREMENT_FILES = sorted(path.name for path in ROOT.glob("requirements*.txt"))

MESSAGES = {
    "DistanceStatistics": "float32 center, float32 mean, float32 median, float32 min, float32 max",
    "ObjectDistance": (
        "int32 id, int32 parent_id, string category, float32 score, sensor_msgs/RegionOfInterest bbox, "
        "DistanceStatistics distance, float32 range, geometry_msgs/Point position, "
        "float32 valid_ratio, uint32 pixel_count"
    ),
    "ObjectDistanceArray": (
        "std_msgs/Header header, string depth_model, string segmentation_model, ObjectDistance[] objects"
    ),
}
VISION_MESSAGES = {
    "Point2D": "float64 x, float64 y",
    "Pose2D": "vision_msgs/Point2D position, float64 theta",
    "BoundingBox2D": "vision_msgs/Pose2D center, float64 size_x, float64 size_y",
    "BoundingBox3D": "geometry_msgs/Pose center, geometry_msgs/Vector3 size",
    "ObjectHypothesis": "string class_id, float64 score",
    "ObjectHypothesisWithPose": "ObjectHypothesis hypothesis, geometry_msgs/PoseWithCovariance pose",
    "Detection2D": "std_msgs/Header header, ObjectHypothesisWithPose[] results, BoundingBox2D bbox, string id",
    "Detection3D": "std_msgs/Header header, ObjectHypothesisWithPose[] results, BoundingBox3D bbox, string id",
    "Detection2DArray": "std_msgs/Header header, Detection2D[] detections",
    "Detection3DArray": "std_msgs/Header header, Detection3D[] detections",
    "VisionClass": "uint16 class_id, string class_name",
    "LabelInfo": "std_msgs/Header header, vision_msgs/VisionClass[] class_map, float32 threshold",
}

TF2_MESSAGES = {"TFMessage": "geometry_msgs/TransformStamped[] transforms"}


def fields_of(path: Path) -> str:
    """`type name, type name, ...` of a message file, comments left out."""
    lines = (line.partition("#")[0].split() for line in path.read_text(encoding="utf-8").splitlines())
    return ", ".join(" ".join(words) for words in lines if words)


def cmake_list(start: str) -> list[str]:
    """The words from `start` to the next closing bracket of CMakeLists.txt."""
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    found = re.search(re.escape(start) + r"([^)]*)\)", text)
    assert found, f"CMakeLists.txt has no {start}"
    return found.group(1).split()


def metadata() -> configparser.ConfigParser:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def package_xml(tag: str) -> ElementTree.Element:
    element = ElementTree.parse(ROOT / "package.xml").getroot().find(tag)
    assert element is not None
    return element


def requirements_in(name: str) -> dict[str, Requirement]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines())
    requirements = (Requirement(line) for line in lines if line)
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def declares(module: str, function: str) -> bool:
    """Whether the source of a module defines a function, by reading it: importing it may need ROS."""
    path = ROOT / Path(*module.split(".")).with_suffix(".py")
    if not path.is_file():
        return False
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name == function for node in tree.body)


@pytest.mark.parametrize(
    ("folder", "contract"),
    [("msg", MESSAGES), ("cmake/vision_msgs/msg", VISION_MESSAGES), ("cmake/tf2_msgs/msg", TF2_MESSAGES)],
    ids=["ours", "vision_msgs", "tf2_msgs"],
)
def test_messages_are_the_contract(folder: str, contract: dict[str, str]) -> None:
    """Order and types of the fields are what a message's type hash is made of."""
    assert {path.stem: fields_of(path) for path in (ROOT / folder).iterdir()} == contract


def test_every_message_is_generated() -> None:
    generated = [word for word in cmake_list("rosidl_generate_interfaces(${PROJECT_NAME}") if word.endswith(".msg")]
    assert sorted(generated) == sorted(f"msg/{name}.msg" for name in MESSAGES)


def test_metadata_agree() -> None:
    config = metadata()["metadata"]
    assert canonicalize_name(config["name"]) == canonicalize_name(package_xml("name").text or "")
    version = config["version"]
    assert version == package_xml("version").text
    assert f'__version__ = "{version}"' in (ROOT / NAME / "__init__.py").read_text()
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n{version} (20" in (ROOT / "CHANGELOG.rst").read_text()
    assert config["license"] == package_xml("license").text
    assert config["author"] == package_xml("maintainer").text
    assert config["author_email"] == package_xml("maintainer").get("email")


def test_every_node_is_a_ros_executable() -> None:
    modules = {path.stem for path in (ROOT / NAME / "nodes").glob("*.py")}
    assert {name for name in modules if declares(f"{NAME}.nodes.{name}", "main")} == set(
        cmake_list("set(node_executables")
    )


def test_console_scripts_exist() -> None:
    scripts = metadata()["options.entry_points"]["console_scripts"].split("\n")
    targets = [line.partition("=")[2].strip() for line in scripts if line]
    assert targets
    for target in targets:
        module, _, function = target.partition(":")
        assert declares(module, function), f"{target} does not exist"


def test_embedded_weights_are_small() -> None:
    weights = list((ROOT / NAME).rglob("*.safetensors"))
    assert sum(path.stat().st_size for path in weights) <= MAX_WEIGHTS_BYTES


@pytest.mark.parametrize("name", REQUIREMENT_FILES)
def test_requirements_are_pinned_as_constrained(name: str) -> None:
    constraints = requirements_in("constraints.txt")
    for package, requirement in requirements_in(name).items():
        assert [specifier.operator for specifier in requirement.specifier] == ["=="], f"{name}: {package} is not pinned"
        if name != "requirements-no-deps.txt":
            assert requirement.specifier == constraints[package].specifier, f"{package}: {name} and constraints.txt"


@pytest.mark.parametrize(
    "option",
    ["install_requires", "da2", "da3", "docs", "export", "gaussians", "onnx", "openvino", "tensorboard", "web"],
)
def test_pins_lie_in_the_declared_ranges(option: str) -> None:
    config = metadata()
    lines = config["options" if option == "install_requires" else "options.extras_require"][option]
    pins = {
        name: pin
        for file in ("", "-no-deps", "-dev")
        for name, pin in requirements_in(f"requirements{file}.txt").items()
    }
    for line in filter(None, lines.split("\n")):
        declared = Requirement(line)
        (pin,) = pins[canonicalize_name(declared.name)].specifier
        assert declared.specifier.contains(pin.version), f"{line}, but {pin} is what is tested"


def test_extra_all_names_extras() -> None:
    extras = metadata()["options.extras_require"]
    (everything,) = (Requirement(line) for line in filter(None, extras["all"].split("\n")))
    assert canonicalize_name(everything.name) == canonicalize_name(metadata()["metadata"]["name"])
    assert everything.extras | {"all", "da3", "docs", "ray"} == set(extras), "a new extra joins `all`, or says why not"


def test_numpy_stays_below_2() -> None:
    """cv_bridge of ROS 2 Jazzy and depth-anything-3 are made for NumPy 1."""
    (pin,) = requirements_in("requirements.txt")["numpy"].specifier
    assert pin.version.startswith("1.")
