"""The criteria of an edition and the settings, as the terminal shows them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from mspike.errors import WrongUsage
from mspike.knowledge.criteria import Criteria, Rule, bibliography, criteria, editions
from mspike.report.terminal import counted, say, say_table, wrapped
from mspike.response.meanings import MEANING as MEANING
from mspike.response.settings import CHOICES, Settings


def declared_settings(edition: str) -> list[dict[str, Any]]:
    """Every setting with its default, what this edition makes of it, its choices and its meaning."""
    of_edition = criteria(edition).defaults
    plain = Settings().as_text()
    return [
        {
            "setting": f.name,
            "default": plain[f.name],
            "edition_default": _text(of_edition[f.name]) if f.name in of_edition else plain[f.name],
            "choices": list(CHOICES.get(f.name, ("true", "false") if isinstance(f.default, bool) else ())),
            "meaning": MEANING[f.name],
        }
        for f in fields(Settings)
    ]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def print_settings(settings: list[dict[str, Any]], edition: str) -> None:
    """One row a setting; where the edition has a default of its own, that is shown."""
    rows = []
    for s in settings:
        default = s["edition_default"] + ("†" if s["edition_default"] != s["default"] else "")
        others = [c for c in s["choices"] if c != s["edition_default"]]
        rows.append((s["setting"], "\n".join([default, *(f"or {c}" for c in others)]), s["meaning"]))
    say(f"Settings of edition {edition}. Change one with --set name=value; --set wins over the edition.", "")
    say_table(("setting", "default", "meaning"), rows, whole=("setting", "default"))
    if any(s["edition_default"] != s["default"] for s in settings):
        say("", f"† set by edition {edition}")


def rule_told(rule: Rule, edition: str) -> dict[str, Any]:
    """A rule as any report tells it: what it says, its numbers, its source and how that was checked."""
    source = bibliography()[rule.source]
    return {
        "rule": rule.id,
        "edition": edition,
        "says": rule.says,
        "thresholds": {name: str(value) for name, value in rule.values.items()},
        "source": rule.source,
        "where": rule.where,
        "checked": rule.checked,
        "cited": f"{source['title']}. {source['authors'].rstrip('.')}. {source['where']}.",
        "defined": not rule.absent,
    }


def declared_rules(edition: str, only: str | None = None) -> list[dict[str, Any]]:
    """Every rule of an edition, or those whose id begins with `only`. Raises WrongUsage where none does."""
    rules = criteria(edition)
    chosen = [r for r in rules.rules.values() if only is None or r.id.startswith(only)]
    if not chosen:
        raise WrongUsage(f"criteria: no rule of {edition} begins with {only}. Rules: {', '.join(rules.rules)}.")
    return [rule_told(rule, edition) for rule in chosen]


def print_criteria(rules: list[dict[str, Any]], edition: str) -> None:
    """Rules as paragraphs: an id, a sentence, the numbers, the place they come from."""
    told: Criteria = criteria(edition)
    say(f"{told.title} ({edition}): {counted(len(rules), 'rule')}. Other editions: {_others(edition)}.")
    for rule in rules:
        print()
        print_rule(rule)
    say("", "checked: how a number was checked: article, abstract, secondary-table, memory, or convention (our own).")


def _others(edition: str) -> str:
    return ", ".join(e for e in editions() if e != edition) or "none"


def print_rule(rule: dict[str, Any], indent: str = "") -> None:
    """One rule: id, statement, thresholds, source."""
    print(wrapped(f"{indent}{rule['rule']}" + ("" if rule["defined"] else "  (not defined in this edition)")))
    print(wrapped(f"{indent}    {rule['says']}"))
    if rule["thresholds"]:
        numbers = "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in rule["thresholds"].items())
        print(wrapped(f"{indent}    thresholds  {numbers}", hang=12))
    print(wrapped(f"{indent}    source      {source_of(rule)}", hang=12))


def source_of(rule: dict[str, Any]) -> str:
    """Source, place in it, and how it was checked."""
    return f"{rule['source']}, {rule['where']} (checked: {rule['checked']}; edition {rule['edition']})"
