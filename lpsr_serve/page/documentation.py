"""The API's documentation as a page of its own, made from the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

_METHODS = ("get", "post", "patch", "delete")


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the operations of an OpenAPI document by tag, in its order."""
    by_tag: dict[str, list[dict[str, Any]]] = {}
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                told = item[method]
                by_tag.setdefault((told.get("tags") or ["other"])[0], []).append(
                    _operation(document, path, method, told)
                )
    yield from by_tag.items()


def _operation(document: Mapping[str, Any], path: str, method: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows of a method of a path; examples are JSON, and empty where there is no body."""
    content = told.get("requestBody", {}).get("content", {})
    fine: Mapping[str, Any] = next((entry for status, entry in told["responses"].items() if status.startswith("2")), {})
    body, answer = (
        None if schema is None else _example(document, schema)
        for schema in (_schema(content), _schema(fine.get("content", {})))
    )
    return {
        "method": method.upper(),
        "path": path,
        "summary": told.get("summary", ""),
        "text": told.get("description", ""),
        "parameters": [_parameter(entry) for entry in told.get("parameters", ())],
        "body": list(content),
        "body_example": _json(body),
        "answers": [(status, entry.get("description", "")) for status, entry in told["responses"].items()],
        "example": _json(answer),
        "curl": _curl(path, method, body, content),
    }


def _schema(content: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return content.get("application/json", {}).get("schema")


def _parameter(entry: Mapping[str, Any]) -> dict[str, Any]:
    schema = entry.get("schema", {})
    return {
        "name": entry["name"],
        "place": entry["in"],
        "kind": _kind(schema),
        "required": bool(entry.get("required")),
        "text": entry.get("description") or schema.get("description", ""),
    }


def _curl(path: str, method: str, example: Any, content: Mapping[str, Any]) -> str:
    parts = ["curl", "-H 'Authorization: Bearer KEY'"]
    if method != "get" and not (content and method == "post"):
        parts.append(f"-X {method.upper()}")
    if "multipart/form-data" in content:
        (field,) = content["multipart/form-data"]["schema"]["properties"]
        parts.append(f"-F {field}=@FILE")
    elif content:
        parts.append(f"--json '{json.dumps(example)}'")
    parts.append(f"http://HOST:8080{path}")
    return " ".join(parts)


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
    return "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)
