"""From a file of bars, as people have it, to a bar frame.

In this order: `tables` makes cells with line numbers of the bytes of a file, and says by `headings`
and `vendors` which column holds what and whose file it is; `bar_rows` leaves out rows that are no
bars; `times` and `numbers` read the cells; `ordering` puts rows in order; `lengths`, `ends` and
`opens` find how long bars are and when they open; `repairing` and `adjusting` change prices where
that is asked for. `reading` puts it together, and `storing` keeps it. `cells` and `zones` are what
several of them look things up in.
"""
