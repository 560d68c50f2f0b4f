"""Log-probabilities of completions without computing on padding: the same numbers as TRL's, in a part of its time.

TRL pads a batch to its longest prompt and its longest completion. Where lengths vary, most of its forward and backward
passes are then spent on padding. Here rows of similar length run together, and the results are put back in place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def rows_of_like_length(lengths: list[int]) -> list[list[int]]:
    """Row numbers in groups: within one the longest is at most a quarter and eight tokens longer than the shortest."""
    groups: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row]):
        if not groups or lengths[row] > 1.25 * lengths[groups[-1][0]] + 8:
            groups.append([])
        groups[-1].append(row)
    return groups


def without_padding(trainer_class: Any) -> Any:
    """`trainer_class` (TRL's for GRPO or RLOO) with `_get_per_token_logps_and_entropies` free of most padding.

    Positions that the mask leaves out are 0 there; TRL masks them anyway. With several processes TRL's own method runs:
    they would make different numbers of forward passes, and wait for each other in vain.
    """

    class Unpadded(trainer_class):  # type: ignore[misc]
        def _get_per_token_logps_and_entropies(
            self,
            model: Any,
            input_ids: Tensor,
            attention_mask: Tensor,
            logits_to_keep: int,
            *args: Any,
            **how: Any,
        ) -> tuple[Tensor, Tensor | None, Tensor | None]:
            whole = super()._get_per_token_logps_and_entropies
            if self.accelerator.num_processes > 1 or how.get("compute_aux_loss") or how.get("pixel_values") is not None:
                given: tuple[Tensor, Tensor | None, Tensor | None]
                given = whole(model, input_ids, attention_mask, logits_to_keep, *args, **how)
                return given
            first, last = _reach(attention_mask, logits_to_keep)
            order, logps, entropies = [], [], []
            for rows in rows_of_like_length(last.tolist()):
                start, kept = int(first[rows].min()), max(1, int(last[rows].max()))
                columns = slice(start, input_ids.shape[1] - logits_to_keep + kept)
                found, entropy, _ = whole(
                    model, input_ids[rows, columns], attention_mask[rows, columns], kept, *args, **how
                )
                order += rows
                logps.append(_widened(found, logits_to_keep))
                entropies.append(None if entropy is None else _widened(entropy, logits_to_keep))
            return _in_place(logps, order), _in_place([e for e in entropies if e is not None], order), None

    Unpadded.__name__ = trainer_class.__name__
    return Unpadded


def _reach(mask: Tensor, completion: int) -> tuple[Tensor, Tensor]:
    """Of each row: the first position that counts, and how many positions of the completion reach to its last one."""
    import torch

    first = mask.argmax(1)
    counted = torch.arange(1, completion + 1, device=mask.device) * mask[:, -completion:]
    return first, counted.amax(1)


def _widened(values: Tensor, width: int) -> Tensor:
    from torch.nn.functional import pad

    return pad(values, (0, width - values.shape[1]))


def _in_place(parts: list[Tensor], order: list[int]) -> Any:
    """The rows of all parts in their original order; None if there are none."""
    import torch

    if not parts:
        return None
    back = torch.empty(len(order), dtype=torch.long)
    back[order] = torch.arange(len(order))
    return torch.cat(parts)[back.to(parts[0].device)]
