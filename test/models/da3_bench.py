"""Depth Anything 3's own benchmark as a reference; it imports open3d for meshes, which the metrics do not need."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest


@contextmanager
def da3_bench() -> Iterator[types.ModuleType]:
    """depth_anything_3.bench.utils, with a stub of open3d; skips the test where the package is missing."""
    pytest.importorskip("depth_anything_3", reason="the reference is Depth Anything 3's package")
    stub = types.ModuleType("open3d")
    for name in ("geometry", "utility", "camera", "io"):
        setattr(stub, name, types.SimpleNamespace(PointCloud=object, TriangleMesh=object, RGBDImage=object))
    integration = types.SimpleNamespace(ScalableTSDFVolume=object)
    stub.pipelines = types.SimpleNamespace(integration=integration)  # type: ignore[attr-defined]
    with patch.dict(sys.modules, open3d=stub):  # also forgets what was imported with the stub
        yield importlib.import_module("depth_anything_3.bench.utils")
