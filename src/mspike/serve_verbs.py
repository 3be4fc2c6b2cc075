"""The verb that shows a registry in a browser on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mspike.arguments import EDITION, Edition, Registry, Set, settings_given
from mspike.errors import WrongUsage

LOOPBACK = ("127.0.0.1", "localhost", "::1")
KEEP_ALIVE = 75  # seconds: after 5, as by default, a slow reader met a connection that had just been closed


def serve(
    registry: Registry,
    port: Annotated[int, typer.Option(help="Port to listen at.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen at: this machine only.")] = "127.0.0.1",
    on: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Only what was known on this date (or day); all where none is named."),
    ] = None,
    house: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where what is computed is kept; MSPIKE_HOUSE, else your data folder."),
    ] = None,
    edition: Edition = EDITION,
    set_: Set = None,
) -> None:
    """Show a registry in a browser, on this machine only.

    The first time a registry is derived as a whole (about a minute for 5,000 patients); later it opens at once.

    \b
    Example:
      mspike serve registry --port 8000
    """
    if host not in LOOPBACK:
        raise WrongUsage(
            f"--host {host}: there are no accounts yet, so patients would lie open to the network; expected one of "
            f"{', '.join(LOOPBACK)}. To look from elsewhere, forward the port: ssh -L {port}:127.0.0.1:{port} MACHINE."
        )
    import uvicorn

    from mspike.check import naming_damage
    from mspike.report.terminal import counted, progress
    from mspike.serve.app import app_of
    from mspike.serve.hall import default_house, open_hall

    with naming_damage(registry), progress("serve") as tell:
        hall = open_hall(
            registry, house or default_house(), on=on, edition=edition, settings=settings_given(set_), progress=tell
        )
    shown = f"[{host}]" if ":" in host else host
    print(f"{counted(len(hall.rows), 'patient')} at http://{shown}:{port}/ (stop with Ctrl-C)", flush=True)
    # No access log: whoever reads logs has no business with whose page was opened.
    uvicorn.run(app_of(hall), host=host, port=port, access_log=False, log_level="warning", server_header=False,
                timeout_keep_alive=KEEP_ALIVE)  # fmt: skip
