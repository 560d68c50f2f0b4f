"""Documents into rows of equal length: whole documents only, so that none loses its beginning."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

MISSES = 40
"""So many documents may fail to fit before the rows count as full."""
NO_LOSS = -100


def pack(
    documents: Iterable[list[int]], rows: int, width: int, pad: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First-fit packing.

    Args:
        documents: token ids, each document at most `width` long (longer ones are a ValueError).
        rows: number of rows.
        width: tokens a row.
        pad: id that fills the ends of rows.

    Returns:
        (ids, labels), both (rows, width); labels are -100 on padding.
    """
    ids = np.full((rows, width), pad, dtype=np.int64)
    used = np.zeros(rows, dtype=np.int64)
    misses = 0
    for document in documents:
        if len(document) > width:
            raise ValueError(f"a document of {len(document)} tokens does not fit into rows of {width}")
        fits = np.flatnonzero(used + len(document) <= width)
        if not len(fits):
            misses += 1
            if misses > MISSES:
                break
            continue
        row = fits[0]
        ids[row, used[row] : used[row] + len(document)] = document
        used[row] += len(document)
    labels = np.where(np.arange(width) < used[:, None], ids, NO_LOSS)
    return ids, labels
