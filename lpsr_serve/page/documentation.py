"""The API's documentation as a page of its own, made from the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_METHODS = ("get", "post", "patch", "delete")


@dataclass(frozen=True)
class Parameter:
    """A parameter of an operation."""

    name: str
    place: str
    kind: str
    required: bool
    text: str


@dataclass(frozen=True)
class Operation:
    """A method of a path.

    Attributes:
        method, path, summary, text: as the document says.
        parameters: in the path, the query and the headers.
        body: content types of the request's body; empty for none.
        body_example: JSON of an example, or empty.
        answers: status and meaning.
        example: JSON of an example of the answer, or empty.
        curl: a command that calls it.
    """

    method: str
    path: str
    summary: str
    text: str
    parameters: tuple[Parameter, ...]
    body: tuple[str, ...]
    body_example: str
    answers: tuple[tuple[str, str], ...]
    example: str
    curl: str


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, list[Operation]]]:
    """Yield the operations of an OpenAPI document by tag, in its order."""
    by_tag: dict[str, list[Operation]] = {}
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                told = item[method]
                by_tag.setdefault((told.get("tags") or ["other"])[0], []).append(
                    _operation(document, path, method, told)
                )
    yield from by_tag.items()


def _operation(document: Mapping[str, Any], path: str, method: str, told: Mapping[str, Any]) -> Operation:
    parameters = tuple(
        Parameter(
            entry["name"],
            entry["in"],
            _kind(entry.get("schema", {})),
            bool(entry.get("required")),
            entry.get("description") or entry.get("schema", {}).get("description", ""),
        )
        for entry in told.get("parameters", ())
    )
    content = told.get("requestBody", {}).get("content", {})
    body_schema = content.get("application/json", {}).get("schema")
    body_example = "" if body_schema is None else _json(_example(document, body_schema))
    answers = tuple((status, entry.get("description", "")) for status, entry in told["responses"].items())
    fine: Mapping[str, Any] = next((entry for status, entry in told["responses"].items() if status.startswith("2")), {})
    schema = fine.get("content", {}).get("application/json", {}).get("schema")
    return Operation(
        method.upper(),
        path,
        told.get("summary", ""),
        told.get("description", ""),
        parameters,
        tuple(content),
        body_example,
        answers,
        "" if schema is None else _json(_example(document, schema)),
        _curl(path, method, tuple(content), body_schema and _example(document, body_schema), content),
    )


def _curl(path: str, method: str, kinds: tuple[str, ...], example: Any, content: Mapping[str, Any]) -> str:
    parts = ["curl", "-H 'Authorization: Bearer KEY'"]
    if method != "get":
        parts.append(f"-X {method.upper()}" if not kinds else "" if method == "post" else f"-X {method.upper()}")
    if "multipart/form-data" in kinds:
        (field,) = content["multipart/form-data"]["schema"]["properties"]
        parts.append(f"-F {field}=@FILE")
    elif kinds:
        parts.append(f"--json '{json.dumps(example)}'")
    parts.append(f"http://HOST:8080{path}")
    return " ".join(part for part in parts if part)


def _kind(schema: Mapping[str, Any]) -> str:
    options = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    one = options[0] if options else {}
    if "enum" in one:
        return " | ".join(map(str, one["enum"]))
    kind = str(one.get("format") or one.get("type", "any"))
    low, high = one.get("minimum"), one.get("maximum")
    return f"{kind}, {low:g} to {high:g}" if low is not None and high is not None else kind


def _example(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """A value that a schema allows: its example, or one that is put together of its parts."""
    if "$ref" in schema:
        return _example(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if schema.get("examples"):
        return schema["examples"][0]
    if "default" in schema:
        return schema["default"]
    if "anyOf" in schema:
        return _example(document, schema["anyOf"][0])
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    if schema.get("type") == "object":
        return {name: _example(document, part) for name, part in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [_example(document, schema.get("items", {}))]
    return {"string": "", "integer": 0, "number": 0.0, "boolean": False}.get(schema.get("type", ""))


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
