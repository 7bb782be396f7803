"""A stand-in for sgl-kernel's CPU build, which the package index does not have.

On CPU, sglang always imports the eight names below. With `torch_native` attention it uses plain torch if
`torch.ops.sgl_kernel` lacks an operator (here it has none at all), so it calls only one of the eight,
`assign_req_to_token_pool_cpu`; the others belong to speculative decoding.
"""

from collections.abc import Callable
from typing import NoReturn

import torch

SPECULATIVE_DECODING = {
    "assign_draft_cache_locs_contiguous_cpu",
    "assign_extend_cache_locs_cpu",
    "build_tree_kernel_efficient_cpu",
    "copy_all_layer_kv_cache_cpu",
    "fill_accept_out_cache_loc_cpu",
    "fill_bonus_tokens_cpu",
    "verify_tree_greedy_cpu",
}


def assign_req_to_token_pool_cpu(
    req_pool_indices: torch.Tensor,
    req_to_token: torch.Tensor,
    start_offsets: torch.Tensor,
    end_offsets: torch.Tensor,
    out_cache_loc: torch.Tensor,
    pool_len: int,
) -> None:
    """Write the cache slots of each request's new tokens into `req_to_token` (requests, pool_len).

    Request `req_pool_indices[i]` gets the next `end_offsets[i] - start_offsets[i]` slots of `out_cache_loc`,
    for its positions from `start_offsets[i]` on.
    """
    n_taken = 0
    for row, start, end in zip(
        req_pool_indices.tolist(), start_offsets.tolist(), end_offsets.tolist(), strict=True
    ):
        slots = out_cache_loc[n_taken : n_taken + end - start]
        req_to_token[row, start:end] = slots.to(req_to_token.dtype)
        n_taken += end - start


def __getattr__(name: str) -> Callable[..., NoReturn]:
    if name not in SPECULATIVE_DECODING:
        raise AttributeError(f"the stand-in for sgl_kernel has no {name}")

    def unavailable(*_args: object, **_options: object) -> NoReturn:
        raise NotImplementedError(f"{name}: speculative decoding needs the real sgl_kernel")

    return unavailable
