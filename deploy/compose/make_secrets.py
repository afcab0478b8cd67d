"""Make the random secrets and the folders of the compose file, once; those that exist are kept.

Standard library only: runs on the Docker host before anything is built.
"""

import secrets
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROLES = {"postgres": "postgres", "bridge": "muster_bridge", "jobs": "muster_jobs",
         "api": "muster_api"}  # fmt: skip


def main() -> None:
    """Write `secrets/*` (0600) and make the folders that the services keep things in (0700)."""
    for name in ("secrets", "accounts", "broker", "spool", "metrics", "grafana"):
        (HERE / name).mkdir(mode=0o700, exist_ok=True)
    for name in ("admin", "broker", "secret_key", "grafana", "muster_inspect"):
        keep(name, secrets.token_urlsafe(24))
    for short, role in ROLES.items():
        word = keep(role, secrets.token_urlsafe(24))
        keep(f"database_url_{short}", f"postgresql://{role}:{word}@database:5432/muster")


def keep(name: str, fresh: str) -> str:
    """What the secret is, now or since an earlier run."""
    path = HERE / "secrets" / name
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(fresh, "utf-8")
    return path.read_text("utf-8")


if __name__ == "__main__":
    main()
