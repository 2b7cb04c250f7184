"""Run-time options of depth models: input size, precision, acceleration."""

from __future__ import annotations

from dataclasses import dataclass

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.models.engine.sessions import ENGINES

PRECISIONS = ("auto", "float32", "bfloat16", "float16")
CUBE_EDGE_M = 0.07
"""Edge of the cubes that `compact` was trained on."""
CUBE_EDGES_M = (0.005, 5.0)
"""Smallest and largest edge that may be given."""
ACCELERATIONS = ("auto", "none", "compile", "cuda_graph", *ENGINES)


@dataclass(frozen=True)
class DepthOptions:
    """Options of a depth model. A model ignores those that do not apply to it.

    Attributes:
        size_px: side of the network's input (Depth Anything 3: the longest, V2: the shortest); 0: the size that the
            network was trained at.
        precision: of the network's arithmetic. auto: as the authors' code on a GPU, the faster one on a CPU;
            the head runs in 16 bits only where that changes depth by less than 0.5 % (see runtime/head_precision.py).
        acceleration: none, compile (torch.compile), cuda_graph, onnxruntime, openvino, or auto: the fastest engine that
            is installed, on a CPU. One that is not available is skipped with a warning. See docs/cpu_engine.md.
        proposer_acceleration: of the detector that `compact` shares with the compact segmentation; None: acceleration.
        correct_focal: multiply the metres of Depth Anything V2 indoor by the camera's focal length over that of the one
            camera that it was trained with, both relative to the image's shorter side; first order, not verified.
        cube_edge_m: edge of the cubes in the scene [m], from which `compact` knows its metres; of no other model.
        gaussians: load the part of Depth Anything 3 giant and nested that predicts Gaussians from several views.
    """

    size_px: int = 0
    precision: str = "auto"
    acceleration: str = "none"
    correct_focal: bool = False
    gaussians: bool = False
    proposer_acceleration: str | None = None
    cube_edge_m: float = CUBE_EDGE_M

    def __post_init__(self) -> None:
        if self.size_px != 0 and not 28 <= self.size_px <= 4096:
            raise ConfigurationError(f"expected a processing size of 28 to 4096 px, or 0, got {self.size_px}")
        if self.precision not in PRECISIONS:
            raise ConfigurationError(f"expected precision one of {', '.join(PRECISIONS)}, got {self.precision!r}")
        require_acceleration(self.acceleration)
        if self.proposer_acceleration is not None:
            require_acceleration(self.proposer_acceleration)
        require_cube_edge(self.cube_edge_m)

    @property
    def network_precision(self) -> str:
        """The precision to resolve: an engine that is asked for by name runs in float32."""
        return "float32" if self.precision == "auto" and self.acceleration in ENGINES else self.precision


def require_acceleration(name: str) -> None:
    """Raise ConfigurationError unless `name` is one of ACCELERATIONS."""
    if name not in ACCELERATIONS:
        raise ConfigurationError(f"expected acceleration one of {', '.join(ACCELERATIONS)}, got {name!r}")


def require_cube_edge(edge_m: float) -> None:
    """Raise ConfigurationError unless an edge [m] is within CUBE_EDGES_M."""
    least, most = CUBE_EDGES_M
    if not least <= edge_m <= most:
        raise ConfigurationError(f"expected a cube's edge of {least:g} to {most:g} m, got {edge_m:g}")
