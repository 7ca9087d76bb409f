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

# Every body another one: `@SERIAL@` becomes a text that no other request has, `@MODEL@` one of 500 numbers.
UNIQUE_SCRIPT = """
local method, path, body = io.open("%s"):read("*a"):match("^(%%S+) (%%S+) (.*)$")
local at = 0
request = function()
  at = at + 1
  local filled = body:gsub("@SERIAL@", "%s-" .. at):gsub("@MODEL@", tostring(at %% 500))
  return wrk.format(method, path, nil, filled)
end
"""

# Looking into every answer costs the load generator too much for what is measured: only warming up does it.
LOOK = """
local wrong = 0
response = function(status, headers, body)
  if body:find('"errors":', 1, true) or body:find('"userErrors":[{', 1, true) then
    wrong = wrong + 1
    if wrong == 1 then print("WRONG " .. body:sub(1, 500)) end
  end
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

# Seconds; what has not answered once by then counts as this slow.
PATIENCE = 40


class Load:
    """Requests for one server, kept in a file that wrk reads."""

    def __init__(self, directory, name, base, requests, headers=None, unique=None):
        self.base = base
        self.name = name
        directory.mkdir(parents=True, exist_ok=True)
        lines = directory / f"{name}.requests"
        lines.write_text("\n".join(f"{method} {path} {body or ''}".rstrip() for method, path, body in requests))
        # The requests are made before wrk would have added the host.
        headers = {"Host": base.split("//")[1], "content-type": "application/json", **(headers or {})}
        head = "".join(f'wrk.headers["{key}"] = "{value}"\n' for key, value in headers.items())
        middle = UNIQUE_SCRIPT % (lines, unique) if unique else SCRIPT % lines
        self.script = directory / f"{name}.lua"
        self.script.write_text(head + middle + DONE)
        self.looking = directory / f"{name}-looking.lua"
        self.looking.write_text(head + middle + LOOK + DONE)

    def run(self, clients, seconds, look=False):
        """Latencies in ms, requests a second, bytes an answer. With `look`, an error in an answer is one of the run."""
        command = [program("wrk", "wrk"), "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "60s"]
        script = self.looking if look else self.script
        done = subprocess.run([*command, "-s", str(script), self.base], capture_output=True, text=True)
        line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
        wrong = next((line for line in done.stdout.splitlines() if line.startswith("WRONG ")), None)
        if line is None or wrong:
            raise RuntimeError(f"{self.name}: {wrong or done.stdout + done.stderr}")
        found = json.loads(line.removeprefix("RESULT "))
        if found["errors"]:
            raise RuntimeError(f"{self.name}: {found['errors']} of {found['requests']} requests failed")
        if not found["requests"]:
            # wrk forgets what is under way at the end: a slow answer needs a longer run.
            if seconds < PATIENCE:
                return self.run(clients, min(seconds * 5, PATIENCE), look)
            return {"p50": seconds * 1e3, "p95": seconds * 1e3, "p99": seconds * 1e3, "rps": 0, "bytes": 0, "requests": 0}
        return {"p50": found["p50"], "p95": found["p95"], "p99": found["p99"], "rps": found["requests"] / found["seconds"],
                "bytes": found["bytes"] / found["requests"], "requests": found["requests"]}
