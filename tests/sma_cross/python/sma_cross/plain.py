"""SMA cross in plain Python."""

from wfo.strategy import Walk


def average(closes, length):
    """The mean of the last closes before a bar; `sum` adds up with more care than the contract."""
    total = 0.0
    for close in closes[-length:]:
        total += close
    return total / length


def walk(feeds, sets, settings, warmup):
    """Go through the bars of a phase."""
    opens, closes = (feeds["bars"][name].tolist() for name in ("open", "close"))
    worse, better = 1 + settings.slip, 1 - settings.slip
    money, trades, equity = settings.capital, [], [settings.capital] * len(closes)
    held = None
    for t in range(warmup, len(closes)):
        fast, slow, band = next(values for first, values in reversed(sets) if first <= t)
        fast, slow = average(closes[:t], fast), average(closes[:t], slow)
        if held is None and fast > slow * (1 + band) and money > 0:
            cost = opens[t] * worse * (1 + settings.fee)
            base = money if settings.sizing == "compound" else min(settings.capital, money)
            shares = settings.whole_lots(base / cost)
            held = t, shares, cost
        elif held is not None and fast < slow * (1 - band):
            since, shares, cost = held
            gain = shares * (opens[t] * better * (1 - settings.fee) - cost)
            if shares > 0:
                trades.append((1, since, opens[since], t, opens[t], gain))
            money, held = money + gain, None
        equity[t] = money if held is None else money + held[1] * (closes[t] - held[2])
    return Walk(trades, equity, held[0] if held and held[1] > 0 else -1)
