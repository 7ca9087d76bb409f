"""The load generator: wrk over loopback with requests that were made beforehand."""
import json
import subprocess

from .places import program

SCRIPT = """
local requests, at = {}, 0
for line in io.lines("%s") do
  local method, path, body = line:match("^(%%S+) (%%S+) ?(.*)$")
  if body == "" then body = nil end
  requests[#requests + 1] = wrk.format(method, path, nil, body)
end
request = function()
  at = at %% #requests + 1
  return requests[at]
end
"""

# Every body another one: `@SERIAL@` becomes a number that no other request of the run has.
UNIQUE_SCRIPT = """
local file = io.open("%s")
local method, path, body = file:read("*a"):match("^(%%S+) (%%S+) (.*)$")
local before, after = body:match("^(.-)@SERIAL@(.*)$")
local at = 0
request = function()
  at = at + 1
  return wrk.format(method, path, nil, before .. "%s-" .. at .. after)
end
"""

DONE = """
done = function(summary, latency, requests)
  local e = summary.errors
  print(string.format('RESULT {"p50": %.3f, "p95": %.3f, "p99": %.3f, "requests": %d, "seconds": %.6f, "bytes": %d, "errors": %d}',
    latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000, summary.requests,
    summary.duration / 1e6, summary.bytes, e.connect + e.read + e.write + e.status + e.timeout))
end
"""


class Load:
    """Requests for one server, kept in a file that wrk reads."""

    def __init__(self, directory, name, base, requests, headers=None, unique=None):
        self.base = base
        self.name = name
        directory.mkdir(parents=True, exist_ok=True)
        lines = directory / f"{name}.requests"
        lines.write_text("\n".join(f"{method} {path} {body or ''}".rstrip() for method, path, body in requests))
        head = "".join(f'wrk.headers["{key}"] = "{value}"\n' for key, value in {"content-type": "application/json", **(headers or {})}.items())
        middle = UNIQUE_SCRIPT % (lines, unique) if unique else SCRIPT % lines
        self.script = directory / f"{name}.lua"
        self.script.write_text(head + middle + DONE)

    def run(self, clients, seconds):
        """Latencies in ms, requests a second, bytes an answer."""
        command = [program("wrk", "wrk"), "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "60s", "-s", str(self.script), self.base]
        done = subprocess.run(command, capture_output=True, text=True)
        line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
        if line is None:
            raise RuntimeError(f"wrk has no result for {self.name}: {done.stdout}{done.stderr}")
        found = json.loads(line.removeprefix("RESULT "))
        if found["errors"] or not found["requests"]:
            raise RuntimeError(f"{self.name}: {found['errors']} of {found['requests']} requests failed")
        return {"p50": found["p50"], "p95": found["p95"], "p99": found["p99"], "rps": found["requests"] / found["seconds"],
                "bytes": found["bytes"] / found["requests"], "requests": found["requests"]}
