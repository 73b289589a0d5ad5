"""The one table of what is known of torch's operations: neighbour scores, DeepLIFT, linear regions and bounds read it.

Operations go by the name that :func:`~seqrobust.graph.nodes.operation` gives, torch's own for what it dispatches. What
each reader makes of a kind stands with the reader; what is true of the operation itself stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType
from typing import Any

from torch import fx

from seqrobust.graph.nodes import operation


class Kind(Enum):
    """What an operation does, in evaluation."""

    IDENTITY = "gives what it is given"
    MOVING = "puts numbers elsewhere, each unchanged"
    LINEAR = "is affine in whichever tensor varies, where one does or where the varying ones are only added"
    PRODUCT = "is linear in each of two tensors, and mixes numbers"
    ELEMENTWISE = "makes each number of one number of each argument"
    MAXIMUM = "picks the largest or the smallest of several numbers"
    SORTING = "picks numbers by their rank"
    MIXING = "makes each number of several, smoothly"
    PLACE = "tells where a number stands"
    CONSTANT = "reads shapes, and no values"
    RECURRENT = "is a recurrent layer or cell"
    UNKNOWN = "is not in the table"


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One row of the table.

    Attributes:
        kind: what it does.
        growing: of one number: defined everywhere and nowhere falling, whatever its settings: the maximum of its values
            is its value at the maximum.
        bends: of one number, for what is linear piece by piece: where pieces meet, as numbers or names of arguments,
            with a minus for the negative. None for what is not linear anywhere, or not known to be.
        steps: whether it jumps.
        smallest: of a maximum: whether it is the smallest number that is picked.
    """

    kind: Kind
    growing: bool = False
    bends: tuple[float | str, ...] | None = None
    steps: bool = False
    smallest: bool = False

    def levels(self, arguments: Mapping[str, Any]) -> list[float]:
        """Where pieces meet, for a call's arguments. Raises TypeError where that depends on a tensor."""
        found: list[float] = []
        for bend in self.bends or ():
            negative = isinstance(bend, str) and bend.startswith("-")
            value = arguments[bend.lstrip("-")] if isinstance(bend, str) else bend
            if value is not None and not isinstance(value, (int, float)):
                raise TypeError("a bend that is no number")
            if value is not None:
                found.append(-float(value) if negative else float(value))
        return found


_KINDS = {
    Kind.IDENTITY: "alias clone contiguous detach dropout feature_dropout lift_fresh lift_fresh_copy positive",
    Kind.MOVING: (
        "transpose permute view _unsafe_view reshape unsqueeze squeeze select slice expand expand_as view_as "
        "reshape_as flatten unflatten ravel t numpy_T movedim moveaxis swapaxes swapdims flip fliplr flipud roll rot90 "
        "narrow chunk split split_with_sizes tensor_split unbind unfold as_strided cat concat concatenate stack hstack "
        "vstack dstack column_stack getitem repeat tile repeat_interleave broadcast_to meshgrid index index_select "
        "gather take take_along_dim pad constant_pad_nd reflection_pad1d reflection_pad2d replication_pad1d "
        "replication_pad2d diagonal diag diag_embed tril triu pixel_shuffle pixel_unshuffle channel_shuffle im2col "
        "written copied slice_scatter select_scatter diagonal_scatter index_put index_copy scatter masked_select "
        "atleast_1d atleast_2d atleast_3d _conj real view_as_real view_as_complex"
    ),
    Kind.LINEAR: (
        "add sub subtract rsub neg sum mean nansum nanmean cumsum diff to type_as trace "
        "conv1d conv2d conv3d convolution conv_transpose1d conv_transpose2d conv_transpose3d linear batch_norm "
        "avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d "
        "scatter_add index_add upsample_linear1d upsample_nearest1d upsample_bilinear2d upsample_nearest2d "
        "upsample_bicubic2d _upsample_nearest_exact1d col2im fft_fft fft_ifft fft_rfft fft_irfft "
        "trapezoid trapz imag complex"
    ),
    Kind.PRODUCT: (
        "matmul mm bmm mv dot inner outer ger einsum baddbmm addmm addbmm addmv addr tensordot kron bilinear "
        "chain_matmul "
        "linalg_multi_dot vdot linalg_vecdot"
    ),
    Kind.ELEMENTWISE: (
        "mul multiply div divide true_divide pow float_power atan2 arctan2 hypot lerp addcmul addcdiv where "
        "masked_fill "
        "exp exp2 expm1 sigmoid tanh erf log1p log log2 log10 sqrt atan celu cos elu erfc gelu hardswish "
        "log_sigmoid logit mish reciprocal rsqrt selu silu sin softplus "
        "square tan erfinv acos asin asinh atanh sinh cosh sinc lgamma digamma xlogy logaddexp "
        "logaddexp2 nan_to_num special_xlog1py special_ndtr special_ndtri special_entr special_log_ndtr special_erfcx "
        "ldexp acosh arccos arcsin arctan arcsinh arccosh arctanh rad2deg deg2rad polygamma i0 copysign"
    ),
    Kind.MIXING: (
        "softmax _softmax log_softmax _log_softmax logsumexp logcumsumexp layer_norm native_layer_norm "
        "group_norm native_group_norm instance_norm rms_norm norm linalg_vector_norm linalg_norm "
        "linalg_matrix_norm var std var_mean std_mean prod cumprod glu scaled_dot_product_attention cosine_similarity "
        "pairwise_distance cdist dist nuclear_norm "
        "frobenius_norm linalg_inv linalg_solve linalg_det matrix_exp linalg_matrix_exp"
    ),
    Kind.SORTING: "aminmax sort msort topk kthvalue median nanmedian quantile nanquantile mode",
    Kind.PLACE: "argmax argmin argsort searchsorted bucketize one_hot nonzero count_nonzero",
    Kind.CONSTANT: (
        "zeros_like ones_like full_like empty_like new_zeros new_ones new_full new_empty new_empty_strided "
        "rand_like randn_like randint_like filled"
    ),
    Kind.RECURRENT: "gru lstm rnn_tanh rnn_relu gru_cell lstm_cell rnn_tanh_cell rnn_relu_cell",
}

_MAXIMA = (
    "max amax cummax max_pool1d max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices "
    "max_pool3d_with_indices adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d maximum fmax"
)
_MINIMA = "min amin cummin minimum fmin"
_GROWING = "relu relu6 sigmoid tanh hardtanh selu exp exp2 expm1 erf atan asinh sinh log_sigmoid hardsigmoid"
_STEPS = (
    "sign sgn heaviside round floor ceil trunc fix frac fmod remainder floor_divide eq ne lt le gt ge greater less "
    "greater_equal less_equal not_equal signbit logical_and logical_or logical_not logical_xor bitwise_and bitwise_or "
    "bitwise_not bitwise_xor __and__ __or__ __xor__ __rshift__ __lshift__ isclose isfinite isnan isinf isposinf "
    "isneginf"
)
_MIXED_STEPS = "any all"
_BENDS: dict[str, tuple[float | str, ...]] = {
    "relu": (0.0,),
    "leaky_relu": (0.0,),
    "prelu": (0.0,),
    "rrelu": (0.0,),
    "abs": (0.0,),
    "absolute": (0.0,),
    "relu6": (0.0, 6.0),
    "hardsigmoid": (-3.0, 3.0),
    "hardtanh": ("min_val", "max_val"),
    "clamp": ("min", "max"),
    "clip": ("min", "max"),
    "clamp_min": ("min",),
    "clamp_max": ("max",),
    "softshrink": ("-lambd", "lambd"),
    "threshold": ("threshold",),
    "hardshrink": ("-lambd", "lambd"),
}
_JUMP_AT_BENDS = frozenset(["threshold", "hardshrink"])


def _rows() -> dict[str, Operator]:
    rows = {name: Operator(kind=kind) for kind, names in _KINDS.items() for name in names.split()}
    elementwise = Operator(kind=Kind.ELEMENTWISE)
    rows |= {name: replace(elementwise, steps=True) for name in _STEPS.split()}
    rows |= {name: Operator(kind=Kind.MIXING, steps=True) for name in _MIXED_STEPS.split()}
    rows |= {name: replace(elementwise, bends=at, steps=name in _JUMP_AT_BENDS) for name, at in _BENDS.items()}
    rows |= {name: Operator(kind=Kind.MAXIMUM) for name in _MAXIMA.split()}
    rows |= {name: Operator(kind=Kind.MAXIMUM, smallest=True) for name in _MINIMA.split()}
    return {name: replace(row, growing=name in _GROWING.split()) for name, row in rows.items()}


OPERATORS: Mapping[str, Operator] = MappingProxyType(_rows())
"""By name."""

_UNKNOWN = Operator(kind=Kind.UNKNOWN)


def operator_of(node: fx.Node) -> Operator:
    """The row of what a node calls; one of kind UNKNOWN for what is not in the table."""
    return OPERATORS.get(operation(node), _UNKNOWN)
