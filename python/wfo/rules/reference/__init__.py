"""The reference of the rules: a program, bar by bar, in plain Python.

This package is the definition in code, `CONTRACT.md` beside it is the definition in words; the
engines are tested against both. A file a subject:

- `indicators`, `groups`, `columns`: what the expressions come to (E, C, G);
- `lines`: the orders of a parameter set (R14 to R17);
- `touches`: levels, and which touch of a bar comes first (R, B2);
- `sizing`, `money`: shares (Z), and what they are worth;
- `walk`: the path through the bars (B);
- `orders`: what works in the bar after the last one;
- `kernel`: all of it as a kernel, which loads the others when it is called.
"""

from __future__ import annotations

from wfo.rules.reference.kernel import ReferenceKernel

__all__ = ["ReferenceKernel"]
