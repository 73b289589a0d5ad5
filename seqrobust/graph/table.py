"""The one table of what is known of torch's operations: neighbour scores, DeepLIFT, linear regions and bounds read it.

Operations go by the name that :func:`~seqrobust.graph.nodes.operation` gives, torch's own for what it dispatches. What
each reader makes of a kind stands with the reader; what is true of the operation itself stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from torch import fx

from seqrobust.graph.curves import CURVES, Curve
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
    LOOKUP = "reads the rows of a table by number"
    RECURRENT = "is a recurrent layer or cell"
    UNKNOWN = "is not in the table"


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One row of the table.

    Attributes:
        kind: what it does.
        curve: what is known of it as a function of one number.
        steps: whether it jumps.
        smallest: of a maximum: whether it is the smallest number that is picked.
        followed: whether proofs follow it: of one tensor that varies, at any settings that its reader does not refuse,
            it is affine, with absolute weights where its constants are absolute; or the maximum of some numbers. Held
            against brute force; what is not marked is refused.
        whole: whether it makes whole numbers of whole numbers.
    """

    kind: Kind
    curve: Curve = field(default_factory=Curve)
    steps: bool = False
    smallest: bool = False
    followed: bool = False
    whole: bool = False


_KINDS = {
    # ELEMENTWISE are all of CURVES, too, that are not named elsewhere here.
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
        "add sub subtract rsub neg sum mean nansum nanmean cumsum diff to _to_copy type_as trace "
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
        "masked_fill log1p log log2 log10 sqrt cos erfc logit reciprocal rsqrt sin square tan erfinv acos "
        "asin atanh cosh sinc lgamma digamma xlogy logaddexp logaddexp2 nan_to_num special_xlog1py "
        "special_ndtr special_ndtri special_entr special_log_ndtr special_erfcx ldexp acosh arccos arcsin "
        "arctan arcsinh arccosh arctanh rad2deg deg2rad polygamma i0 copysign"
    ),
    Kind.MIXING: (
        "softmax _softmax log_softmax _log_softmax logsumexp logcumsumexp layer_norm native_layer_norm "
        "group_norm native_group_norm instance_norm rms_norm norm linalg_vector_norm linalg_norm "
        "linalg_matrix_norm var std var_mean std_mean prod cumprod glu scaled_dot_product_attention cosine_similarity "
        "pairwise_distance cdist dist nuclear_norm "
        "frobenius_norm linalg_inv linalg_solve linalg_det matrix_exp linalg_matrix_exp any all"
    ),
    Kind.SORTING: "aminmax sort msort topk kthvalue median nanmedian quantile nanquantile mode",
    Kind.PLACE: "argmax argmin argsort searchsorted bucketize one_hot nonzero count_nonzero",
    Kind.CONSTANT: (
        "zeros_like ones_like full_like empty_like new_zeros new_ones new_full new_empty new_empty_strided "
        "rand_like randn_like randint_like filled"
    ),
    Kind.LOOKUP: "embedding",
    Kind.RECURRENT: "gru lstm rnn_tanh rnn_relu gru_cell lstm_cell rnn_tanh_cell rnn_relu_cell",
}

_MAXIMA = (
    "max amax cummax max_pool1d max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices "
    "max_pool3d_with_indices adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d maximum fmax"
)
_MINIMA = "min amin cummin minimum fmin"
_JUMPING = frozenset(["any", "all", "embedding"])
"""Of more than one number, and jumping all the same."""
_FOLLOWED = frozenset([
    # of MOVING
    "view", "reshape", "_unsafe_view", "flatten", "unflatten", "transpose", "permute", "t", "numpy_T", "movedim",
    "unsqueeze", "squeeze", "expand", "slice", "select", "narrow", "flip", "unbind", "split", "chunk", "getitem",
    "swapaxes", "cat", "concat", "stack", "pad", "constant_pad_nd",
    # of LINEAR, PRODUCT and ELEMENTWISE
    "add", "sub", "rsub", "neg", "mean", "sum", "avg_pool1d", "adaptive_avg_pool1d", "conv1d", "linear", "batch_norm",
    "addmm", "mm", "matmul", "bmm", "einsum", "mul", "div",
    # of MAXIMUM
    "max_pool1d", "amax", "max", "adaptive_max_pool1d",
])  # fmt: skip
_WHOLE = frozenset([
    "conv1d", "linear", "mul", "add", "sub", "rsub", "sum", "matmul", "mm", "addmm", "einsum", "neg", "relu", "round",
    "floor", "ceil", "to", "_to_copy", "clamp", "clamp_min", "clamp_max", "gt", "ge", "lt", "le", "eq", "ne", "where",
    "maximum", "minimum", "abs", "sign",
])  # fmt: skip
"""Beside what moves numbers and what picks the largest."""


def _kinds() -> dict[str, Kind]:
    kinds = dict.fromkeys(CURVES, Kind.ELEMENTWISE)
    kinds |= {name: kind for kind, names in _KINDS.items() for name in names.split()}
    return kinds | dict.fromkeys((_MAXIMA + " " + _MINIMA).split(), Kind.MAXIMUM)


def _row(name: str, kind: Kind) -> Operator:
    curve = CURVES.get(name, Curve())
    followed = name in _FOLLOWED
    return Operator(
        kind=kind,
        curve=curve,
        steps=curve.steps or name in _JUMPING,
        smallest=name in _MINIMA.split(),
        followed=followed,
        whole=name in _WHOLE or (followed and kind in (Kind.MOVING, Kind.MAXIMUM)),
    )


OPERATORS: Mapping[str, Operator] = MappingProxyType({name: _row(name, kind) for name, kind in _kinds().items()})
"""By name."""

_UNKNOWN = Operator(kind=Kind.UNKNOWN)


def operator_of(node: fx.Node) -> Operator:
    """The row of what a node calls; one of kind UNKNOWN for what is not in the table."""
    return OPERATORS.get(operation(node), _UNKNOWN)
