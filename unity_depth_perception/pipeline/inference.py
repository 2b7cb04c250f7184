"""The models on one image: object proposals, segmentation, depth."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.models.engine.accelerated_network import is_exporting
from unity_depth_perception.models.object_proposals import Gravity, ObjectProposals
from unity_depth_perception.models.protocols import DepthEstimator, DepthPrediction, Segmentation, Segmenter
from unity_depth_perception.models.runtime.threads import beside
from unity_depth_perception.pipeline.stage_clock import StageClock


def infer_both(
    segmenter: Segmenter,
    estimator: DepthEstimator,
    image: Tensor,
    camera: Camera,
    gravity: Gravity | None,
    clock: StageClock,
) -> tuple[Segmentation, DepthPrediction]:
    """Segmentation and depth of an image; what both read from one proposer is made once.

    On a CPU depth is computed beside the others: one network alone does not keep two cores busy. Networks that are
    being exported run one after another, so that their times can be compared.
    """
    proposer, of_depth = segmenter.proposer, estimator.proposer
    promised: Future[ObjectProposals] = Future()
    proposals = None
    if of_depth is not None:
        proposals = promised.result if of_depth is proposer else partial(of_depth.propose, image, camera, gravity)
    depth: Callable[[], DepthPrediction] = partial(estimator.infer, image, camera, gravity, proposals)
    with contextlib.nullcontext(depth) if is_exporting() else beside(depth, image.device) as depth_of_image:
        if proposer is not None:
            _keep(promised, partial(proposer.propose, image, camera, gravity))
        clock.lap("proposals")
        segmentation = segmenter.infer(image, camera, gravity, None if proposer is None else promised.result)
        clock.lap("segmentation")
        return segmentation, depth_of_image()


def infer_depth(
    estimator: DepthEstimator, image: Tensor, camera: Camera, gravity: Gravity | None, given: Segmentation
) -> DepthPrediction:
    """Depth of an image whose segmentation is given: its objects, if there are any, are not searched for."""
    proposer = estimator.proposer
    if proposer is None or not given.categories:
        return estimator.infer(image, camera, gravity)
    return estimator.infer(
        image, camera, gravity, lambda: proposer.propose_given(image, camera, given.instances, gravity)
    )


def _keep(promised: Future[ObjectProposals], propose: Callable[[], ObjectProposals]) -> None:
    """Make the proposals for all whom they are promised; what is raised instead is raised there too."""
    try:
        promised.set_result(propose())
    except BaseException as error:
        promised.set_exception(error)
        raise
