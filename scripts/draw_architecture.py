#!/usr/bin/env python3
"""Draw docs/architecture.svg: the packages in layers, from their imports; arrows lead to imported packages.

Arrows that follow from others are left out. Needs the standard library alone.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "unity_depth_perception"
PICTURE = ROOT / "docs" / "architecture.svg"
PURPOSE = {
    "core": "camera, objects, support relations, metrics, errors; NumPy alone",
    "ops": "per-pixel functions in torch",
    "models": "depth and segmentation networks",
    "pipeline": "a frame in, a result out",
    "dataset": "Unity folder, COCO",
    "synthetic": "virtual Unity with its own truth",
    "export": "pictures, result folders, 3D formats",
    "evaluation": "scores, reports, speed",
    "training": "segmentation and depth",
    "reconstruction": "several views to one cloud",
    "perception": "Python front door: load()",
    "endpoint": "wire protocol of Unity's connector, no ROS",
    "ros": "messages, inputs, topics, parameters",
    "nodes": "executables, wiring alone",
    "web": "page to drop images on; no ROS",
    "view": "live table, web page, Foxglove; no ROS",
    "demo": "virtual Unity and a node, over DDS",
    "cli": "command unity-depth",
}
_WIDTH, _BOX_W, _BOX_H, _ROW_H = 1180, 250, 58, 96


def package_imports() -> dict[str, set[str]]:
    """Packages (first name below the root package) that each package imports."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / NAME).rglob("*.py")):
        parts = path.relative_to(ROOT / NAME).with_suffix("").parts
        if parts[0] == "__init__":
            continue
        of_package = found.setdefault(parts[0], set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            of_package |= {name.split(".")[1] for name in names if name.startswith(f"{NAME}.")}
    return {package: {other for other in imported if other != package} - {"msg"} for package, imported in found.items()}


def floors(imports: Mapping[str, set[str]]) -> dict[str, int]:
    """Layer of each package: one above the highest that it imports.

    Raises:
        graphlib.CycleError: packages import each other.
    """
    floor: dict[str, int] = {}
    for package in TopologicalSorter(imports).static_order():
        floor[package] = 1 + max((floor[other] for other in imports[package]), default=-1)
    return floor


def reduced(imports: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The imports without those that follow from others (transitive reduction)."""
    below: dict[str, set[str]] = {}
    for package in TopologicalSorter(imports).static_order():
        below[package] = imports[package].union(*(below[other] for other in imports[package]))
    return {p: {o for o in imported if not any(o in below[q] for q in imported)} for p, imported in imports.items()}


def drawing(imports: Mapping[str, set[str]]) -> str:
    """The picture as SVG text."""
    floor = floors(imports)
    top = max(floor.values())
    arrows = reduced(imports)
    place: dict[str, tuple[float, int]] = {}
    for level in range(top + 1):  # bottom layer first, each package near its imports
        on_level = [package for package in sorted(floor) if floor[package] == level]
        on_level.sort(key=lambda package: sum(place[o][0] for o in arrows[package]) / max(len(arrows[package]), 1))
        step = _WIDTH / len(on_level)
        place |= {package: (step * (x + 0.5), 20 + (top - level) * _ROW_H) for x, package in enumerate(on_level)}
    height = 20 + (top + 1) * _ROW_H
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" fill="#5b6b7b"/></marker></defs>',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for package, imported in sorted(arrows.items()):
        for other in sorted(imported):
            (x0, y0), (x1, y1) = place[package], place[other]
            middle = (y0 + _BOX_H + y1) / 2
            lines.append(
                f'<path d="M{x0:.0f} {y0 + _BOX_H} C{x0:.0f} {middle:.0f} {x1:.0f} {middle:.0f} {x1:.0f} {y1}" '
                'fill="none" stroke="#5b6b7b" stroke-width="1.4" marker-end="url(#tip)"/>'
            )
    for package, (x, y) in sorted(place.items()):
        lines += _box(package, x, y)
    return "\n".join([*lines, "</svg>", ""])


def _box(package: str, x: float, y: int) -> list[str]:
    words, texts = PURPOSE[package].split(" "), [""]
    for word in words:
        texts[-1:] = [f"{texts[-1]} {word}".strip()] if len(texts[-1]) + len(word) < 38 else [texts[-1], word]
    fill = "#e8f1fb" if package in ("ros", "nodes", "demo") else "#f4f6f8"
    head = (
        f'<rect x="{x - _BOX_W / 2:.0f}" y="{y}" width="{_BOX_W}" height="{_BOX_H}" rx="6" fill="{fill}" '
        'stroke="#33475b"/>'
    )
    title = (
        f'<text x="{x:.0f}" y="{y + 20}" text-anchor="middle" font-size="15" font-weight="bold" fill="#1b2a3a">'
        f"{package}</text>"
    )
    rest = [
        f'<text x="{x:.0f}" y="{y + 36 + 14 * k}" text-anchor="middle" font-size="11.5" fill="#33475b">{text}</text>'
        for k, text in enumerate(texts)
    ]
    return [head, title, *rest]


if __name__ == "__main__":
    PICTURE.write_text(drawing(package_imports()), encoding="utf-8")
    print(f"{PICTURE.relative_to(ROOT)}: {len(package_imports())} packages")
