"""Metric depth, segmentation and object distances for Unity simulations.

    import unity_depth_perception as udp

    perception = udp.load()
    result = perception("image.png", vertical_fov_deg=60)

rosidl installs the generated messages under the same package name: `extend_path` joins the source tree with the
generated ``msg`` package. Attributes are imported on first use, so that importing a message does not import torch.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unity_depth_perception.core.camera import Camera as Camera
    from unity_depth_perception.perception import ImagePerception as ImagePerception
    from unity_depth_perception.perception import Perception as Perception
    from unity_depth_perception.perception import load as load

__path__ = __import__("pkgutil").extend_path(__path__, __name__)
__version__ = "0.2.0"

_MODULE_OF = {
    "Camera": "core.camera",
    "ImagePerception": "perception",
    "Perception": "perception",
    "load": "perception",
}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = __import__(f"{__name__}.{_MODULE_OF[name]}", fromlist=[name])
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF])
