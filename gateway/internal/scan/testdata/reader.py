"""Reads messages, a line of base64 each, as Python does, and tells in a line of JSON what it sees: null where it refuses, else
the message's type and every restaurant_id, however deep."""
import base64, json, sys


def told(v):
    if v is None:
        return "null"
    if isinstance(v, str):
        return "s:" + v
    if isinstance(v, bool):
        return "boolean"
    return {dict: "object", list: "array"}.get(type(v), "number")


def walk(v, out):
    if isinstance(v, dict):
        for key, value in v.items():
            if key == "restaurant_id":
                out.append(told(value))
            walk(value, out)
    elif isinstance(v, list):
        for value in v:
            walk(value, out)


for line in sys.stdin:
    answer = None
    try:
        v = json.loads(base64.b64decode(line).decode("utf-8"))
        ids = []
        walk(v, ids)
        answer = {"type": told(v["type"]) if isinstance(v, dict) and "type" in v else "", "ids": sorted(ids)}
    except (ValueError, RecursionError):
        pass
    print(json.dumps(answer))
