"""The benchmark of reads tells plans that get worse as history grows from those that do not."""

from typing import Any

from bench.reading.plans import Plan, worst_of_each


def node(kind: str, rows: int, **more: Any) -> dict[str, Any]:
    return {"Node Type": kind, "Actual Rows": rows, "Actual Loops": 1, **more}


def of_table(kind: str, rows: int, more: dict[str, Any] | None = None, table: str = "messages_1") -> dict[str, Any]:
    return node(kind, rows, **{"Relation Name": table, **(more or {})})


def limited(*plans: dict[str, Any], rows: int = 50) -> Plan:
    return Plan("SELECT", node("Limit", rows, Plans=list(plans)))


def test_going_through_all_of_a_growing_table_is_a_fault() -> None:
    for table in ("messages_1", "pairs", "channels", "partition_users"):
        assert limited(of_table("Seq Scan", 50, table=table)).faults == [f"goes through all of {table}"]
    assert limited(of_table("Seq Scan", 12, table="partitions")).faults == []


def test_what_was_planned_and_never_executed_is_none() -> None:
    assert limited({**of_table("Seq Scan", 0), "Actual Loops": 0}).faults == []


def test_a_long_walk_along_an_index_is_a_fault_and_a_bounded_one_is_not() -> None:
    found = limited(of_table("Index Scan", 50, {"Rows Removed by Filter": 100_000})).faults
    assert found == ["walks 100050 rows of messages_1 to return 50"]
    assert limited(of_table("Index Scan", 50, {"Rows Removed by Filter": 900})).faults == []


def test_what_an_index_leads_to_is_none() -> None:
    condition = {"Index Cond": "(channel = $1)", "Rows Removed by Filter": 100_000}
    assert limited(of_table("Index Scan", 50, condition)).faults == []


def test_of_plans_alike_the_one_with_most_pages_is_told() -> None:
    plans = [
        Plan("SELECT", of_table("Index Scan", rows, {"Index Cond": f"(ts_ms < {rows})", "Shared Hit Blocks": rows}))
        for rows in (3, 9, 5)
    ]
    (worst,) = worst_of_each(plans)
    assert worst.buffers == 9
    assert worst.lines == ["Index Scan messages_1 where (ts_ms < 9) rows=9, 9 pages"]
