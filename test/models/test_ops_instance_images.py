"""Renumbering of instance images, and the rows of their objects."""

from __future__ import annotations

import pytest
import torch

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.ops.instance_images import object_rows, relabel_sequential


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
def test_instance_values_are_renumbered_without_gaps_in_their_order(dtype: torch.dtype) -> None:
    found, values = relabel_sequential(torch.tensor([[0, 7, 7], [200, 3, 0]], dtype=dtype))
    assert found.tolist() == [[0, 2, 2], [3, 1, 0]]
    assert (values, found.dtype) == ((3, 7, 200), torch.int32)


def test_largest_value_and_empty_image_are_renumbered() -> None:
    assert relabel_sequential(torch.tensor([[65535]]))[1] == (65535,)
    assert relabel_sequential(torch.zeros(2, 3, dtype=torch.int32))[1] == ()


@pytest.mark.parametrize(
    "bad", [torch.tensor([[65536]]), torch.tensor([[-1]]), torch.ones(2, 2), torch.ones(4, dtype=torch.int32)]
)
def test_tensor_that_is_no_instance_image_is_refused(bad: torch.Tensor) -> None:
    with pytest.raises(InputError, match="expected"):
        relabel_sequential(bad)


def test_object_rows_hold_all_objects_and_a_margin_inside_the_image() -> None:
    instances = torch.zeros(20, 30, dtype=torch.int32)
    assert object_rows(instances, 2) == slice(0, 1)
    instances[5, 7] = 1
    instances[9, 28] = 3
    assert object_rows(instances, 0) == slice(5, 10)
    assert object_rows(instances, 2) == slice(3, 12)
    assert object_rows(instances, 40) == slice(0, 20)
    instances[17, 0] = -1  # none, but somebody has to see it to refuse it
    assert object_rows(instances, 1) == slice(4, 19)
    assert object_rows(torch.zeros(0, 4, dtype=torch.uint8), 1) == slice(0, 0)
    assert object_rows(torch.zeros(4, 0, dtype=torch.uint8), 1) == slice(0, 1)
