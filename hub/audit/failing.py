"""The rows that findings are about, with all columns, for readers who want to see what is wrong.

In: a report and the folder it is about. Out: rows by table and id. Tables that the audit could not read are
skipped: this module reads Parquet in its own process.

Not covered: findings about several rows, or about a missing one.
Tested in tests/hub/audit/test_audit.py.
"""

from itertools import islice
from typing import Any

import pyarrow.parquet as pq

from builders.schema import TABLES
from builders.tables.folder import Folder
from hub.audit.report import Report
from hub.audit.untrusted import BATCH_ROWS, row_id


def failing_rows(report: Report, folder: Folder, most: int) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the first `most` rows that findings name, by table and id, in the order of the findings."""
    broken = {
        finding.config for finding in report.findings if finding.check == "files" and not finding.row_id
    }
    named = dict.fromkeys((f.config, f.row_id) for f in report.findings if f.config in TABLES and f.row_id)
    rows = ((name, _row(folder, *name)) for name in named if name[0] not in broken)
    return dict(islice(((name, row) for name, row in rows if row), most))


def _row(folder: Folder, config: str, searched_id: str) -> dict[str, Any] | None:
    key_columns = list(TABLES[config].key)
    for file in folder.files(config):
        start = 0
        for batch in pq.ParquetFile(file).iter_batches(BATCH_ROWS, columns=key_columns):
            for index, row in enumerate(batch.to_pylist(), start):
                if row_id(config, row) == searched_id:
                    whole: dict[str, Any] = pq.read_table(file).slice(index, 1).to_pylist()[0]
                    return whole
            start += batch.num_rows
    return None
