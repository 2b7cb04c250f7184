"""Processing of one frame in the worker thread: conversion, pipeline, publication, time of each stage."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ModelError, PerceptionError
from unity_depth_perception.pipeline import Limits, PerceptionPipeline, PerceptionResult
from unity_depth_perception.ros.inputs.frame_input import FrameInput
from unity_depth_perception.ros.topics.diagnostics import FrameCounts
from unity_depth_perception.ros.topics.outputs import ResultPublishers


class ReceivedMessages(NamedTuple):
    """The message or messages of one frame, and when the last one arrived [s, `time.perf_counter`]."""

    messages: Any
    arrived_s: float


class FrameProcessor:
    """Converts, processes and publishes the received messages of a frame."""

    def __init__(
        self,
        read: Callable[[Any], FrameInput],
        pipeline: PerceptionPipeline,
        publishers: ResultPublishers,
        counts: FrameCounts,
        limits: Callable[[], Limits],
        refuse_pose: Callable[[PerceptionError], None],
        is_watched: Callable[[], bool],
        take: Callable[[PerceptionResult], None],
    ) -> None:
        """Connects the parts of a node.

        Args:
            read: converts messages to input of the pipeline.
            pipeline: processes a frame.
            publishers: publish the result.
            counts: collects outcomes and durations for diagnostics.
            limits: called for each frame, because its parameters may change at run time.
            refuse_pose: called with the reason when a pose contradicts its image; the frame is processed without it.
            is_watched: whether anybody uses results; frames are skipped while nobody does.
            take: called with each result after its publication.
        """
        self._read = read
        self._pipeline = pipeline
        self._publishers = publishers
        self._counts = counts
        self._limits = limits
        self._refuse_pose = refuse_pose
        self._is_watched = is_watched
        self._take = take

    def __call__(self, received: ReceivedMessages) -> None:
        """Process and publish one frame, or skip it if nobody uses results.

        Raises:
            PerceptionError: a message or its camera cannot be used, or the GPU's memory is too small for the frame.
        """
        if not self._is_watched():
            self._counts.count("unwatched")
            return
        start_s = time.perf_counter()
        given = self._read(received.messages)
        converted_s = time.perf_counter()
        try:
            result = self._pipeline.process(
                given.frame, depth=given.depth, segmentation=given.segmentation, limits=self._limits()
            )
            computed_s = time.perf_counter()
            if result.pose_error is not None:
                self._refuse_pose(result.pose_error)
            self._publishers.publish(result, given.placement)
        except torch.cuda.OutOfMemoryError as error:
            raise _out_of_memory(given.frame.camera, str(error)) from None
        end_s = time.perf_counter()
        self._counts.count("processed")
        self._counts.record_durations(
            {"wait": start_s - received.arrived_s, "convert": converted_s - start_s}
            | result.stage_s
            | {"publish": end_s - computed_s, "latency": end_s - received.arrived_s}
        )
        self._counts.record_published(given.frame.stamp_ns)
        self._take(result)


def _out_of_memory(camera: Camera, reason: str) -> ModelError:
    torch.cuda.empty_cache()  # so that a smaller frame finds room; without a GPU it does nothing
    return ModelError(
        f"the GPU ran out of memory on a frame of {camera.width} x {camera.height} px, which is skipped: take smaller "
        f"images or a smaller model. {reason}"
    )
