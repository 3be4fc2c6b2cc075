"""`mspike serve` listens on this machine only."""

from __future__ import annotations

import pytest

from mspike.errors import WrongUsage
from mspike.serve_verbs import serve


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])
def test_any_other_address_is_refused_with_a_way_out(tmp_path, host):
    with pytest.raises(WrongUsage, match=r"no accounts yet.*expected one of 127.0.0.1.*ssh -L"):
        serve(tmp_path, host=host)
