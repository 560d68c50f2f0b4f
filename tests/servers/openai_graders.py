"""OpenAI's graders: `validate` refuses what the API refuses, `run` really grades."""

from __future__ import annotations

import ast
import math
import operator
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web

from servers.app import STATE, State, error
from veracity.core.errors import VeracityError
from veracity.core.requests import Generate, Message

FIELDS = {
    "python": {"source"},
    "score_model": {"model", "input"},
    "string_check": {"input", "reference", "operation"},
    "text_similarity": {"input", "reference", "evaluation_metric"},
    "multi": {"graders", "calculate_output"},
}
OPTIONAL = {"python": {"image_tag"}, "score_model": {"range", "sampling_params"}}
ERRORS = (
    *("formula_parse_error", "sample_parse_error", "truncated_observation_error", "unresponsive_reward_error"),
    *("invalid_variable_error", "other_error", "python_grader_server_error", "python_grader_runtime_error"),
    *("model_grader_server_error", "model_grader_refusal_error", "model_grader_parse_error"),
)
TEMPLATE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
VARIABLE = re.compile(r"(item|sample)\.(\w+)")
SIGNS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
FUNCTIONS = {"min": min, "max": max, "abs": abs, "floor": math.floor, "ceil": math.ceil}
FUNCTIONS |= {"exp": math.exp, "sqrt": math.sqrt, "log": math.log}


class GradingError(Exception):
    """A grader failed; the message is the name of its error."""


def add_routes(app: web.Application) -> None:
    """Mount under /v1/fine_tuning/alpha/graders."""
    app.router.add_post("/v1/fine_tuning/alpha/graders/validate", _validate)
    app.router.add_post("/v1/fine_tuning/alpha/graders/run", _run)


async def _validate(request: web.Request) -> web.Response:
    grader = (await request.json()).get("grader")
    if (wrong := next(problems(grader), None)) is not None:
        refused: web.Response = error(request, 400, f"Invalid grader: {wrong}", "invalid_request_error")
        return refused
    return web.json_response({"grader": grader})


async def _run(request: web.Request) -> web.Response:
    body, began = await request.json(), time.monotonic()
    grader, sample = body.get("grader"), body.get("model_sample")
    wrong = next(problems(grader), None) or (None if isinstance(sample, str) else "model_sample must be a text")
    if wrong is not None:
        refused: web.Response = error(request, 400, f"Invalid grader: {wrong}", "invalid_request_error")
        return refused
    failed, reward = "", 0.0
    try:
        reward = await grade(request.app[STATE], grader, {"output_text": sample}, body.get("item") or {})
    except GradingError as struck:
        failed = str(struck)
    errors = dict.fromkeys(ERRORS, False) | ({failed: True} if failed else {})
    metadata = {"name": grader["name"], "type": grader["type"], "errors": errors, "scores": {}, "token_usage": None}
    metadata |= {"execution_time": time.monotonic() - began, "sampled_model_name": None}
    usage: dict[str, Any] = {"sub_rewards": {}, "model_grader_token_usage_per_model": {}}
    return web.json_response({"reward": reward, "metadata": metadata, **usage})


def problems(grader: Any) -> Iterator[str]:
    """What the API would refuse."""
    if not isinstance(grader, dict) or grader.get("type") not in FIELDS:
        yield "type must be one of " + ", ".join(FIELDS)
        return
    kind = grader["type"]
    needed = FIELDS[kind] | {"type", "name"}
    yield from (f"{name} is missing" for name in sorted(needed - grader.keys()))
    yield from (f"{n} is no parameter of {kind}" for n in sorted(grader.keys() - needed - OPTIONAL.get(kind, set())))
    if needed - grader.keys():
        return
    for text in _templates(grader):
        if not VARIABLE.fullmatch(text):
            yield f"{text!r}: only the namespaces item and sample exist"
    if kind == "python":
        yield from _python_problems(grader["source"])
    span = grader.get("range", [0, 1])
    if len(span) != 2 or not span[0] < span[1]:
        yield "range must be two numbers, the lower first"
    if kind == "multi":
        for part in grader["graders"].values():
            yield from (["graders cannot be nested"] if part.get("type") == "multi" else problems(part))
        try:
            calculated(grader["calculate_output"], dict.fromkeys(grader["graders"], 0.5))
        except GradingError:
            yield "calculate_output cannot be read"


def _templates(grader: Mapping[str, Any]) -> Iterator[str]:
    texts = [turn["content"] for turn in grader.get("input", [])] if grader["type"] == "score_model" else []
    for text in texts or [str(grader.get(name, "")) for name in ("input", "reference")]:
        yield from TEMPLATE.findall(text)


def _python_problems(source: str) -> Iterator[str]:
    if len(source.encode()) > 256_000:
        yield "source is larger than 256 kB"
    try:
        names = {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    except SyntaxError as problem:
        yield f"source is no Python: {problem}"
        return
    if "grade" not in names:
        yield "source has no function grade"


async def grade(state: State, grader: Mapping[str, Any], sample: dict[str, Any], item: dict[str, Any]) -> float:
    """The grade. Raises GradingError."""
    kind = grader["type"]
    if kind == "python":
        return _python(grader["source"], sample, item)
    if kind == "multi":
        parts = {name: await grade(state, part, sample, item) for name, part in grader["graders"].items()}
        return calculated(grader["calculate_output"], parts)
    if kind == "score_model":
        return await _model(state, grader, sample, item)
    given, reference = (_filled(grader[name], sample, item) for name in ("input", "reference"))
    return float(given == reference)


def _python(source: str, sample: dict[str, Any], item: dict[str, Any]) -> float:
    space: dict[str, Any] = {}
    try:
        exec(source, space)
        return float(space["grade"](sample, item))
    except Exception:  # noqa: BLE001 - whatever the source raises
        raise GradingError("python_grader_runtime_error") from None


async def _model(state: State, grader: Mapping[str, Any], sample: dict[str, Any], item: dict[str, Any]) -> float:
    turns = tuple(Message(t["role"], _filled(t["content"], sample, item)) for t in grader["input"])
    try:
        said = (await state.answers.generate(Generate("", turns))).text
    except VeracityError:
        raise GradingError("model_grader_server_error") from None
    low, high = grader.get("range", [0, 1])
    try:
        value = float(said)
    except ValueError:
        raise GradingError("model_grader_parse_error") from None
    return min(max(value, low), high)


def _filled(text: str, sample: dict[str, Any], item: dict[str, Any]) -> str:
    def value(found: re.Match[str]) -> str:
        space, name = found[1].split(".", 1)
        try:
            return str({"item": item, "sample": sample}[space][name])
        except KeyError:
            raise GradingError("invalid_variable_error") from None

    return TEMPLATE.sub(value, text)


def calculated(formula: str, values: Mapping[str, float]) -> float:
    """The formula's value: + - * / ^, a few functions, the sub-graders by name."""

    def of(node: ast.expr) -> float:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return node.value
        if isinstance(node, ast.Name) and node.id in values:
            return values[node.id]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            return float(of(node.left) ** of(node.right))
        if isinstance(node, ast.BinOp) and type(node.op) in SIGNS:
            return float(SIGNS[type(node.op)](of(node.left), of(node.right)))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
            return float(FUNCTIONS[node.func.id](*map(of, node.args)))
        raise GradingError("formula_parse_error")

    try:
        return of(ast.parse(formula.replace("^", "**"), mode="eval").body)
    except (SyntaxError, ArithmeticError, ValueError):
        raise GradingError("formula_parse_error") from None
