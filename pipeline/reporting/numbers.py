"""Numbers as the report writes them: one way for each sort, everywhere."""

from __future__ import annotations

import math

NONE = "–"
"""What stands where the data cannot support a number."""
NBSP = "\N{NO-BREAK SPACE}"


def number(text: object) -> float | None:
    """A cell of a CSV or JSON file as a finite number; None where it is empty, absent or no number.

    >>> number("0.25"), number(""), number(None), number("nan")
    (0.25, None, None, None)
    """
    if isinstance(text, bool) or text is None:
        return None
    try:
        value = float(str(text))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def percent(rate: float | None, unit: bool = True) -> str:
    """A rate in [0, 1] as a percentage with one decimal.

    >>> percent(0.1234, unit=False), percent(None)
    ('12.3', '–')
    """
    return NONE if rate is None else f"{100 * rate:.1f}{NBSP + '%' if unit else ''}"


def interval(low: float | None, high: float | None, is_rate: bool = True) -> str:
    """The ends of an interval, of rates in percent; empty where one is unknown.

    >>> interval(0.101, 0.15), interval(1.5, 2.25, is_rate=False)
    ('10.1–15.0', '1.50–2.25')
    """
    if low is None or high is None:
        return ""
    if not is_rate:
        return f"{decimal(low)} to {decimal(high)}" if low < 0 else f"{decimal(low)}–{decimal(high)}"
    return f"{percent(low, unit=False)}–{percent(high, unit=False)}"


def signed(difference: float | None, is_rate: bool = True) -> str:
    """A difference with its sign, of rates in percentage points.

    >>> signed(-0.0312), signed(0.0), signed(1.5, is_rate=False)
    ('−3.1', '0.0', '+1.50')
    """
    if difference is None:
        return NONE
    text = f"{abs(100 * difference):.1f}" if is_rate else decimal(abs(difference))
    return text if float(text) == 0 else f"{'−' if difference < 0 else '+'}{text}"


def p_value(p: float | None) -> str:
    """A p-value with its relation.

    >>> p_value(0.0004), p_value(0.0312), p_value(0.2)
    ('p\\xa0<\\xa00.001', 'p\\xa0=\\xa00.031', 'p\\xa0=\\xa00.20')
    """
    if p is None:
        return f"p{NBSP}unknown"
    if p < 0.001:
        return f"p{NBSP}<{NBSP}0.001"
    return f"p{NBSP}={NBSP}{p:.3f}" if p < 0.1 else f"p{NBSP}={NBSP}{p:.2f}"


def p_bare(p: float | None) -> str:
    """A p-value for a column that says what it is.

    >>> p_bare(0.0004), p_bare(0.2)
    ('<\\xa00.001', '0.20')
    """
    return NONE if p is None else p_value(p).removeprefix(f"p{NBSP}").removeprefix(f"={NBSP}")


def rate(value: float, unit: bool = True) -> str:
    """A rate that was set rather than measured, in percent, without needless digits.

    >>> rate(0.01), rate(0.001), rate(1e-6)
    ('1\\xa0%', '0.1\\xa0%', '0.0001\\xa0%')
    """
    return f"{100 * value:.10f}".rstrip("0").rstrip(".") + (f"{NBSP}%" if unit else "")


def count(value: float | None) -> str:
    """A whole number with thousands set apart.

    >>> count(1234567), count(None)
    ('1,234,567', '–')
    """
    return NONE if value is None else f"{int(value):,}"


def decimal(value: float | None) -> str:
    """A measured number of no known unit: three decimals below one, two above, so that a column lines up.

    >>> decimal(0.5), decimal(4.6), decimal(-0.25)
    ('0.500', '4.60', '−0.250')
    """
    if value is None:
        return NONE
    return (f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}").replace("-", "−")


def plain(value: float | None) -> str:
    """A number of no known unit, with three decimals at most.

    >>> plain(0.5), plain(12.0), plain(0.12345), plain(0.00002)
    ('0.5', '12', '0.123', '2e−05')
    """
    if value is None:
        return NONE
    if value and abs(value) < 0.001:
        return f"{value:.1g}".replace("-", "−")
    return f"{value:.3f}".rstrip("0").rstrip(".").replace("-", "−")
