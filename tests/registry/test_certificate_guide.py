"""What the guide for terminal makers tells a device to do, done with OpenSSL itself."""

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from registry.authority import Authority

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "terminal-maker.md"


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl on this machine")
def test_the_lines_of_the_guide_work(tmp_path: Path) -> None:
    """Key and request by the first lines; the certificate that comes back passes the others."""
    text = GUIDE.read_text("utf-8").partition("## A certificate")[2].partition("\n## ")[0]
    asking, looking = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    authority = Authority.make(tmp_path / "ca", datetime.now(UTC))

    def run(lines: str) -> str:
        done = subprocess.run(
            ["sh", "-ec", lines], cwd=tmp_path, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(asking)
    request = (tmp_path / "METER-1.csr").read_text()
    issued = authority.sign(request, "METER-1", now=datetime.now(UTC), lasting=timedelta(days=90))
    (tmp_path / "METER-1.pem").write_text(issued.pem)
    (tmp_path / "terminals-ca.pem").write_text(issued.authority_pem)
    said = run(looking)

    assert "METER-1.pem: OK" in said
    assert re.search(r"subject=\s*CN\s*=\s*METER-1", said)
