"""Registries, people, notes and the audit log: what the product keeps between two questions.

from mspike.store import Store

with Store.open("data") as store:
    store.registries, store.people, store.sessions, store.notes, store.adjudications, store.audit
"""

from mspike.store.house import Store as Store
