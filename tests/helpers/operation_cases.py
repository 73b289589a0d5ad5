"""A call of every operation of the table, on columns (n, 8, 24) with numbers in (-1, 1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Call = Callable[[Any], Tensor]


def drawn(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


W, K3 = drawn(8, 8), drawn(8, 8, 3, seed=2)


def written(x: Tensor) -> Tensor:
    """Into parts of a tensor, and through a part that was taken before."""
    y = x * 1
    first = y[:, 1]
    y[:, :, 3:7] = x[:, :, :4] ** 2
    first.mul_(3)
    return y


def of_each(call: Call) -> Call:
    """Record by record."""
    return lambda x: torch.stack([call(row) for row in x])


CALLS: dict[str, Call] = {
    # identity
    "alias": lambda x: torch.ops.aten.alias(x),
    "clone": lambda x: x.clone() * 2,
    "contiguous": lambda x: x.transpose(1, 2).contiguous(),
    "detach": lambda x: x.detach(),
    "dropout": lambda x: F.dropout(x, training=False),
    "feature_dropout": lambda x: F.dropout1d(x, training=False),
    "lift_fresh": lambda x: x + torch.tensor(1.0),
    "lift_fresh_copy": lambda x: torch.ops.aten.lift_fresh_copy(x),
    "positive": lambda x: +x,
    # moving
    "transpose": lambda x: x.transpose(1, 2),
    "permute": lambda x: x.permute(0, 2, 1),
    "view": lambda x: x.view(len(x), -1),
    "_unsafe_view": lambda x: torch.ops.aten._unsafe_view(x, [len(x), -1]),
    "reshape": lambda x: x.reshape(len(x), 4, -1),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "squeeze": lambda x: x[:, :, :1].squeeze(2),
    "select": lambda x: x[:, :, 3],
    "slice": lambda x: x[:, :, 2:9],
    "expand": lambda x: x[:, :, :1].expand(-1, -1, 5),
    "expand_as": lambda x: x[:, :, :1].expand_as(x),
    "view_as": lambda x: x.view_as(torch.zeros(len(x), 2, 4, 24)),
    "reshape_as": lambda x: x.reshape_as(torch.zeros(len(x), 2, 4, 24)),
    "flatten": lambda x: x.flatten(1),
    "unflatten": lambda x: x.unflatten(1, (2, 4)),
    "ravel": lambda x: x.ravel().view(len(x), -1),
    "t": lambda x: x[:, :, 0].t().t(),
    "numpy_T": lambda x: x[:, :, 0].T.T,
    "movedim": lambda x: x.movedim(1, 2),
    "moveaxis": lambda x: x.moveaxis(1, 2),
    "swapaxes": lambda x: x.swapaxes(1, 2),
    "swapdims": lambda x: x.swapdims(1, 2),
    "flip": lambda x: x.flip(2),
    "fliplr": lambda x: x.fliplr(),
    "flipud": lambda x: x.transpose(0, 1).flipud().transpose(0, 1),
    "roll": lambda x: x.roll(3, 2),
    "rot90": lambda x: x.rot90(1, (1, 2)),
    "narrow": lambda x: x.narrow(2, 1, 5),
    "chunk": lambda x: torch.cat(x.chunk(2, 1)[::-1], 1),
    "split": lambda x: x.split(3, 1)[1],
    "split_with_sizes": lambda x: x.split([3, 5], 1)[1],
    "tensor_split": lambda x: x.tensor_split(3, 1)[0],
    "unbind": lambda x: x.unbind(2)[2],
    "unfold": lambda x: x.unfold(2, 3, 2),
    "as_strided": lambda x: torch.as_strided(x.contiguous(), (len(x), 8), (192, 24)),
    "cat": lambda x: torch.cat([x, x.flip(2)], 1),
    "concat": lambda x: torch.concat([x, x], 1),
    "concatenate": lambda x: torch.concatenate([x, x], 1),
    "stack": lambda x: torch.stack([x, x * x], 1),
    "hstack": lambda x: torch.hstack([x, x]),
    "vstack": lambda x: torch.vstack([x.transpose(0, 1)]).transpose(0, 1),
    "dstack": lambda x: torch.dstack([x, x]),
    "column_stack": lambda x: torch.column_stack([x, x]),
    "getitem": lambda x: x.chunk(2, 1)[1],
    "repeat": lambda x: x.repeat(1, 2, 1),
    "tile": lambda x: x.tile(1, 2, 1),
    "repeat_interleave": lambda x: x.repeat_interleave(2, dim=1),
    "broadcast_to": lambda x: x[:, :1].broadcast_to(len(x), 3, 24),
    "meshgrid": lambda x: torch.meshgrid(x[:, 0, 0], torch.ones(3), indexing="ij")[0],
    "index": lambda x: x[:, [0, 3, 5]],
    "index_select": lambda x: x.index_select(1, torch.tensor([1, 4])),
    "gather": lambda x: x.gather(2, torch.zeros(len(x), 8, 3, dtype=torch.long) + 2),
    "take": lambda x: x.take(torch.arange(len(x) * 4).view(len(x), 4) * 48),
    "take_along_dim": lambda x: x.take_along_dim(torch.zeros(len(x), 8, 3, dtype=torch.long) + 2, 2),
    "pad": lambda x: F.pad(x, (1, 2)),
    "constant_pad_nd": lambda x: torch.constant_pad_nd(x, [1, 2]),
    "reflection_pad1d": lambda x: torch.ops.aten.reflection_pad1d(x, [1, 2]),
    "replication_pad1d": lambda x: torch.ops.aten.replication_pad1d(x, [1, 2]),
    "reflection_pad2d": lambda x: torch.ops.aten.reflection_pad2d(x, [1, 2, 1, 1]),
    "replication_pad2d": lambda x: torch.ops.aten.replication_pad2d(x, [1, 2, 1, 1]),
    "diagonal": lambda x: x.diagonal(0, 1, 2),
    "diag": lambda x: x[:, 0, 0].diag().sum(1),
    "diag_embed": lambda x: x.diag_embed(),
    "tril": lambda x: x.tril(),
    "triu": lambda x: x.triu(),
    "pixel_shuffle": lambda x: F.pixel_shuffle(x[:, :, None], 2),
    "pixel_unshuffle": lambda x: F.pixel_unshuffle(x[:, None], 2),
    "channel_shuffle": lambda x: F.channel_shuffle(x[:, :, None], 2),
    "im2col": lambda x: F.unfold(x[:, None], 2),
    "slice_scatter": lambda x: x.slice_scatter(x[:, :, :3] * 2, 2, 4, 7),
    "select_scatter": lambda x: x.select_scatter(x[:, :, 0] * 2, 2, 5),
    "diagonal_scatter": lambda x: x.diagonal_scatter(x[:, :, 0], 0, 1, 2),
    "index_put": lambda x: torch.index_put(x, (torch.arange(len(x)), torch.tensor(1)), x[:, 0] * 2),
    "index_copy": lambda x: x.index_copy(2, torch.tensor([1]), x[:, :, :1] * 2),
    "scatter": lambda x: x.scatter(2, torch.ones(len(x), 8, 1, dtype=torch.long), x[:, :, :1] * 2),
    "copied": lambda x: torch.empty_like(x).copy_(x),
    "masked_select": lambda x: x.masked_select(torch.arange(24) < 3).view(len(x), -1),
    "atleast_3d": lambda x: torch.atleast_3d(x[:, :, 0]),
    "written": lambda x: written(x),
    # linear
    "add": lambda x: x + x.flip(2),
    "sub": lambda x: x - x.flip(2),
    "subtract": lambda x: torch.subtract(x, x.flip(2), alpha=2),
    "rsub": lambda x: 1 - x,
    "neg": lambda x: -x,
    "sum": lambda x: x.sum(2),
    "mean": lambda x: x.mean(2),
    "nansum": lambda x: x.nansum(2),
    "nanmean": lambda x: x.nanmean(2),
    "cumsum": lambda x: x.cumsum(2),
    "diff": lambda x: x.diff(dim=2),
    "to": lambda x: x.to(torch.float64).float(),
    "_to_copy": lambda x: torch.ops.aten._to_copy(x, dtype=torch.float64).float(),
    "type_as": lambda x: x.type_as(torch.ones((), dtype=torch.float64)).float(),
    "trace": of_each(lambda r: r[:, :8].trace()),
    "conv1d": lambda x: F.conv1d(x, K3),
    "conv2d": lambda x: F.conv2d(x[:, None], K3[:1, None, :3]),
    "conv3d": lambda x: F.conv3d(x[:, None, None], torch.ones(1, 1, 1, 2, 3)),
    "convolution": lambda x: torch.convolution(x, K3, None, [1], [0], [1], False, [0], 1),
    "conv_transpose1d": lambda x: F.conv_transpose1d(x, K3),
    "conv_transpose2d": lambda x: F.conv_transpose2d(x[:, None], torch.ones(1, 2, 3, 3)),
    "conv_transpose3d": lambda x: F.conv_transpose3d(x[:, None, None], torch.ones(1, 1, 1, 2, 2)),
    "linear": lambda x: F.linear(x.transpose(1, 2), W),
    "batch_norm": lambda x: F.batch_norm(x, torch.ones(8) / 5, torch.ones(8) * 3),
    "avg_pool1d": lambda x: F.avg_pool1d(x, 3),
    "avg_pool2d": lambda x: F.avg_pool2d(x[:, None], 3),
    "avg_pool3d": lambda x: F.avg_pool3d(x[:, None, None], (1, 2, 3)),
    "adaptive_avg_pool1d": lambda x: F.adaptive_avg_pool1d(x, 3),
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x[:, None], 3),
    "adaptive_avg_pool3d": lambda x: F.adaptive_avg_pool3d(x[:, None, None], (1, 2, 3)),
    "scatter_add": lambda x: x.scatter_add(2, torch.ones(len(x), 8, 2, dtype=torch.long), x[:, :, :2]),
    "index_add": lambda x: x.index_add(2, torch.tensor([1]), x[:, :, :1]),
    "upsample_linear1d": lambda x: F.interpolate(x, 30, mode="linear"),
    "upsample_nearest1d": lambda x: F.interpolate(x, 30),
    "upsample_bilinear2d": lambda x: F.interpolate(x[:, None], (9, 30), mode="bilinear"),
    "upsample_nearest2d": lambda x: F.interpolate(x[:, None], (9, 30)),
    "upsample_bicubic2d": lambda x: F.interpolate(x[:, None], (9, 30), mode="bicubic"),
    "_upsample_nearest_exact1d": lambda x: F.interpolate(x, 30, mode="nearest-exact"),
    "col2im": lambda x: (
        F.fold(x, (4, 9), (2, 4))[:, :, :] if x.shape[2] == 18 else F.fold(x[:, :, :18], (4, 9), (2, 4))
    ),
    "trapezoid": lambda x: torch.trapezoid(x, dim=2),
    "trapz": lambda x: torch.trapz(x, dim=2),
    "fft_rfft": lambda x: torch.view_as_real(torch.fft.rfft(x)),
    "fft_irfft": lambda x: torch.fft.irfft(torch.fft.rfft(x)),
    "fft_fft": lambda x: torch.fft.fft(x).real,
    "fft_ifft": lambda x: torch.fft.ifft(x).imag,
    "imag": lambda x: torch.fft.fft(x).imag,
    "real": lambda x: torch.fft.fft(x).real,
    "complex": lambda x: torch.complex(x, x.flip(2)).imag,
    "view_as_real": lambda x: torch.view_as_real(torch.fft.fft(x)),
    "view_as_complex": lambda x: torch.view_as_complex(x.view(len(x), 8, 12, 2).contiguous()).imag,
    "_conj": lambda x: torch.fft.fft(x).conj().imag,
    # product
    "matmul": lambda x: x @ x.transpose(1, 2),
    "mm": lambda x: torch.mm(x[:, :, 0], W),
    "bmm": lambda x: torch.bmm(x, x.transpose(1, 2)),
    "mv": of_each(lambda r: torch.mv(r, r[0])),
    "dot": of_each(lambda r: torch.dot(r[0], r[1])),
    "vdot": of_each(lambda r: torch.vdot(r[0], r[1])),
    "inner": of_each(lambda r: torch.inner(r, r[1])),
    "outer": of_each(lambda r: torch.outer(r[0], r[1])),
    "ger": of_each(lambda r: torch.ger(r[0], r[1])),
    "einsum": lambda x: torch.einsum("ncl,ndl->ncd", x, x.relu()),
    "baddbmm": lambda x: torch.baddbmm(x[:, :, :8], x, x.transpose(1, 2)),
    "addmm": lambda x: torch.addmm(x[:, :, 1], x[:, :, 0], W),
    "addbmm": of_each(lambda r: torch.addbmm(r[:, :8], r[None], r.t()[None])),
    "addmv": of_each(lambda r: torch.addmv(r[:, 0], r, r[0])),
    "addr": of_each(lambda r: torch.addr(r, r[:, 0], r[0])),
    "tensordot": lambda x: torch.tensordot(x, W, ([1], [0])),
    "kron": of_each(lambda r: torch.kron(r[:2, 0], r[0])),
    "bilinear": lambda x: F.bilinear(x[:, :, 0], x[:, :, 1], W[None].repeat(3, 1, 1)),
    "chain_matmul": lambda x: torch.chain_matmul(x[:, :, 0], W, W),
    "linalg_multi_dot": lambda x: torch.linalg.multi_dot([x[:, :, 0], W, W]),
    "linalg_vecdot": lambda x: torch.linalg.vecdot(x, x.flip(2)),
    # elementwise
    "mul": lambda x: x * x.flip(2),
    "multiply": lambda x: torch.multiply(x, x.flip(2)),
    "div": lambda x: x / (1.5 + x.flip(2)),
    "divide": lambda x: torch.divide(x, 1.5 + x.flip(2)),
    "true_divide": lambda x: torch.true_divide(x, 1.5 + x.flip(2)),
    "pow": lambda x: (1.5 + x) ** x.flip(2),
    "float_power": lambda x: torch.float_power(1.5 + x, 2).float(),
    "atan2": lambda x: torch.atan2(x, 1.5 + x.flip(2)),
    "arctan2": lambda x: torch.arctan2(x, 1.5 + x.flip(2)),
    "hypot": lambda x: torch.hypot(x, x.flip(2)),
    "lerp": lambda x: torch.lerp(x, x.flip(2), x.flip(1)),
    "addcmul": lambda x: torch.addcmul(x, x.flip(2), x.flip(1)),
    "addcdiv": lambda x: torch.addcdiv(x, x.flip(2), 1.5 + x.flip(1)),
    "where": lambda x: torch.where(x > 0, x, 0.3 * x.flip(2)),
    "masked_fill": lambda x: x.masked_fill(x > 0.1, 0.3),
    "nan_to_num": lambda x: x.nan_to_num(),
    "xlogy": lambda x: torch.xlogy(x, 1.5 + x.flip(2)),
    "logaddexp": lambda x: torch.logaddexp(x, x.flip(2)),
    "logaddexp2": lambda x: torch.logaddexp2(x, x.flip(2)),
    "special_xlog1py": lambda x: torch.special.xlog1py(x, 1.5 + x.flip(2)),
    "ldexp": lambda x: torch.ldexp(x, torch.tensor(2)),
    "copysign": lambda x: torch.copysign(x, x.flip(2)),
    "prelu": lambda x: F.prelu(x, torch.full((8,), 0.2)),
    "rrelu": lambda x: F.rrelu(x, training=False),
    "logit": lambda x: torch.logit(x.sigmoid()),
    "log": lambda x: x.sigmoid().log(),
    "log2": lambda x: x.sigmoid().log2(),
    "log10": lambda x: x.sigmoid().log10(),
    "sqrt": lambda x: x.sigmoid().sqrt(),
    "rsqrt": lambda x: x.sigmoid().rsqrt(),
    "log1p": lambda x: x.sigmoid().log1p(),
    "reciprocal": lambda x: x.sigmoid().reciprocal(),
    "erfinv": lambda x: torch.erfinv(x * 0.9),
    "acos": lambda x: torch.acos(x * 0.9),
    "asin": lambda x: torch.asin(x * 0.9),
    "atanh": lambda x: torch.atanh(x * 0.9),
    "arccos": lambda x: torch.arccos(x * 0.9),
    "arcsin": lambda x: torch.arcsin(x * 0.9),
    "arctanh": lambda x: torch.arctanh(x * 0.9),
    "acosh": lambda x: torch.acosh(x + 2.5),
    "arccosh": lambda x: torch.arccosh(x + 2.5),
    "lgamma": lambda x: torch.lgamma(x + 2),
    "digamma": lambda x: torch.digamma(x + 2),
    "polygamma": lambda x: torch.polygamma(1, x + 2),
    "special_entr": lambda x: torch.special.entr(x.sigmoid()),
    "special_ndtri": lambda x: torch.special.ndtri(x.sigmoid()),
    "clamp": lambda x: x.clamp(-0.2, 0.4),
    "clip": lambda x: x.clip(-0.2, 0.4),
    "clamp_min": lambda x: x.clamp_min(-0.2),
    "clamp_max": lambda x: x.clamp_max(0.2),
    "threshold": lambda x: F.threshold(x, 0.1, -1.0),
    "heaviside": lambda x: torch.heaviside(x, torch.tensor(0.5)) * x,
    "fmod": lambda x: torch.fmod(3 * x, 1.0),
    "remainder": lambda x: torch.remainder(3 * x, 1.0),
    "floor_divide": lambda x: torch.floor_divide(5 * x, 2.0),
    "isclose": lambda x: torch.isclose(x, x.flip(2), atol=0.2) * x,
    # steps
    **{
        n: (lambda x, n=n: getattr(torch, n)(x, x.flip(2)) * x)
        for n in ["eq", "ne", "lt", "le", "gt", "ge", "greater", "less", "greater_equal", "less_equal", "not_equal"]
    },
    **{
        n: (lambda x, n=n: getattr(torch, n)(x > 0, x.flip(2) > 0.1) * x)
        for n in ["logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor"]
    },
    "logical_not": lambda x: torch.logical_not(x > 0) * x,
    "bitwise_not": lambda x: (~(x > 0)) * x,
    "__and__": lambda x: ((x > 0) & (x.flip(2) > 0)) * x,
    "__or__": lambda x: ((x > 0) | (x.flip(2) > 0)) * x,
    "__xor__": lambda x: ((x > 0) ^ (x.flip(2) > 0)) * x,
    "__rshift__": lambda x: ((8 * x).int() >> 1) * 1.0,
    "__lshift__": lambda x: ((8 * x).int() << 1) * 1.0,
    **{
        n: (lambda x, n=n: getattr(torch, n)(x / 1) * 1.0 + x)
        for n in ["isfinite", "isnan", "isinf", "isposinf", "isneginf"]
    },
    "signbit": lambda x: x.signbit() * x,
    # maxima
    "max": lambda x: x.max(2).values,
    "amax": lambda x: x.amax((1, 2)),
    "min": lambda x: x.min(2).values,
    "amin": lambda x: x.amin(1),
    "cummax": lambda x: x.cummax(2).values,
    "cummin": lambda x: x.cummin(1).values,
    "max_pool1d": lambda x: F.max_pool1d(x, 3),
    "max_pool2d": lambda x: F.max_pool2d(x[:, None], 3),
    "max_pool3d": lambda x: F.max_pool3d(x[:, None, None], (1, 2, 3)),
    "max_pool1d_with_indices": lambda x: F.max_pool1d(x, 3, return_indices=True)[0],
    "max_pool2d_with_indices": lambda x: F.max_pool2d(x[:, None], 3, return_indices=True)[0],
    "max_pool3d_with_indices": lambda x: F.max_pool3d(x[:, None, None], (1, 2, 3), return_indices=True)[0],
    "adaptive_max_pool1d": lambda x: F.adaptive_max_pool1d(x, 3),
    "adaptive_max_pool2d": lambda x: F.adaptive_max_pool2d(x[:, None], 3),
    "adaptive_max_pool3d": lambda x: F.adaptive_max_pool3d(x[:, None, None], (1, 2, 3)),
    "maximum": lambda x: torch.maximum(x, x.flip(2)),
    "minimum": lambda x: torch.minimum(x, x.flip(2)),
    "fmax": lambda x: torch.fmax(x, x.flip(2)),
    "fmin": lambda x: torch.fmin(x, x.flip(2)),
    # sorting
    "sort": lambda x: x.sort(2).values,
    "msort": lambda x: x.transpose(0, 2).msort().transpose(0, 2),
    "topk": lambda x: x.topk(3, 2)[0],
    "kthvalue": lambda x: x.kthvalue(5, 2)[0],
    "median": lambda x: x.median(2)[0],
    "nanmedian": lambda x: x.nanmedian(2)[0],
    "mode": lambda x: (x * 4).round().mode(2)[0],
    "quantile": lambda x: x.quantile(0.3, 2),
    "nanquantile": lambda x: x.nanquantile(0.3, 2),
    # mixing
    "softmax": lambda x: x.softmax(1),
    "_softmax": lambda x: torch._softmax(x, 1, False),
    "log_softmax": lambda x: x.log_softmax(1),
    "_log_softmax": lambda x: torch._log_softmax(x, 1, False),
    "logsumexp": lambda x: x.logsumexp(1),
    "logcumsumexp": lambda x: x.logcumsumexp(1),
    "layer_norm": lambda x: F.layer_norm(x, (24,)),
    "native_layer_norm": lambda x: torch.native_layer_norm(x, (24,), None, None, 1e-5)[0],
    "group_norm": lambda x: F.group_norm(x, 2),
    "native_group_norm": lambda x: torch.native_group_norm(x, None, None, len(x), 8, 24, 2, 1e-5)[0],
    "instance_norm": lambda x: F.instance_norm(x),
    "rms_norm": lambda x: F.rms_norm(x, (24,)),
    "norm": lambda x: torch.ops.aten.norm(x, 2, [2]),
    "linalg_vector_norm": lambda x: torch.linalg.vector_norm(x, dim=2),
    "linalg_norm": lambda x: torch.linalg.norm(x, dim=2),
    "linalg_matrix_norm": lambda x: torch.linalg.matrix_norm(x),
    "var": lambda x: x.var(2),
    "std": lambda x: x.std(2),
    "var_mean": lambda x: torch.cat(torch.var_mean(x, 2), 1),
    "std_mean": lambda x: torch.cat(torch.std_mean(x, 2), 1),
    "prod": lambda x: x[:, :, :4].prod(2),
    "cumprod": lambda x: x.cumprod(2),
    "glu": lambda x: F.glu(x, 1),
    "scaled_dot_product_attention": lambda x: F.scaled_dot_product_attention(x, x.flip(2), x),
    "cosine_similarity": lambda x: F.cosine_similarity(x, x.flip(2), 2),
    "pairwise_distance": lambda x: F.pairwise_distance(x, x.flip(2) + 1),
    "cdist": lambda x: torch.cdist(x, x.flip(2) + 1),
    "dist": of_each(lambda r: torch.dist(r, r.flip(1) + 1)),
    "nuclear_norm": of_each(lambda r: torch.nuclear_norm(r)),
    "frobenius_norm": lambda x: torch.frobenius_norm(x, dim=(1, 2)),
    "linalg_inv": lambda x: torch.linalg.inv(x[:, :, :8] * 0.2 + torch.eye(8)),
    "linalg_solve": lambda x: torch.linalg.solve(x[:, :, :8] * 0.2 + torch.eye(8), x),
    "linalg_det": lambda x: torch.linalg.det(x[:, :, :8] * 0.2 + torch.eye(8)),
    "linalg_matrix_exp": lambda x: torch.linalg.matrix_exp(x[:, :, :8] * 0.2),
    "matrix_exp": lambda x: torch.matrix_exp(x[:, :, :8] * 0.2),
}


UNARY = (
    "exp exp2 expm1 sigmoid tanh erf atan celu cos elu erfc gelu hardswish mish selu silu sin softplus square tan "
    "asinh sinh cosh sinc special_ndtr special_log_ndtr special_erfcx arctan arcsinh rad2deg deg2rad i0 sign sgn "
    "round floor ceil trunc fix frac relu leaky_relu abs absolute relu6 hardsigmoid hardtanh softshrink "
    "hardshrink"
)


def found_in_torch(name: str) -> Call:
    homes = [home for home in (torch, F, torch.special) if hasattr(home, name.replace("special_", ""))]
    called: Call = getattr(homes[0], name.replace("special_", ""))
    return lambda x: called(3 * x)


CALLS |= {name: found_in_torch(name) for name in UNARY.split()}
CALLS["log_sigmoid"] = lambda x: F.logsigmoid(x)
