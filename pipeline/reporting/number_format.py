"""The format of numbers in the report: one format for each sort, used everywhere."""

from __future__ import annotations

NONE = "–"
"""Placeholder where the data cannot support a number."""
NBSP = "\N{NO-BREAK SPACE}"


def percent(rate: float | None, unit: bool = True) -> str:
    """Return a rate in [0, 1] as a percentage with one decimal.

    >>> percent(0.1234, unit=False), percent(None)
    ('12.3', '–')
    """
    return NONE if rate is None else f"{100 * rate:.1f}{NBSP + '%' if unit else ''}"


def interval(low: float | None, high: float | None, is_rate: bool = True) -> str:
    """Return the ends of an interval, rates in percent; empty if an end is unknown.

    >>> interval(0.101, 0.15), interval(1.5, 2.25, is_rate=False)
    ('10.1–15.0', '1.50–2.25')
    """
    if low is None or high is None:
        return ""
    if not is_rate:
        return f"{decimal(low)} to {decimal(high)}" if low < 0 else f"{decimal(low)}–{decimal(high)}"
    return f"{percent(low, unit=False)}–{percent(high, unit=False)}"


def measured(value: float | None, low: float | None, high: float | None, is_rate: bool = True) -> str:
    """Return a figure with its interval.

    >>> measured(0.125, 0.1, 0.15), measured(0.5, None, None, is_rate=False)
    ('12.5\xa0% 10.0–15.0', '0.500')
    """
    if value is None:
        return NONE
    return f"{percent(value) if is_rate else decimal(value)} {interval(low, high, is_rate)}".strip()


def figure(value: float | str | None, is_rate: bool) -> str:
    """Return the text in the cell of a table: a rate in percent without its unit, a count, a number, or a word.

    >>> figure(0.125, True), figure(1250, False), figure(0.25, False), figure("oil", False), figure(None, True)
    ('12.5', '1,250', '0.250', 'oil', '–')
    """
    if value is None or isinstance(value, str):
        return value or NONE
    if is_rate:
        return percent(value, unit=False)
    return count(value) if isinstance(value, int) else decimal(value)


def signed(difference: float | None, is_rate: bool = True) -> str:
    """Return a difference with its sign, of rates in percentage points.

    >>> signed(-0.0312), signed(0.0), signed(1.5, is_rate=False)
    ('−3.1', '0.0', '+1.50')
    """
    if difference is None:
        return NONE
    text = f"{abs(100 * difference):.1f}" if is_rate else decimal(abs(difference))
    return text if float(text) == 0 else f"{'−' if difference < 0 else '+'}{text}"


def ends(low: float | None, high: float | None, is_rate: bool = True) -> str:
    """Return the ends of a difference's interval with their signs; empty if an end is unknown.

    >>> ends(-0.0312, 0.01)
    '−3.1 to +1.0'
    """
    return "" if low is None or high is None else f"{signed(low, is_rate)} to {signed(high, is_rate)}"


def p_value(p: float | None) -> str:
    """Return a p-value with its relation.

    >>> p_value(0.0004), p_value(0.0312), p_value(0.2)
    ('p\xa0<\xa00.001', 'p\xa0=\xa00.031', 'p\xa0=\xa00.20')
    """
    if p is None:
        return f"p{NBSP}unknown"
    if p < 0.001:
        return f"p{NBSP}<{NBSP}0.001"
    return f"p{NBSP}={NBSP}{p:.3f}" if p < 0.1 else f"p{NBSP}={NBSP}{p:.2f}"


def p_bare(p: float | None) -> str:
    """Return a p-value without the letter p, for a column with a heading.

    >>> p_bare(0.0004), p_bare(0.2)
    ('<\xa00.001', '0.20')
    """
    return NONE if p is None else p_value(p).removeprefix(f"p{NBSP}").removeprefix(f"={NBSP}")


def rate(value: float, unit: bool = True) -> str:
    """Return a rate from the settings (not a measured one) in percent, without needless digits.

    >>> rate(0.01), rate(0.001), rate(1e-6)
    ('1\xa0%', '0.1\xa0%', '0.0001\xa0%')
    """
    return f"{100 * value:.10f}".rstrip("0").rstrip(".") + (f"{NBSP}%" if unit else "")


def count(value: float | None) -> str:
    """Return a whole number with commas between thousands.

    >>> count(1234567), count(None)
    ('1,234,567', '–')
    """
    return NONE if value is None else f"{int(value):,}"


def decimal(value: float | None) -> str:
    """Return a measured number without a unit: three decimals below one, two from one on, so that columns line up.

    >>> decimal(0.5), decimal(4.6), decimal(-0.25)
    ('0.500', '4.60', '−0.250')
    """
    if value is None:
        return NONE
    return (f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}").replace("-", "−")


def ratio(log10_lr: float | None) -> str:
    """Return a likelihood ratio with two significant digits; a ratio below one is written as a fraction.

    >>> ratio(1.0), ratio(2.551), ratio(-0.5), ratio(None)
    ('10', '360', '1/3.2', '')
    """
    if log10_lr is None:
        return ""
    value = 10 ** min(abs(log10_lr), 12.0)
    text = f"{value:.1f}".removesuffix(".0") if value < 10 else f"{float(f'{value:.2g}'):,.0f}"
    return text if log10_lr >= 0 or text == "1" else f"1/{text}"


def threshold(value: float | None) -> str:
    """Return a threshold with four significant digits.

    >>> threshold(0.4321987), threshold(-0.41)
    ('0.4322', '−0.41')
    """
    return NONE if value is None else f"{value:.4g}".replace("-", "−")


def plain(value: float | None) -> str:
    """Return a number without a unit, with three decimals at most.

    >>> plain(0.5), plain(12.0), plain(0.12345), plain(0.00002)
    ('0.5', '12', '0.123', '2e−05')
    """
    if value is None:
        return NONE
    if value and abs(value) < 0.001:
        return f"{value:.1g}".replace("-", "−")
    return f"{value:.3f}".rstrip("0").rstrip(".").replace("-", "−")
