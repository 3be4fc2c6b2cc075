"""Reads a map file; what is misspelt in it is refused with its place and what was expected there."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import yaml

from mspike.errors import UnreadableInput
from mspike.read.days import landmark_day
from mspike.read.grammar import Block, Cell, Check, Code, Condition, LandmarkRule, Map, Noted, Source
from mspike.record.findings import SEVERITIES
from mspike.record.tables import TABLES


class _AllText(yaml.BaseLoader):
    """Every scalar stays text (`no` is a code, not false) and a key that stands twice is refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"the key {twice!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def read_map(path: Path) -> Map:
    """The map in `path`, every key checked."""
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_AllText)
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableInput(f"{path}: the map cannot be opened ({error}). Check the path given to --map.") from error
    except yaml.YAMLError as error:
        raise UnreadableInput(f"{path}: the map is not valid YAML: {error}. Mend that line.") from error
    return _Reader(path).map(raw)


class _Reader:
    """Turns plain YAML into the dataclasses above; every refusal names the place in the map."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sources: dict[str, Source] = {}

    def refuse(self, where: str, found: str, expected: str) -> UnreadableInput:
        return UnreadableInput(
            f"{self.path}, {where or 'top'}: {found}. Expected: {expected}. Mend the map; "
            "docs/how-to/import-a-spreadsheet.md describes it."
        )

    def keys(self, raw: Any, where: str, allowed: tuple[str, ...], required: tuple[str, ...] = ()) -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise self.refuse(where, f"found {raw!r}", "keys " + ", ".join(allowed))
        for key in raw:
            if key not in allowed:
                near = difflib.get_close_matches(key, allowed, 1)
                hint = f" (did you mean {near[0]!r}?)" if near else ""
                raise self.refuse(where, f"unknown key {key!r}{hint}", "one of " + ", ".join(allowed))
        for key in required:
            if key not in raw:
                raise self.refuse(where, f"{key!r} is missing", f"{key}: ...")
        return raw

    def texts(self, raw: Any, where: str) -> tuple[str, ...]:
        if isinstance(raw, str):
            return (raw,)
        if isinstance(raw, list) and all(isinstance(item, str) for item in raw):
            return tuple(raw)
        raise self.refuse(where, f"found {raw!r}", "a text or a list of texts")

    def text(self, raw: Any, where: str) -> str:
        if not isinstance(raw, str):
            raise self.refuse(where, f"found {raw!r}", "a single text")
        return raw

    def items(self, raw: dict[str, Any], key: str, where: str) -> list[tuple[str, Any]]:
        found = raw.get(key) or []
        if not isinstance(found, list):
            raise self.refuse(f"{where}.{key}".strip("."), f"found {found!r}", "a list, each item beginning with '-'")
        return [(f"{where}.{key}[{at}]".strip("."), item) for at, item in enumerate(found)]

    def reasons(self, raw: Any, where: str) -> dict[str, str]:
        raw = raw or {}
        if not isinstance(raw, dict) or not all(isinstance(v, str) and v for v in raw.values()):
            raise self.refuse(where, f"found {raw!r}", "name: the reason why it is left out")
        return dict(raw)

    def map(self, raw: Any) -> Map:
        allowed = ("calendar", "sources", "tables", "noted", "leave", "leave_files", "checks")
        raw = self.keys(raw, "", allowed, ("calendar", "sources", "tables"))
        if raw["calendar"] not in ("day", "iso"):
            raise self.refuse("calendar", f"found {raw['calendar']!r}", "day (days from infusion) or iso (ISO dates)")
        if not isinstance(raw["sources"], dict) or not isinstance(raw["tables"], dict):
            raise self.refuse("sources, tables", "no mapping", "sources: {name: ...} and tables: {table: [...]}")
        self.sources = {name: self.source(name, item) for name, item in raw["sources"].items()}
        self.keys(raw["tables"], "tables", tuple(TABLES), ("patients",))
        leave = raw.get("leave") or {}
        self.keys(leave, "leave", tuple(self.sources))
        return Map(
            path=self.path,
            calendar=raw["calendar"],
            sources=self.sources,
            blocks=[
                self.block(table, item, where)
                for table in raw["tables"]
                for where, item in self.items(raw["tables"], table, "tables")
            ],
            noted=[self.noted(item, where) for where, item in self.items(raw, "noted", "")],
            checks=[self.check(item, where) for where, item in self.items(raw, "checks", "")],
            leave={name: self.reasons(item, f"leave.{name}") for name, item in leave.items()},
            leave_files=self.reasons(raw.get("leave_files"), "leave_files"),
        )

    def source(self, name: str, raw: Any) -> Source:
        where = f"sources.{name}"
        allowed = ("file", "sheet", "header_row", "patient", "without_ending", "separator", "encoding", "empty")
        raw = self.keys(raw, where, allowed, ("patient",))
        header_row = self.text(raw.get("header_row", "1"), f"{where}.header_row")
        if not header_row.isdigit() or int(header_row) < 1:
            raise self.refuse(f"{where}.header_row", f"found {header_row!r}", "the number of the row with the headers")
        plain = {key: self.text(raw.get(key, ""), f"{where}.{key}") for key in allowed if key not in ("empty",)}
        return Source(
            name=name,
            file=plain["file"],
            sheet=plain["sheet"],
            header_row=int(header_row),
            patient=plain["patient"],
            without_ending=plain["without_ending"],
            separator=plain["separator"] or ",",
            encoding=plain["encoding"] or "utf-8-sig",
            empty=self.texts(raw.get("empty", []), f"{where}.empty"),
        )

    def source_name(self, raw: Any, where: str) -> str:
        name = self.text(raw, where)
        if name not in self.sources:
            raise self.refuse(where, f"no source is called {name!r}", "one of " + ", ".join(self.sources))
        return name

    def joins(self, raw: dict[str, Any], where: str) -> tuple[str, ...]:
        return tuple(self.source_name(name, f"{where}.join") for name in self.texts(raw.get("join", []), where))

    def conditions(self, raw: Any, where: str) -> tuple[Condition, ...]:
        if not isinstance(raw or {}, dict):
            raise self.refuse(where, f"found {raw!r}", "column: value, column: [values] or column: {below: number}")
        return tuple(self.condition(column, rule, f"{where}.{column}") for column, rule in (raw or {}).items())

    def condition(self, column: str, rule: Any, where: str) -> Condition:
        if not isinstance(rule, dict):
            return Condition(column, values=self.texts(rule, where))
        rule = dict(self.keys(rule, where, ("at_least", "at_most", "above", "below", "filled")))
        filled = rule.pop("filled", "")
        return Condition(column, bounds=tuple((k, self.text(v, where)) for k, v in rule.items()), filled=filled)

    def block(self, table: str, raw: Any, where: str) -> Block:
        allowed = ("from", "join", "when", "wide", "columns", "combine", "landmarks")
        raw = self.keys(raw, where, allowed, ("from", "columns"))
        columns = self.keys(raw["columns"], f"{where}.columns", TABLES[table].names)
        wide = raw.get("wide") or []
        prefix = self.keys(wide, f"{where}.wide", ("prefix",))["prefix"] if isinstance(wide, dict) else ""
        items = () if prefix else tuple(self.wide_item(item, at) for at, item in self.items(raw, "wide", where))
        landmarks = None
        if "landmarks" in raw:
            rule = self.keys(raw["landmarks"], f"{where}.landmarks", ("until", "progressed"), ("until", "progressed"))
            landmarks = LandmarkRule(rule["until"], self.conditions(rule["progressed"], f"{where}.landmarks"))
        block = Block(
            table=table,
            where=where,
            source=self.source_name(raw["from"], f"{where}.from"),
            join=self.joins(raw, where),
            when=self.conditions(raw.get("when"), f"{where}.when"),
            cells={name: self.cell(item, f"{where}.columns.{name}") for name, item in columns.items()},
            wide=items,
            prefix=prefix,
            combine=raw.get("combine") == "true",
            landmarks=landmarks,
        )
        return self.complete(block)

    def wide_item(self, raw: Any, where: str) -> dict[str, Cell]:
        if not isinstance(raw, dict):
            raise self.refuse(where, f"found {raw!r}", "at: 3 months, value: <column>, ...")
        item = {}
        for key, value in raw.items():
            if key == "at":
                day = landmark_day(self.text(value, where))
                if day is None:
                    raise self.refuse(f"{where}.at", f"found {value!r}", "28, 30 days, 3 months or 1 year")
                item[key] = Cell(constant=str(day))
            elif isinstance(value, str):
                item[key] = Cell(column=value)
            else:
                item[key] = Cell(
                    constant=self.text(self.keys(value, where, ("constant",), ("constant",))["constant"], where)
                )
        return item

    def complete(self, block: Block) -> Block:
        """Refuses a block that can never give a row: a required column unnamed, or a `wide` that no item has."""
        for column in TABLES[block.table].columns:
            needed = column.required or (column.unless and column.unless not in block.cells)
            if needed and column.name not in (*block.cells, "patient_id"):
                raise self.refuse(f"{block.where}.columns", f"{column.name!r} is missing", f"where {column.name} is")
        keys = {"at", "value"} if block.prefix else {key for item in block.wide for key in item}
        for name, cell in block.cells.items():
            if cell.wide and cell.wide not in keys:
                expected = "one of " + (", ".join(sorted(keys)) or "the keys of wide:, which the block lacks")
                raise self.refuse(f"{block.where}.columns.{name}.wide", f"found {cell.wide!r}", expected)
        return block

    def cell(self, raw: Any, where: str) -> Cell:
        if isinstance(raw, str):
            return Cell(column=raw)
        allowed = (
            "column", "constant", "wide", "value_map", "skip", "only", "negate", "plus", "after", "cap_at",
            "date_format", "because", "when",
        )  # fmt: skip
        raw = self.keys(raw, where, allowed)
        if sum(key in raw for key in ("column", "constant", "wide")) != 1:
            raise self.refuse(where, "not one origin", "exactly one of column, constant, wide")
        plain = {
            key: self.text(raw.get(key, ""), f"{where}.{key}")
            for key in ("column", "constant", "wide", "after", "cap_at", "date_format", "because")
        }
        codes = raw.get("value_map") or {}
        plus = self.text(raw.get("plus", "0"), f"{where}.plus")
        if not plus.isdigit():
            raise self.refuse(f"{where}.plus", f"found {plus!r}", "a whole number")
        if not isinstance(codes, dict):
            raise self.refuse(f"{where}.value_map", f"found {codes!r}", "code: meaning")
        return Cell(
            **plain,
            codes=tuple((key, self.code(value, f"{where}.value_map.{key}")) for key, value in codes.items()),
            skip=self.texts(raw.get("skip", []), f"{where}.skip"),
            only=self.texts(raw.get("only", []), f"{where}.only"),
            plus=int(plus),
            negate=raw.get("negate") == "true",
            when=self.conditions(raw.get("when"), f"{where}.when"),
        )

    def code(self, raw: Any, where: str) -> Code:
        if isinstance(raw, str):
            return Code(raw)
        raw = self.keys(raw, where, ("as", "because"), ("as", "because"))
        return Code(self.text(raw["as"], where), self.text(raw["because"], where))

    def severity(self, raw: dict[str, Any], where: str, default: str) -> str:
        severity = raw.get("severity", default)
        if severity not in SEVERITIES:
            raise self.refuse(f"{where}.severity", f"found {severity!r}", "one of " + ", ".join(SEVERITIES))
        return severity

    def noted(self, raw: Any, where: str) -> Noted:
        needed = ("from", "columns", "problem", "says")
        raw = self.keys(raw, where, (*needed, "severity"), needed)
        return Noted(
            where=where,
            source=self.source_name(raw["from"], f"{where}.from"),
            columns=self.texts(raw["columns"], f"{where}.columns"),
            problem=self.text(raw["problem"], where),
            severity=self.severity(raw, where, "info"),
            says=self.text(raw["says"], where),
        )

    def check(self, raw: Any, where: str) -> Check:
        allowed = ("from", "join", "when", "problem", "severity", "says", "compare", "any_of", "holds")
        raw = self.keys(raw, where, allowed, ("from", "problem", "says"))
        if ("compare" in raw) == ("any_of" in raw):
            raise self.refuse(where, "not one kind of check", "either compare: or any_of:")
        return Check(
            where=where,
            source=self.source_name(raw["from"], f"{where}.from"),
            join=self.joins(raw, where),
            when=self.conditions(raw.get("when"), f"{where}.when"),
            problem=self.text(raw["problem"], where),
            severity=self.severity(raw, where, "warning"),
            says=self.text(raw["says"], where),
            compare=self.comparison(raw["compare"], f"{where}.compare") if "compare" in raw else None,
            any_of=self.texts(raw.get("any_of", []), f"{where}.any_of"),
            holds=self.texts(raw.get("holds", []), f"{where}.holds"),
        )

    def comparison(self, raw: Any, where: str) -> tuple[str, str, str]:
        relations = ("at_least", "at_most", "above", "below", "equals")
        raw = self.keys(raw, where, ("column", *relations), ("column",))
        given = [relation for relation in relations if relation in raw]
        if len(given) != 1:
            raise self.refuse(where, f"found {', '.join(given) or 'no relation'}", "one of " + ", ".join(relations))
        return self.text(raw["column"], where), given[0], self.text(raw[given[0]], where)
