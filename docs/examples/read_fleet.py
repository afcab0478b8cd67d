"""Read a fleet from Muster's API: newest values, a series as CSV, whatever has many pages.

    export API=https://muster.example KEY=mk_...
    python3 read_fleet.py latest SM-320500-00017
    python3 read_fleet.py series SM-320500-00017 voltage_a 2026-11-01T00:00:00Z 2026-12-01T00:00:00Z > nov.csv
    python3 read_fleet.py terminals

Python 3.8 or newer, nothing else. Copy it and make it yours.
"""

import json
import os
import re
import shutil
import sys
import time
import urllib.error
import urllib.parse
import urllib.request


class Refused(Exception):
    """The API says no: one sentence, what to do about it, and a `code` that never changes."""

    def __init__(self, problem):
        super().__init__(f"{problem['detail']} {problem['remedy']}")
        self.code = problem["code"]


class Muster:
    """The API as one key sees it."""

    def __init__(self, address, key):
        self.address = address.rstrip("/")
        self.key = key

    def ask(self, path, accept="application/json", **query):
        """An open answer; waits, as long as it is told to, where more is asked than is allowed."""
        given = {name: value for name, value in query.items() if value is not None}
        address = urllib.parse.urljoin(self.address, path)
        if given:
            address += "?" + urllib.parse.urlencode(given)
        headers = {"Authorization": f"Bearer {self.key}", "Accept": accept}
        while True:
            request = urllib.request.Request(address, headers=headers)
            try:
                return urllib.request.urlopen(request, timeout=60)
            except urllib.error.HTTPError as error:
                with error:
                    if error.code != 429:
                        raise Refused(json.load(error)) from None
                    time.sleep(int(error.headers["Retry-After"]))

    def latest(self, code):
        """The newest value of each metric of a terminal."""
        with self.ask(f"/api/v1/terminals/{code}/latest") as answer:
            return json.load(answer)

    def save_series(self, file, code, metric, start, end, step=None, aggregate=None):
        """Write a metric's values from `start` to `end` (RFC 3339) into a file, as CSV."""
        window = {"from": start, "to": end, "metric": metric, "step": step, "aggregate": aggregate}
        path = f"/api/v1/terminals/{code}/telemetry"
        with self.ask(path, accept="text/csv", **window) as answer:
            shutil.copyfileobj(answer, file)

    def pages(self, path, **query):
        """Every item of a list, however many pages it has."""
        while path:
            with self.ask(path, **query) as answer:
                following = re.search(r'<([^>]+)>; rel="next"', answer.headers.get("Link") or "")
                items = json.load(answer)["items"]
            yield from items
            path, query = (following.group(1), {}) if following else (None, {})


def main():
    """Do what the command line says."""
    muster, (what, *more) = Muster(os.environ["API"], os.environ["KEY"]), sys.argv[1:]
    if what == "latest":
        json.dump(muster.latest(*more), sys.stdout, indent=1)
    elif what == "series":
        muster.save_series(sys.stdout.buffer, *more)
    elif what == "terminals":
        for terminal in muster.pages("/api/v1/terminals", limit=500):
            sys.stdout.write(f"{terminal['code']}\t{terminal['state']}\n")


if __name__ == "__main__":
    try:
        main()
    except Refused as refusal:
        sys.exit(str(refusal))
