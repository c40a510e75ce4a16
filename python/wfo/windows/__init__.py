"""Windows: which bars parameters are chosen on, and which ones they are then tried on.

`schedule` has phases, counted back from today: a run scores every combination in all of them.
`walking` has the windows of a walk-forward, counted on from the first bar that trades: in each a
set is chosen, and trades until the next one is.
"""

from __future__ import annotations

from wfo.windows.dates import LEAST_WARMUP as LEAST_WARMUP
from wfo.windows.lengths import Length as Length
from wfo.windows.lengths import months_before as months_before
from wfo.windows.lengths import months_of as months_of
from wfo.windows.phases import Phase as Phase
from wfo.windows.phases import Phases as Phases
from wfo.windows.schedule import DateSpan as DateSpan
from wfo.windows.schedule import Windows as Windows
from wfo.windows.schedule import preset_names as preset_names
from wfo.windows.walking import WalkSchedule as WalkSchedule
from wfo.windows.walking import WalkWindows as WalkWindows
from wfo.windows.window import WalkWindow as WalkWindow
