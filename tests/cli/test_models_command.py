"""`veracity models` and `veracity keys check`: what there is, and which keys work, without showing one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from typer.testing import CliRunner, Result

from veracity.cli.app import app
from veracity.cli.models import show
from veracity.core.errors import VeracityError
from veracity.models.catalogue import catalogue
from veracity.models.resolve import KINDS

CANARY = "sk-canary-7f3a"


@pytest.fixture(autouse=True)
def _own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERACITY_CATALOGUE", str(tmp_path / "catalogue.yaml"))
    monkeypatch.setenv("VERACITY_KEYS", str(tmp_path / "keys.yaml"))
    for provider in catalogue().providers:
        monkeypatch.delenv(f"{provider.upper()}_API_KEY", raising=False)


def veracity(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments])


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, list[tuple[str, dict[str, str]]]]]:
    """A real server whose paths accept, refuse, redirect, hang or fail; and the requests that it saw."""
    seen: list[tuple[str, dict[str, str]]] = []
    loop, ready = asyncio.new_event_loop(), threading.Event()
    url: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append((request.path, dict(request.headers)))
        if request.path == "/hangs":
            await asyncio.sleep(60)
        if request.path == "/redirects":
            raise web.HTTPFound(f"{url[0]}/stolen?key={request.headers['Authorization']}")
        status = {"/accepts": 200, "/refuses": 401, "/busy": 429, "/fails": 503}[request.path]
        return web.Response(status=status, text=f"you sent {request.headers.get('Authorization')}")

    async def start() -> None:
        application = web.Application()
        application.router.add_get("/{path}", answer)
        runner = web.AppRunner(application, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url.append(str(runner.addresses[0][1]))
        ready.set()

    def run() -> None:
        loop.run_until_complete(start())
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    url[0] = f"http://127.0.0.1:{url[0]}"
    yield url[0], seen
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)


def provide(tmp_path: Path, url: str, paths: dict[str, str], header: str = "Authorization") -> None:
    """The user's own catalogue sends the checks of some providers to the server of the test."""
    entries = {name: {"check": f"{url}/{path}", "header": header} for name, path in paths.items()}
    (tmp_path / "catalogue.yaml").write_text(yaml.safe_dump({"providers": entries}))


def test_each_provider_is_tried_at_once_and_no_key_is_shown(server, tmp_path, monkeypatch, caplog):
    url, seen = server
    paths = {"openai": "accepts", "together": "refuses", "deepseek": "hangs", "mistral": "fails", "grok": "redirects"}
    provide(tmp_path, url, paths | {"google": "busy"})
    for name in [*paths, "google"]:
        monkeypatch.setenv(f"{name.upper()}_API_KEY", f"{CANARY}-{name}")
    done = veracity("keys", "check", *paths, "google", "anthropic", "--timeout", "1")
    states = {line.split()[0]: line for line in done.output.splitlines() if line.split()[:1]}
    assert "reachable" in states["openai"] and "reachable" in states["google"]
    assert "refused" in states["together"] and "HTTP 401" in states["together"]
    assert "unreachable" in states["deepseek"] and "no answer in 1 s" in states["deepseek"]
    assert "HTTP 503" in states["mistral"] and "HTTP 302" in states["grok"]
    assert "no key" in states["anthropic"] and "ANTHROPIC_API_KEY" in states["anthropic"]
    assert done.exit_code == 1, "a key that is there and of no use is an error"
    assert CANARY not in done.output and CANARY not in caplog.text
    assert ("/accepts", f"Bearer {CANARY}-openai") in [(path, sent.get("Authorization")) for path, sent in seen]
    assert not any(path == "/stolen" for path, _ in seen), "a key never follows a redirect"


def test_a_provider_with_its_own_header_gets_the_key_there(server, tmp_path, monkeypatch):
    url, seen = server
    provide(tmp_path, url, {"anthropic": "accepts"}, header="x-api-key")
    monkeypatch.setenv("ANTHROPIC_API_KEY", CANARY)
    done = veracity("keys", "check", "anthropic")
    assert done.exit_code == 0 and "reachable" in done.output
    assert seen[-1][1]["x-api-key"] == CANARY and "Authorization" not in seen[-1][1]


def test_nobody_listening_and_a_key_that_no_header_can_hold(tmp_path, monkeypatch):
    provide(tmp_path, "http://127.0.0.1:9", {"openai": "x", "together": "x"})
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setenv("TOGETHER_API_KEY", f"{CANARY}\nInjected: yes")
    done = veracity("keys", "check", "openai", "together", "--timeout", "2")
    assert done.output.count("unreachable") == 2 and CANARY not in done.output and done.exit_code == 1


def test_without_keys_nothing_is_sent_and_an_unknown_provider_is_refused(server, tmp_path):
    url, seen = server
    provide(tmp_path, url, {"openai": "accepts"})
    before = len(seen)
    done = veracity("keys", "check")
    assert done.exit_code == 0 and done.output.count("no key") == len(catalogue().providers) and len(seen) == before
    refused = veracity("keys", "check", "opnai")
    assert refused.exit_code == 1


def test_kinds_and_names_are_listed_and_filtered():
    everything = veracity("models").output
    assert "the embedded model that ships with the package" in everything
    assert "openrouter/openai/gpt-4o" in everything and "retired 2026-08-05" in everything
    scoring = veracity("models", "--can", "score", "--find", "qwen").output
    assert "together/Qwen/Qwen3-8B-Base" in scoring and "openrouter" not in scoring and "gpt" not in scoring
    assert veracity("models", "--can", "scroe").exit_code == 1
    assert "nothing like that" in veracity("models", "--find", "nonsense").output


def test_one_model_is_shown_with_price_date_retirement_and_what_it_opens(monkeypatch):
    shown = veracity("models", "show", "gemini 2.5 flash").output
    assert "2026-12-01; successor: gemini-3.5-flash-lite" in shown
    assert "0.30" in shown and "2026-05-24" in shown and "GOOGLE_API_KEY or OPENROUTER_API_KEY" in shown
    monkeypatch.setenv("OPENROUTER_API_KEY", CANARY)
    shown = veracity("models", "show", "kimi-k2").output
    assert "kimi-k2 opens openrouter/moonshotai/kimi-k2" in shown and "hf/moonshotai" in shown and CANARY not in shown


def test_an_unknown_name_gets_the_nearest(capsys):
    assert veracity("models", "show", "gpt-4.2").exit_code == 1
    with pytest.raises(VeracityError, match=r"gpt-4\.1"):
        show("gpt-4.2")


def test_list_is_a_command_as_elsewhere():
    listed = veracity("models", "list", "--find", "kimi")
    assert listed.exit_code == 0 and listed.output == veracity("models", "--find", "kimi").output


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("openai/gpt-4o", ["gpt-4o", "openrouter/openai/gpt-4o", "128,000"]),
        ("tiny", ["the embedded model that ships", "generate, chat, score", "?system="]),
        ("human", ["?who=", "?blind=", "true or false"]),
        ("vllm/anything", ["?base_url=", "?attempts=", "a whole number"]),
        ("anthropic", ["?reasoning_tokens=", "?submit_after=", "for batches"]),
        ("sim/bayesian", ["Bayes' rule", "?accuracy=  a number (0.8)"]),
        ("sim", ["sim/coin: Draws its answer"]),
    ],
)
def test_kinds_and_routes_are_shown_as_well(name, words):
    shown = veracity("models", "show", name)
    assert shown.exit_code == 0
    for word in words:
        assert word in shown.output, shown.output


def test_every_kind_tells_its_options_without_opening_anything():
    for kind, _ in KINDS:
        assert veracity("models", "show", kind).exit_code == 0, kind


def test_a_retirement_is_told_once():
    assert veracity("models", "show", "gpt-4.1-nano").output.count("retired") == 1


def test_a_sentence_after_a_suggestion_begins_after_one_mark():
    for name in ("gpt-4.2", "zzz"):
        with pytest.raises(VeracityError, match=r"[^?.][?.] You can add it in"):
            show(name)


def test_providers_without_a_free_request_are_named(server, tmp_path):
    url, _ = server
    provide(tmp_path, url, {"openai": "accepts"})
    output = veracity("keys", "check").output
    for provider in ("bedrock", "azureai", "cloudflare", "perplexity", "sambanova"):
        assert provider in output
    refused = CliRunner().invoke(app, ["keys", "check", "bedrock"])
    assert refused.exit_code == 1


def test_no_name_of_a_class_is_shown_where_nobody_listens(tmp_path, monkeypatch):
    provide(tmp_path, "http://127.0.0.1:9", {"openai": "x"})
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    output = veracity("keys", "check", "openai", "--timeout", "2").output
    assert "no connection: check the network" in output and "Error" not in output


def test_what_runs_have_trained_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "trained here" not in veracity("models").output
    folder = tmp_path / "runs" / "r1" / "models" / "dpo-0"
    folder.mkdir(parents=True)
    (folder / "lineage.json").write_text('{"trainer": "dpo", "parent_name": "tiny", "steps": 138}')
    shown = veracity("models", "--find", "r1").output
    assert "trained/r1/dpo-0" in shown and "138" in shown and "tiny" in shown
    assert "trained/r1" not in veracity("models", "--can", "embed").output
