"""ONNX operators that Unity's Inference Engine (Sentis) imports.

Source: documentation of com.unity.ai.inference 2.3.0, "Supported ONNX operators"
(docs.unity3d.com/Packages/com.unity.ai.inference@2.3/manual/supported-operators.html). Opsets: 7 to 15 officially up to
2.5 ("Supported models"; newer ones may import), up to 25 since 2.6 ("What's new").
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

_LISTED = """
Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization Bernoulli Cast CastLike
Ceil Celu Clip Compress Concat Constant ConstantOfShape Conv ConvTranspose Cos Cosh CumSum DepthToSpace Div Dropout
Einsum Elu Equal Erf Exp Expand Flatten Floor Gather GatherElements GatherND Gemm GlobalAveragePool GlobalMaxPool
Greater GreaterOrEqual GridSample Hardmax HardSigmoid HardSwish Identity InstanceNormalization IsInf IsNaN
LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LRN LSTM MatMul Max MaxPool Mean Min Mod Mish Mul
Multinomial Neg NonMaxSuppression NonZero Not OneHot Or Pad Pow PRelu RandomNormal RandomNormalLike RandomUniform
RandomUniformLike Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin
ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize RoiAlign Round Scatter ScatterElements ScatterND Selu Shape
Shrink Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tan Tanh
ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Upsample Where Xor
"""
SUPPORTED = frozenset(_LISTED.split())
"""Operators that it imports."""
NOT_ON_GPU = frozenset({"Compress", "LRN", "Multinomial", "NonZero"})
"""Supported operators that its back end GPUCompute leaves to the CPU."""


def operators_in(model: Path) -> tuple[set[str], int]:
    """Names of the operators in an ONNX file, those of its functions and branches too, and its opset.

    Operators outside the standard domain are named with their domain.
    """
    import onnx

    content = onnx.load(str(model), load_external_data=False)
    opset = max(entry.version for entry in content.opset_import if entry.domain in ("", "ai.onnx"))
    functions = {(function.domain, function.name) for function in content.functions}
    nodes = [*content.graph.node, *(node for function in content.functions for node in function.node)]
    found = {
        f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
        for node in _with_branches(nodes)
        if (node.domain, node.op_type) not in functions
    }
    return found, opset


def _with_branches(nodes: Any) -> Iterator[Any]:
    for node in nodes:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _with_branches(attribute.g.node)
