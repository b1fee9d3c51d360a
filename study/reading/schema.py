"""The JSON Schema of a study's YAML; ``study/study.schema.json`` is this, written down for editors."""

from pathlib import Path
from typing import Any

from models.spec import CHOICES, architectures
from study.config import DIALS, StudyConfig

SHIPPED = Path(__file__).parents[1] / "study.schema.json"


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12. It knows every key, type and bound; that dials go together is checked on reading."""
    schema = StudyConfig.model_json_schema()
    properties = schema["properties"]
    dials = sorted(DIALS)
    for branch in properties["space"]["anyOf"]:
        if branch["type"] == "object":
            branch["propertyNames"] = {"enum": dials}
    properties["enqueue"]["items"] = {"type": "object", "propertyNames": {"enum": dials}}
    model = schema["$defs"]["ModelSpec"]["properties"]
    for name in CHOICES:
        words = [*CHOICES[name], None] if name == "shortcut" else list(CHOICES[name])
        model[name] = {"enum": words, "default": model[name].get("default"), "title": model[name]["title"]}
    schema["$defs"]["Choices"]["description"] += f" `architecture` is one of {', '.join(architectures())}."
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Fitscape study"}
