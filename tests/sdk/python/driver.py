"""Drives the official Python SDK's OAuth client; see ../README.md for the lines it speaks."""

import json
import sys
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import anyio
import anyio.to_thread
import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)

REQUESTS: list[list[Any]] = []


class AuthorizationNeeded(Exception):
    """The SDK wanted a person again after the connection had been made."""


def say(event: str, **fields: Any) -> None:
    print(json.dumps({"event": event, "requests": REQUESTS, **fields}), flush=True)
    REQUESTS.clear()


async def hear() -> dict[str, Any]:
    line = await anyio.to_thread.run_sync(sys.stdin.readline)
    if not line:
        raise SystemExit(0)
    return json.loads(line)


class Memory:
    """Keeps what the SDK wants kept, and tells the harness, whose canary must know every secret."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens
        say(
            "tokens",
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            expires_in=tokens.expires_in,
            scope=tokens.scope,
        )

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info
        say("registered", client_id=client_info.client_id)


async def note(response: httpx2.Response) -> None:
    REQUESTS.append([response.request.method, response.request.url.path, response.status_code])


async def main(url: str, mode: str, redirect_uri: str) -> None:
    memory = Memory()
    connected = False
    refused = False

    async def redirect(authorize_url: str) -> None:
        nonlocal refused
        if connected:
            refused = True
            raise AuthorizationNeeded
        say("authorize", url=authorize_url)

    async def callback() -> AuthorizationCodeResult:
        answer = parse_qs(urlsplit((await hear())["callback"]).query)
        if "error" in answer:
            raise SystemExit(f"the authorization was refused: {answer}")
        return AuthorizationCodeResult(
            code=answer["code"][0], state=answer["state"][0], iss=answer["iss"][0]
        )

    provider = OAuthClientProvider(
        server_url=url,
        client_metadata=OAuthClientMetadata(
            client_name="Python SDK", redirect_uris=[redirect_uri], token_endpoint_auth_method="none"
        ),
        storage=memory,
        redirect_handler=redirect,
        callback_handler=callback,
    )
    hooks = {"response": [note]}
    async with httpx2.AsyncClient(auth=provider, event_hooks=hooks, timeout=60) as http:
        assert (await hear())["do"] == "connect"
        try:
            async with Client(streamable_http_client(url, http_client=http), mode=mode) as client:
                tools = await client.list_tools()
                connected = True
                say(
                    "connected",
                    protocol=client.protocol_version,
                    tools=[tool.name for tool in tools.tools],
                )
                while True:
                    command = await hear()
                    match command["do"]:
                        case "call":
                            result = await client.call_tool(command["tool"], command["arguments"])
                            text = "".join(getattr(item, "text", "") for item in result.content)
                            say("called", text=text, error=bool(result.is_error))
                        case "expire":
                            provider.context.token_expiry_time = time.time() - 1
                            say("expired")
                        case "revoke":
                            assert memory.tokens and memory.client and provider.context.oauth_metadata
                            form = {"token": memory.tokens.refresh_token, "client_id": memory.client.client_id}
                            endpoint = str(provider.context.oauth_metadata.revocation_endpoint)
                            async with httpx2.AsyncClient(event_hooks=hooks) as plain:
                                answer = await plain.post(endpoint, data=form)
                            say("revoked", status=answer.status_code)
                        case other:
                            raise SystemExit(f"unknown command {other}")
        except Exception:
            # Which of the errors that follow comes out first is the SDK's business.
            if not refused:
                raise
            say("refused")


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], sys.argv[2], sys.argv[3])
