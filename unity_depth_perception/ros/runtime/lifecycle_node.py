"""A lifecycle node with a parameter table that can configure and activate itself, and its main loop."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Generic, NoReturn, TypeVar

import rclpy
from lifecycle_msgs.msg import Transition
from rcl_interfaces.msg import SetParametersResult
from rclpy.exceptions import InvalidHandle
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.logging import get_logger
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions

from unity_depth_perception.core.errors import ConfigurationError, PerceptionError
from unity_depth_perception.ros import dds_profile
from unity_depth_perception.ros.parameters import spec as parameters
from unity_depth_perception.ros.runtime.deferred_response import DeferredResponse, allow_deferred_responses
from unity_depth_perception.ros.runtime.log_forwarding import forward_log
from unity_depth_perception.ros.runtime.signals import ENDING, remember_signals

Config = TypeVar("Config")
_NAMESAKE_CHECK_S = 3.0
_SIGNAL_S = 0.1  # a wait of the executor is not interrupted: a signal is seen after it
RCLError = rclpy_implementation.RCLError  # rclpy.exceptions does not name it


class ConfiguredNode(LifecycleNode, Generic[Config]):  # type: ignore[misc]
    """Base of all nodes; subclasses override `set_up`, `start`, `stop` and `tear_down`."""

    def __init__(self, name: str, config_type: type[Config], **node_arguments: Any) -> None:
        """`node_arguments` go to rclpy's Node.

        Raises:
            ConfigurationError: a parameter is unknown, of the wrong type or out of range.
        """
        super().__init__(name, automatically_declare_parameters_from_overrides=True, **node_arguments)
        self.config: Config = parameters.declare(self, config_type)
        self.failure = ""  # why the last transition failed
        self.is_configuring = False
        self.is_active = False
        self._transition = threading.Lock()  # one at a time
        allow_deferred_responses(self._service_change_state)
        self._namesake_check = self.create_timer(_NAMESAKE_CHECK_S, self._warn_of_namesake)
        self.add_on_set_parameters_callback(self._change_parameters)
        if dds_profile.user_profile() and (text := dds_profile.shortage()):
            self.get_logger().warning(text)

    def set_up(self) -> None:
        """Called by configure: load models, create publishers; a PerceptionError fails the transition."""

    def start(self) -> None:
        """Called by activate: subscribe, start timers."""

    def stop(self) -> None:
        """Called by deactivate: unsubscribe, stop timers."""

    def tear_down(self) -> bool:
        """Called by cleanup and shutdown: undo `set_up`, even a partial one; False if a thread is still running."""
        return True

    def autostart(self) -> bool:
        """Configure and activate; True if both succeeded."""
        success = TransitionCallbackReturn.SUCCESS
        with self._transition:
            return bool(self.trigger_configure() == success and self.trigger_activate() == success)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Set up; an error is a FAILURE with a message, after which the node can be configured again."""
        self.is_configuring = True
        result = self._attempt("configure", self.set_up)
        if result != TransitionCallbackReturn.SUCCESS:
            self.tear_down()
        self.is_configuring = False
        return result

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Activate the publishers, then start."""
        super().on_activate(state)
        result = self._attempt("activate", self.start)
        self.is_active = result == TransitionCallbackReturn.SUCCESS
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop, then deactivate the publishers."""
        self.is_active = False
        result = self._attempt("deactivate", self.stop)
        super().on_deactivate(state)
        return result

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Tear down; the node can be configured again."""
        return self._attempt("clean up", self._tear_down_or_fail)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and tear down, from any state."""
        self.is_active = False
        self._attempt("stop", self.stop)
        return self._attempt("shut down", self.tear_down)

    def _warn_of_namesake(self) -> None:
        """Warn once where another node has this node's name: their topics, parameters and services mix."""
        own = (self.get_name(), self.get_namespace())
        if self.get_node_names_and_namespaces().count(own) > 1:
            self._namesake_check.cancel()
            self.get_logger().warning(
                f"another node is called {self.get_fully_qualified_name()} too, perhaps left from an earlier start: "
                "end it, or give one of them another name or namespace"
            )

    def _LifecycleNodeMixin__on_change_state(self, request: Any, response: Any) -> Any:  # noqa: N802
        """Answer a lifecycle request: success False where it does not fit the state, or another one is in progress.

        The name is that of rclpy's callback, whose RCLError ends the process (https://github.com/ros2/rclpy/issues/1209).
        Configuring takes seconds, or minutes with a download: it runs beside the executor, which goes on answering.
        """
        response.success = False
        if not self._transition.acquire(blocking=False):
            self.get_logger().warning("lifecycle request refused: another transition is in progress")
            return response
        asked = request.transition
        if asked.label != "configure" and (asked.label or asked.id != Transition.TRANSITION_CONFIGURE):
            return self._change_state(request, response)
        deferred = DeferredResponse()
        change = lambda: deferred.send(self._change_state(request, response))  # noqa: E731
        threading.Thread(target=change, name="configure", daemon=True).start()
        return deferred

    def _change_state(self, request: Any, response: Any) -> Any:
        try:
            return super()._LifecycleNodeMixin__on_change_state(request, response)
        except RCLError as error:
            reason = str(error).partition(", at ")[0]
            asked = request.transition.label or request.transition.id
            self.get_logger().warning(f"lifecycle request {asked!r} refused: {reason}")
            return response
        finally:
            self._transition.release()

    def _tear_down_or_fail(self) -> None:
        if not self.tear_down():
            raise PerceptionError("a computation goes on; clean up again when it has ended")

    def _attempt(self, what: str, action: Callable[[], Any]) -> TransitionCallbackReturn:
        try:
            action()
        except PerceptionError as error:
            self.failure = f"cannot {what}: {error}"
            self.get_logger().error(self.failure)
            return TransitionCallbackReturn.FAILURE
        except Exception as error:  # noqa: BLE001 - rclpy discards exceptions of a transition
            if not self.context.ok():
                return TransitionCallbackReturn.FAILURE  # Ctrl-C has taken away what the transition was using
            self.failure = f"cannot {what}: {type(error).__name__}: {error}"
            self.get_logger().error(f"{self.failure}\n{traceback.format_exc()}")
            return TransitionCallbackReturn.FAILURE
        self.failure = ""
        return TransitionCallbackReturn.SUCCESS

    def _change_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        try:
            self.config = parameters.with_changes(self.config, changes)
        except ConfigurationError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)


def run_node(create: Callable[[], ConfiguredNode[Any]], args: list[str] | None = None) -> NoReturn:
    """Spin a node until Ctrl-C or SIGTERM, then exit: the body of every executable's `main`.

    Exit codes: 0 after a signal, 2 for a bad parameter, 1 for any other error.
    """
    received = remember_signals()
    code, is_overtaken = 0, False  # by a shutdown of the context, which takes away what is being used
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
        forward_log()
        node = create()
        try:
            _spin(node, received)
        finally:
            for number in ENDING:
                signal.signal(number, signal.SIG_IGN)
            is_overtaken = not node.context.ok()
            if node.is_active and not is_overtaken:
                node.stop()
            rclpy.try_shutdown()  # after a signal, what still configures or computes ends quietly
            is_overtaken = is_overtaken or bool(received)
            if node.tear_down():
                node.destroy_node()
    except ConfigurationError as error:
        get_logger("unity_depth_perception").fatal(str(error))
        code = 2
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception:  # noqa: BLE001 - os._exit below would hide the reason
        if not is_overtaken:
            traceback.print_exc()
            code = 1
    rclpy.try_shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # Python would now free torch's modules one by one, which takes seconds on a busy machine, or crash beside a
    # computation that still runs in the worker thread. The node has left the ROS graph; nothing else is open.
    os._exit(code)


def _spin(node: ConfiguredNode[Any], signals: Sequence[int]) -> None:
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    if node.get_parameter("autostart").value:
        threading.Thread(target=node.autostart, name="autostart", daemon=True).start()
    try:
        while node.context.ok() and not signals:
            executor.spin_once(timeout_sec=_SIGNAL_S)
    except (RCLError, InvalidHandle):
        if node.context.ok():
            raise
        # else a callback was publishing while Ctrl-C destroyed the publishers
