"""The study: all trials of a search in one SQLite database, and what is told from them.

`keeping` writes it, `opening` says where one that is there stands, `reading` reads it into a
`table`, and `record` is what the study is. A search commits within a second what has ended;
whatever kills it leaves a database that opens again. `telling`, `importance` and `exporting` tell
of it, and `folders` lists and removes studies.
"""

from wfo.search.study.exporting import export_csv, export_journal, trials_frame
from wfo.search.study.folders import (
    Removal,
    StudyListing,
    list_studies,
    removal_of,
    remove_studies,
)
from wfo.search.study.importance import Importance, importance
from wfo.search.study.keeping import NewTrial, Study
from wfo.search.study.names import DATABASE, STUDIES, study_folder, study_name
from wfo.search.study.reading import read_parameters, read_study
from wfo.search.study.record import StudyRecord, differences
from wfo.search.study.table import STATES, WITH_FIGURES, Batch, StudyTable
from wfo.search.study.telling import (
    ValueScores,
    best_trials,
    convergence,
    improvements,
    scored,
    scores_by_value,
)

__all__ = [
    "DATABASE",
    "STATES",
    "STUDIES",
    "WITH_FIGURES",
    "Batch",
    "Importance",
    "NewTrial",
    "Removal",
    "Study",
    "StudyListing",
    "StudyRecord",
    "StudyTable",
    "ValueScores",
    "best_trials",
    "convergence",
    "differences",
    "export_csv",
    "export_journal",
    "importance",
    "improvements",
    "list_studies",
    "read_parameters",
    "read_study",
    "removal_of",
    "remove_studies",
    "scored",
    "scores_by_value",
    "study_folder",
    "study_name",
    "trials_frame",
]
