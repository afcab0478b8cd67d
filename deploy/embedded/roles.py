"""The database `muster` and its login roles: each process connects as one of its own.

Passwords are random, one a role and home, kept in files that only the operator can read.
"""

from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from deploy.embedded.home import Home
from deploy.embedded.postgres import Cluster

DATABASE = "muster"
_LOGIN_ROLES = ("muster_bridge", "muster_jobs", "muster_api", "muster_inspect")


def ensure_database(cluster: Cluster) -> str:
    """A superuser's connection string to the database, which is made if it is not there."""
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        found = connection.execute("select from pg_database where datname = %s", (DATABASE,))
        if found.fetchone() is None:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))
    return cluster.dsn(dbname=DATABASE)


def give_passwords(home: Home, admin_dsn: str) -> None:
    """Let each login role in, and write its connection string to `dsn_file`."""
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        for role in _LOGIN_ROLES:
            password = home.secret(f"{role}.password").read_text("utf-8")
            statement = sql.SQL("alter role {} login password {}")
            connection.execute(statement.format(sql.Identifier(role), sql.Literal(password)))
            given = conninfo_to_dict(admin_dsn) | {"user": role, "password": password}
            home.secret(f"{role}.dsn", make_conninfo("", **given))


def dsn_file(home: Home, role: str) -> Path:
    """The file with the connection string of this role."""
    return home.secret(f"{role}.dsn")


def inspection_uri(home: Home, admin_dsn: str) -> str:
    """A URI for looking around: read-only, its password not in it but in a file that it names."""
    given = conninfo_to_dict(admin_dsn) | {"user": "muster_inspect"}
    host, port = str(given.get("host", "localhost")), str(given.get("port", 5432))
    dbname = str(given.get("dbname", DATABASE))
    password = home.secret("muster_inspect.password").read_text("utf-8")
    line = f"{host}:{port}:{dbname}:muster_inspect:{password}\n"
    options = {"passfile": str(home.secret("muster_inspect.pgpass", line))}
    if "sslmode" in given:
        options["sslmode"] = str(given["sslmode"])
    where = f"{quote(host, safe='')}:{port}/{quote(dbname)}"
    return f"postgresql://muster_inspect@{where}?{urlencode(options)}"
