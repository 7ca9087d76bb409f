"""The protocol's calls as GraphQL, with what this server knows of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .client import Client, ClientError, Unauthenticated, Unreachable

_ERRORS = "userErrors { code message path }"

FEATURES = """query Features {
  register: __type(name: "RegisterRunnerInput") { inputFields { name } }
  heartbeat: __type(name: "HeartbeatInput") { inputFields { name } }
  beat: __type(name: "HeartbeatPayload") { fields { name } }
  progress: __type(name: "ReportProgressInput") { inputFields { name } }
  claim: __type(name: "JobClaim") { fields { name } }
  mutation: __type(name: "Mutation") { fields { name } }
}"""

REGISTER = f"""mutation RegisterRunner($input: RegisterRunnerInput!) {{
  registerRunner(input: $input) {{ runner {{ id }} leaseSeconds heartbeatSeconds {_ERRORS} }}
}}"""
DRAIN = f"mutation DrainRunner($input: DrainRunnerInput!) {{ drainRunner(input: $input) {{ {_ERRORS} }} }}"
PROGRESS = f"""mutation ReportProgress($input: ReportProgressInput!) {{
  reportProgress(input: $input) {{ cancelRequested {_ERRORS} }}
}}"""
LOGS = f"mutation ReportLogs($input: ReportLogsInput!) {{ reportLogs(input: $input) {{ stored {_ERRORS} }} }}"
COMPLETE = f"mutation CompleteJob($input: CompleteJobInput!) {{ completeJob(input: $input) {{ job {{ id }} {_ERRORS} }} }}"
FAIL = f"mutation FailJob($input: FailJobInput!) {{ failJob(input: $input) {{ job {{ id }} {_ERRORS} }} }}"
CREATE_UPLOAD = f"""mutation CreateUpload($input: CreateUploadInput!) {{
  createUpload(input: $input) {{ upload {{ id url received status }} {_ERRORS} }}
}}"""
COMPLETE_UPLOAD = f"""mutation CompleteUpload($input: CompleteUploadInput!) {{
  completeUpload(input: $input) {{ upload {{ id }} {_ERRORS} }}
}}"""
UPLOAD = "query Upload($id: ID!) { upload(id: $id) { received status } }"


@dataclass(frozen=True)
class Features:
    """What the server can do besides the first version of the protocol. Asked once, when the runner starts."""

    capacity: bool = True
    drain: bool = True
    #: `heartbeat` waits for a cancel.
    wait: bool = True
    #: `heartbeat` gives fresh tokens.
    token: bool = True
    live_metrics: bool = True
    logs: bool = True
    #: A claim may ask for a part of a dataset.
    rows: bool = True

    @classmethod
    async def of(cls, client: Client) -> Features:
        """A server that does not show its schema is taken to have everything."""
        try:
            data = await client.call("Features", FEATURES, {})
        except (Unreachable, Unauthenticated):
            raise
        except ClientError:
            return cls()
        return cls.from_data(data)

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Features:
        names = {key: _names(value) for key, value in data.items()}
        if not names.get("mutation"):
            return cls()
        return cls(
            capacity="capacity" in names["register"],
            drain="drainRunner" in names["mutation"],
            wait="waitSeconds" in names["heartbeat"],
            token="token" in names["beat"],
            live_metrics="metrics" in names["progress"],
            logs="reportLogs" in names["mutation"],
            rows="rows" in names["claim"],
        )

    @property
    def claim(self) -> str:
        rows = "rows { first count }" if self.rows else ""
        return f"""mutation ClaimJob($input: ClaimJobInput!) {{
  claimJob(input: $input) {{
    claim {{
      project attempt token {rows}
      job {{ id kind detectorName detectorVersion hyperparameters seed }}
      dataset {{ version url sha256 size format rowCount featureColumns timeColumn labelColumn }}
      artifact {{ version url sha256 size format threshold }}
    }}
    {_ERRORS}
  }}
}}"""

    @property
    def heartbeat(self) -> str:
        token = "token" if self.token else ""
        return f"""mutation Heartbeat($input: HeartbeatInput!) {{
  heartbeat(input: $input) {{ cancelRequested {token} {_ERRORS} }}
}}"""


def _names(kind: Any) -> set[str]:
    fields = (kind or {}).get("inputFields") or (kind or {}).get("fields") or []
    return {field["name"] for field in fields}
