"""The first tables, and the triggers that keep append-only tables append-only."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID, HASH, NAME, PATIENT, MOMENT = sa.String(32), sa.String(64), sa.String(64), sa.String(200), sa.String(27)
APPEND_ONLY = ("audit", "note_texts", "adjudications")


def upgrade() -> None:
    _people()
    _registries()
    _access()
    _notes()
    _audit()
    for table in APPEND_ONLY:
        _refuse_changes(table)


def downgrade() -> None:
    raise NotImplementedError("The first step is not undone: it would remove everything. Restore a backup instead.")


def _people() -> None:
    op.create_table(
        "users",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("password", sa.String(255), nullable=False),
        sa.Column("admin", sa.Boolean, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name", name="uq_users_name"),
    )
    op.create_table(
        "throttles",
        sa.Column("mark", HASH, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("locked_until", MOMENT),
        sa.PrimaryKeyConstraint("mark", name="pk_throttles"),
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", HASH, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_sessions"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])


def _registries() -> None:
    op.create_table(
        "registries",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", PATIENT, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("made_by", NAME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registries"),
    )
    op.create_table(
        "versions",
        sa.Column("id", ID, nullable=False),
        sa.Column("registry_id", ID, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("made_by", NAME, nullable=False),
        sa.Column("patients", sa.Integer, nullable=False),
        sa.Column("findings", sa.Text, nullable=False),
        sa.Column("manifest_hash", HASH, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_versions"),
        sa.ForeignKeyConstraint(["registry_id"], ["registries.id"], name="fk_versions_registry_id"),
        sa.UniqueConstraint("registry_id", "number", name="uq_versions_registry_id"),
    )
    op.create_table(
        "currents",
        sa.Column("registry_id", ID, nullable=False),
        sa.Column("version_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("registry_id", name="pk_currents"),
        sa.ForeignKeyConstraint(["registry_id"], ["registries.id"], name="fk_currents_registry_id"),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_currents_version_id"),
    )


def _access() -> None:
    op.create_table(
        "grants",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("registry_id", ID, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "registry_id", name="pk_grants"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_grants_user_id"),
        sa.ForeignKeyConstraint(["registry_id"], ["registries.id"], name="fk_grants_registry_id"),
    )


def _notes() -> None:
    op.create_table(
        "notes",
        sa.Column("id", ID, nullable=False),
        sa.Column("registry_id", ID, nullable=False),
        sa.Column("patient_id", PATIENT, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notes"),
        sa.ForeignKeyConstraint(["registry_id"], ["registries.id"], name="fk_notes_registry_id"),
    )
    op.create_index("ix_notes_registry_id", "notes", ["registry_id"])
    op.create_table(
        "note_texts",
        sa.Column("note_id", ID, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        sa.Column("who", NAME, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("note_id", "version", name="pk_note_texts"),
        sa.ForeignKeyConstraint(["note_id"], ["notes.id"], name="fk_note_texts_note_id"),
    )
    op.create_table(
        "adjudications",
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("registry_id", ID, nullable=False),
        sa.Column("version_id", ID, nullable=False),
        sa.Column("patient_id", PATIENT, nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("visit", sa.String(32), nullable=False),
        sa.Column("derived", sa.String(8)),
        sa.Column("category", sa.String(8)),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("who", NAME, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_adjudications"),
        sa.ForeignKeyConstraint(["registry_id"], ["registries.id"], name="fk_adjudications_registry_id"),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_adjudications_version_id"),
    )
    op.create_index("ix_adjudications_registry_id", "adjudications", ["registry_id"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("who", NAME, nullable=False),
        sa.Column("verb", sa.String(32), nullable=False),
        sa.Column("registry_id", ID),
        sa.Column("patient_mark", HASH),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("previous", HASH, nullable=False),
        sa.Column("own", HASH, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
    )
    op.create_index("ix_audit_patient_mark", "audit", ["patient_mark"])
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("own", HASH, nullable=False),
        sa.Column("signature", HASH, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
    )


def _refuse_changes(table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        for deed in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{deed.lower()} BEFORE {deed} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_refuses() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuses()"
    )
