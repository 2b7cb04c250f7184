"""A lifecycle node with a parameter table that configures and activates itself, and how to run one as a process."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any, Generic, TypeVar

import rclpy
from rcl_interfaces.msg import SetParametersResult
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.logging import get_logger
from rclpy.parameter import Parameter

from unity_depth_perception.core.errors import ConfigurationError, PerceptionError
from unity_depth_perception.ros import parameters

Config = TypeVar("Config")


class ConfiguredNode(LifecycleNode, Generic[Config]):  # type: ignore[misc]
    """Base of the nodes: subclasses say what to set up, start, stop and tear down."""

    def __init__(self, name: str, config_type: type[Config], **node_arguments: Any) -> None:
        """`node_arguments` go to rclpy's Node.

        Raises:
            ConfigurationError: a parameter is unknown, of the wrong type or out of range.
        """
        super().__init__(name, automatically_declare_parameters_from_overrides=True, **node_arguments)
        self.config: Config = parameters.declare(self, config_type)
        self.failure = ""  # why the last transition failed
        self.add_on_set_parameters_callback(self._change_parameters)

    def set_up(self) -> None:
        """Load and connect everything; raise PerceptionError if it cannot be."""

    def start(self) -> None:
        """Begin to work."""

    def stop(self) -> None:
        """Cease to work."""

    def tear_down(self) -> bool:
        """Undo `set_up`, also a half-done one; False if a thread goes on and cannot be waited for."""
        return True

    def autostart(self) -> bool:
        """Configure and activate; whether both succeeded."""
        success = TransitionCallbackReturn.SUCCESS
        return bool(self.trigger_configure() == success and self.trigger_activate() == success)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Set up; a user's mistake is a FAILURE with a message, and the node can be configured again."""
        result = self._attempt("configure", self.set_up)
        if result != TransitionCallbackReturn.SUCCESS:
            self.tear_down()
        return result

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start, publishers first."""
        super().on_activate(state)
        return self._attempt("activate", self.start)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop, publishers last."""
        result = self._attempt("deactivate", self.stop)
        super().on_deactivate(state)
        return result

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Tear down; the node can be configured again."""
        return self._attempt("clean up", self.tear_down)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop whatever runs and tear down."""
        self._attempt("stop", self.stop)
        return self._attempt("shut down", self.tear_down)

    def _attempt(self, what: str, action: Callable[[], Any]) -> TransitionCallbackReturn:
        try:
            action()
        except PerceptionError as error:
            self.failure = f"cannot {what}: {error}"
            self.get_logger().error(self.failure)
            return TransitionCallbackReturn.FAILURE
        except Exception as error:  # noqa: BLE001 - rclpy drops what a transition raises, and nobody would know why
            self.failure = f"cannot {what}: {type(error).__name__}: {error}"
            self.get_logger().error(f"{self.failure}\n{traceback.format_exc()}")
            return TransitionCallbackReturn.FAILURE
        self.failure = ""
        return TransitionCallbackReturn.SUCCESS

    def _change_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        try:
            self.config = parameters.changed(self.config, changes)
        except ConfigurationError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)


def run_node(create: Callable[[], ConfiguredNode[Any]], args: list[str] | None = None) -> int:
    """Run a node until Ctrl-C or SIGTERM; the process's exit code. The body of every executable's `main`."""
    # rclpy's own handler calls this one too; it ends a model that is being loaded, which rclpy's cannot.
    signal.signal(signal.SIGTERM, _interrupt)
    clean = True
    try:
        rclpy.init(args=args)
        node = create()
    except ConfigurationError as error:
        get_logger("unity_depth_perception").fatal(str(error))
        rclpy.try_shutdown()
        return 2
    except KeyboardInterrupt:
        return 0
    try:
        _spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        clean = node.tear_down()
        rclpy.try_shutdown()
    if not clean:
        # A computation that cannot be interrupted still runs, and the interpreter would crash or wait for it.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    return 0


def _spin(node: ConfiguredNode[Any]) -> None:
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    if node.get_parameter("autostart").value:
        node.autostart()
    executor.spin()


def _interrupt(number: int, frame: FrameType | None) -> None:
    if threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt
