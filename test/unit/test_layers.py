"""Dependencies point one way: nodes -> ros -> pipeline -> models -> ops -> core; ROS stays in `ros` and `nodes`."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from draw_architecture import PICTURE, PURPOSE, drawing, package_imports

ROOT = Path(__file__).parents[2]
NAME = "unity_depth_perception"
SOURCES = sorted((ROOT / NAME).rglob("*.py"))

CHAIN = ("core", "ops", "models", "pipeline", "ros", "nodes", "demo")
ROS_LAYERS = {"ros", "nodes", "demo"}
ROS_MODULES = {
    "rclpy",
    "std_srvs",
    "builtin_interfaces",
    "cv_bridge",
    "launch",
    "launch_ros",
    "rosidl_runtime_py",
    "tf2_ros",
}

_BLOCKED_IMPORT = """
import importlib, pkgutil, sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ImportError(f"{{name}} is blocked")

sys.meta_path.insert(0, Block())
package = importlib.import_module("{package}")
names = [module.name for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""


def layer_of(module: str) -> str:
    """`models` of `unity_depth_perception.models.registry`; empty for the top package and for other packages."""
    parts = module.split(".")
    return parts[1] if parts[0] == NAME and len(parts) > 1 else ""


def module_of(path: Path) -> str:
    """The dotted name of a source file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_in(text: str, module: str, is_package: bool = False) -> Iterator[str]:
    """Dotted names that a source imports, inside functions too; relative ones made absolute."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = [*base, *(node.module.split(".") if node.module else [])]
            yield from (".".join([*base, alias.name]) for alias in node.names)


def is_ros(name: str) -> bool:
    """Whether an imported name belongs to ROS: its client library, message packages, our generated messages."""
    top = name.partition(".")[0]
    return top in ROS_MODULES or top.endswith("_msgs") or layer_of(name) == "msg"


def needed_at_once(text: str, module: str) -> set[str]:
    """What a source imports as soon as it is imported: not in a function, not for the type checker alone."""
    statements = [
        node
        for node in ast.parse(text).body
        if not isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
    ]
    return set(imports_in("\n".join(ast.unparse(node) for node in statements), module))


def violations(text: str, module: str, is_package: bool = False) -> list[str]:
    """What a module imports and may not."""
    layer = layer_of(module)
    found = []
    for name in imports_in(text, module, is_package):
        target = layer_of(name)
        if is_ros(name) and layer not in ROS_LAYERS:
            found.append(f"{module} imports {name}: ROS belongs in ros and nodes")
        elif target in ROS_LAYERS and layer == "cli":  # a command may look at a running graph, where there is ROS
            if name in needed_at_once(text, module):
                found.append(f"{module} imports {name} at once: every command would need ROS")
        elif target in ROS_LAYERS and layer not in ROS_LAYERS:
            found.append(f"{module} imports {name}: what runs without ROS cannot")
        elif layer in CHAIN and target in CHAIN and CHAIN.index(target) > CHAIN.index(layer):
            found.append(f"{module} imports {name}: {target} lies above {layer}")
        elif layer in ("core", "ops", "models", "pipeline", "dataset") and target not in (*CHAIN, layer, "", "msg"):
            found.append(f"{module} imports {name}: {target} is a tool that builds on {layer}")
        elif layer == "endpoint" and target not in ("core", "endpoint", ""):
            found.append(f"{module} imports {name}: endpoint builds on core alone")
        elif layer == "dataset" and target not in ("core", "ops", "dataset", ""):
            found.append(f"{module} imports {name}: dataset builds on core and on the rules of depth in ops")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_module_imports_only_lower_layers(path: Path) -> None:
    assert violations(path.read_text(encoding="utf-8"), module_of(path), path.name == "__init__.py") == []


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("core.camera", f"from {NAME}.ops import clouds"),
        ("core.camera", "from ..ops import clouds"),
        ("ops.clouds", f"import {NAME}.models.registry"),
        ("models.registry", f"def f():\n    from {NAME}.pipeline import Frame"),
        ("pipeline", f"from {NAME} import export"),
        ("pipeline", "import rclpy"),
        ("evaluation.bags", "from sensor_msgs.msg import Image"),
        ("cli.main", f"from {NAME}.msg import ObjectDistance"),
        ("cli.main", f"from {NAME}.demo import session"),
        ("dataset.reader", f"from {NAME}.models.protocols import Segmenter"),
        ("endpoint.server", f"from {NAME}.ops import validity"),
    ],
)
def test_forbidden_import_is_noticed(module: str, text: str) -> None:
    assert len(violations(text, f"{NAME}.{module}")) == 1


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("ops.clouds", f"from {NAME}.core.camera import Camera"),
        ("nodes.perception_node", f"from {NAME}.msg import ObjectDistance\nimport rclpy"),
        ("nodes.virtual_unity_node", f"from {NAME}.synthetic import scene"),
        ("evaluation.report", f"from {NAME}.dataset.sample import Sample"),
        ("cli.doctor", f"def check():\n    from {NAME}.ros.graph_snapshot import take_snapshot"),
    ],
)
def test_allowed_import_is_left_alone(module: str, text: str) -> None:
    assert violations(text, f"{NAME}.{module}") == []


@pytest.mark.parametrize(
    ("package", "blocked"),
    [
        ("core", {"rclpy", "torch", "torchvision", "cv2", "scipy"}),
        ("endpoint", {"rclpy", "torch", "cv2", "sensor_msgs"}),
        ("dataset", {"rclpy", "torchvision", "transformers"}),
    ],
)
def test_imports_with_blocked_modules(package: str, blocked: set[str]) -> None:
    code = _BLOCKED_IMPORT.format(package=f"{NAME}.{package}", blocked=blocked)
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=300, check=False
    )
    assert child.returncode == 0, child.stderr
    assert int(child.stdout) >= 1


def test_blocking_blocks() -> None:
    code = _BLOCKED_IMPORT.format(package=f"{NAME}.core", blocked={"numpy"})
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=300, check=False
    )
    assert child.returncode != 0
    assert "numpy is blocked" in child.stderr


def test_top_package_loads_nothing_until_it_is_asked() -> None:
    """The generated package of the same name may be the one that Python finds first, with a copy of this file."""
    code = (
        f"import sys, {NAME} as udp; assert 'load' in dir(udp) and udp.__version__; "
        "heavy = {'torch', 'numpy', 'cv2', 'rclpy'} & set(sys.modules); assert not heavy, heavy; "
        "udp.Camera; assert 'torch' not in sys.modules"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert child.returncode == 0, child.stderr
    assert not (ROOT / NAME / "msg").exists()


def module_imports() -> dict[str, set[str]]:
    """Our modules that each of our modules imports, inside functions too."""
    modules = {module_of(path): path for path in SOURCES}
    found = {}
    for module, path in modules.items():
        names = set(imports_in(path.read_text(encoding="utf-8"), module, path.name == "__init__.py"))
        targets = {name if name in modules else name.rpartition(".")[0] for name in names}
        found[module] = {target for target in targets if target in modules} - {module, NAME}
    return found


def test_no_module_imports_itself_through_others() -> None:
    list(TopologicalSorter(module_imports()).static_order())  # raises CycleError, which names the circle


def test_no_package_imports_another_that_imports_it() -> None:
    """Sub-packages too: `models/compact` and `models/mask_rcnn` are two."""
    inits = {module_of(path) for path in SOURCES if path.name == "__init__.py"}

    def package_of(module: str) -> str:
        return module if module in inits else module.rpartition(".")[0]

    packages: dict[str, set[str]] = {}
    for module, targets in module_imports().items():
        package = package_of(module)
        if package != NAME:  # the front door opens on everything
            inside = {p for p in map(package_of, targets) if not f"{package}.".startswith(f"{p}.")}
            packages.setdefault(package, set()).update(inside)
    circles = [(p, q) for p, targets in packages.items() for q in targets if p in packages.get(q, set())]
    assert circles == []


@pytest.mark.parametrize("folder", sorted({path.parent for path in SOURCES}), ids=lambda p: str(p.relative_to(ROOT)))
def test_folder_holds_at_most_12_modules(folder: Path) -> None:
    assert len([path for path in folder.glob("*.py") if path.name != "__init__.py"]) <= 12


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_file_of_more_than_250_lines_says_why(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 250 or "Long because" in (ast.get_docstring(ast.parse(text)) or "")


def test_picture_of_the_layers_is_that_of_the_imports() -> None:
    assert PICTURE.read_text(encoding="utf-8") == drawing(package_imports()), "run scripts/draw_architecture.py"
    assert set(package_imports()) == set(PURPOSE)


def test_files_that_the_architecture_page_names_exist_and_are_few() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for start in ("From the executable to a published message", "From `unity-depth train-depth` to weights"):
        steps = re.findall(r"^\d+\. `([^`]+)`", page[page.index(start) :].split("\n\n")[1], re.MULTILINE)
        assert len(steps) == len(set(steps)) == 12
        assert [step for step in steps if not (ROOT / NAME / step).is_file()] == []
    assert [
        f for f in re.findall(r"`([a-z_0-9/]+\.py)`", page) if not ((ROOT / NAME / f).is_file() or (ROOT / f).is_file())
    ] == []
