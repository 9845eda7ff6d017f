"""Nearest-rank percentiles, as the load driver computes them."""

from collections.abc import Sequence


def percentile(values: Sequence[float], percent: int) -> float | None:
    """The smallest value that at least `percent` of the values do not exceed; `None` without values."""
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * percent // 100))
    return round(ordered[rank - 1], 4) if ordered else None


def spread(values: Sequence[float], unit: str) -> dict[str, float | None]:
    """`p50_<unit>`, `p99_<unit>` and `max_<unit>`."""
    return {
        f"p50_{unit}": percentile(values, 50),
        f"p99_{unit}": percentile(values, 99),
        f"max_{unit}": percentile(values, 100),
    }
