"""Finds the Spark session that is running, or starts one and stops it again."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mspike.errors import WrongUsage

QUIET = Path(__file__).with_name("quiet.properties")


def refuse_without_spark(master: str | None) -> None:
    """Raises WrongUsage where PySpark is not installed, or where it would need a Java that is not there."""
    if importlib.util.find_spec("pyspark") is None:
        raise WrongUsage("--engine spark needs PySpark, which is not installed. Run: pip install 'mspike[spark]'")
    if _needs_java(master) and _java() is None:
        raise WrongUsage(
            "--engine spark needs Java 17 or newer, and no `java` was found. Install one (Debian: apt-get install "
            "openjdk-17-jre-headless) or point JAVA_HOME to it."
        )


def _needs_java(master: str | None) -> bool:
    """A Spark Connect address is reached without Java; a session that is running has found its own."""
    return not _is_remote(master) and _running() is None


def _is_remote(master: str | None) -> bool:
    return (master or "").startswith("sc://") or (master is None and "SPARK_REMOTE" in os.environ)


def _java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")


def _running() -> Any | None:
    if "pyspark" not in sys.modules:
        return None
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    try:
        return SparkSession.active()
    except PySparkException:
        return None


@contextmanager
def session(master: str | None) -> Iterator[Any]:
    """The session that is running, left running; else a new one, stopped in the end.

    Raises WrongUsage where the running one has another master than the one asked for, or where Spark does not start.
    """
    running = _running()
    if running is not None:
        _refuse_other_master(running, master)
        yield running
        return
    started = _started(master)
    try:
        yield started
    finally:
        started.stop()


def _refuse_other_master(running: Any, master: str | None) -> None:
    if master is None:
        return
    found = running.conf.get("spark.remote", None) or running.conf.get("spark.master", None)
    if found is not None and found != master:
        raise WrongUsage(
            f"--master {master}: a Spark session with the master {found} is running in this process, and there can be "
            f"only one. Leave the master out to use it, or stop it first."
        )


def _started(master: str | None) -> Any:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("mspike")
    if _is_remote(master):
        builder = builder.remote(master) if master else builder
    else:
        _say_where_spark_is()
        builder = builder.config("spark.ui.showConsoleProgress", "false")
        if master is not None:
            builder = builder.master(master)
        if (master or "local").startswith("local"):
            builder = builder.config("spark.ui.enabled", "false")  # its pages would be open to the whole network
    try:
        return builder.getOrCreate()
    except Exception as problem:  # Java, Spark and the network each raise their own
        said = str(problem).strip().splitlines() or [type(problem).__name__]
        raise WrongUsage(
            f"Spark did not start{f' with --master {master}' if master else ''}: {said[0]} "
            f"Spark 4 needs Java 17 or newer; see whether the master can be reached."
        ) from problem


def _say_where_spark_is() -> None:
    """Tells Spark where it lies and which Python its workers run, unless somebody has; sessions inherit both.

    Where nobody configured Spark at all, its own log is kept to errors.
    """
    import pyspark

    if not {"SPARK_HOME", "SPARK_CONF_DIR", "LOG4J_CONFIGURATION_FILE"} & set(os.environ):
        os.environ["LOG4J_CONFIGURATION_FILE"] = str(QUIET)
    os.environ.setdefault("SPARK_HOME", str(Path(pyspark.__file__).parent))
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
