"""Mask R-CNN with torchvision's backbones: random weights, saved and loaded by path."""

from pathlib import Path

import pytest
import torch
from torchvision.models.detection.image_list import ImageList

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.models.checkpoints.safetensors_file import save_weights
from unity_depth_perception.models.compact.detector import compact_mask_rcnn
from unity_depth_perception.models.mask_rcnn.detection import detect
from unity_depth_perception.models.mask_rcnn.segmenter import MaskRcnnSegmenter, torchvision_mask_rcnn
from unity_depth_perception.models.registry import create_segmenter

CPU = torch.device("cpu")
CAMERA = Camera.from_vertical_fov(1.0, 160, 120)  # which these networks ignore
DESCRIPTION = {
    "kind": "mask-rcnn",
    "network": "mobilenet_v3_large",
    "categories": ["cup", "plate"],
    "input_size": 96,
}


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    network = torchvision_mask_rcnn("mobilenet_v3_large", 2)
    network.roi_heads.box_predictor.cls_score.bias.data = torch.tensor([-5.0, 0.0, 5.0])  # plates everywhere
    return network.state_dict()


def test_a_checkpoint_is_loaded_by_its_path(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    path = tmp_path / "plates.safetensors"
    save_weights(path, state, DESCRIPTION)
    segmenter = create_segmenter(str(path), CPU)
    assert segmenter.name == str(path)
    assert segmenter.categories == ("cup", "plate")
    with torch.inference_mode():
        found = segmenter.infer(torch.randint(0, 256, (120, 160, 3), dtype=torch.uint8), CAMERA)
    assert found.instances.shape == (120, 160)
    assert set(found.categories) <= {"plate"}
    assert int(found.instances.max()) <= len(found.categories)
    assert found.candidates is not None
    scores = found.candidates.scores
    assert len(scores) >= len(found.categories) > 0
    assert found.candidates.categories == ("cup", "plate")
    assert (scores.sum(dim=1).diff() < 1e-6).all()  # in descending order
    assert found.scores[0] == pytest.approx(scores[0].sum().item(), abs=1e-6)


def test_network_input_has_the_size_of_training(state: dict[str, torch.Tensor]) -> None:
    network = torchvision_mask_rcnn("mobilenet_v3_large", 2)
    network.load_state_dict(state)
    seen: list[tuple[int, ...]] = []
    network.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape[2:])))
    segmenter = MaskRcnnSegmenter("plates", network, ("cup", "plate"), 96 * 96)
    with torch.inference_mode():
        segmenter.infer(torch.zeros(256, 256, 3, dtype=torch.uint8), CAMERA)
        segmenter.infer(torch.zeros(64, 64, 3, dtype=torch.uint8), CAMERA)  # smaller: not enlarged
    assert seen == [(96, 96), (64, 64)]


@pytest.mark.parametrize(("height", "width"), [(96, 128), (90, 101)])  # the sides of the second are padded
def test_proposals_are_those_of_torchvision(height: int, width: int) -> None:
    torch.manual_seed(0)
    network = compact_mask_rcnn(2).eval()
    image = torch.rand(3, height, width)
    seen: list[list[torch.Tensor]] = []
    pool = network.roi_heads.box_roi_pool
    pool.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]))
    with torch.inference_mode():
        images = ImageList(network.transform.batch_images([network.transform.normalize(image)]), [(height, width)])
        expected, _ = network.rpn(images, network.backbone(images.tensors))
        detect(network, image, 0.05)
    assert len(expected[0]) > 5
    torch.testing.assert_close(seen[0][0], expected[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "vgg"}, "mobilenet_v3_large or resnet50_fpn_v2, got 'vgg'"),
        ({"categories": []}, "list of category names"),
        ({"categories": ["cup"]}, r"cls_score\.weight of shape \(2, 1024\), got \(3, 1024\)"),
        ({"input_size": 5}, "input_size"),
        ({"kind": "something"}, "kind"),
    ],
)
def test_description_that_does_not_fit_is_refused(
    tmp_path: Path, state: dict[str, torch.Tensor], change: dict[str, object], message: str
) -> None:
    path = tmp_path / "spoilt.safetensors"
    save_weights(path, state, {**DESCRIPTION, **change})
    with pytest.raises(ModelError, match=message) as error:
        create_segmenter(str(path), CPU)
    assert str(path) in str(error.value)
