"""Where buckets of patients are worked on: in threads of this machine, or as tasks of a Spark cluster."""

from __future__ import annotations

from mspike.engines.engine import Engine, Parts, Work
from mspike.errors import WrongUsage

ENGINES = ("local", "spark")


def engine_named(name: str = "local", master: str | None = None) -> Engine:
    """Which engine is meant by --engine and --master?

    master  a Spark master as Spark writes it (local[2], yarn, spark://host:7077) or a Spark Connect address
            (sc://host); None: the session that is running, else what spark-defaults.conf says, else local[*]

    Raises WrongUsage for an unknown engine, for a master without Spark, and where PySpark or Java is lacking.
    """
    if name not in ENGINES:
        raise WrongUsage(f"--engine {name}: no such engine. Expected {' or '.join(ENGINES)}.")
    if name == "spark":
        from mspike.engines.spark import SparkEngine
        from mspike.engines.spark_session import refuse_without_spark

        refuse_without_spark(master)
        return SparkEngine(master)
    if master is not None:
        raise WrongUsage(f"--master {master}: only Spark has a master. Add --engine spark, or leave --master out.")
    from mspike.engines.local import LocalEngine

    return LocalEngine()


__all__ = ["ENGINES", "Engine", "Parts", "Work", "engine_named"]
